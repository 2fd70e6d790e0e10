import ApusPython
import CApusPsycopg

/// Makes the type of the object that owns the bytes of a `bytea`'s memoryview.
func makeChunkType(in owner: PyObj) throws(PythonError) -> PyRef {
    try PyRef(
        typeNamed: "psycopg2._psycopg.chunk", in: owner, size: apus_chunk_size, itemSize: 1, flags: [],
        doc: "The memory of the memoryview of a `bytea`.",
        [
            .dealloc { me in
                if let me { me.free() }
            },
            .buffer(apus_chunk_getbuffer),
        ])
}

/// Makes a chunk of `count` bytes, which are not initialized.
func makeChunk(_ count: Int) throws(PythonError) -> PyRef {
    try PyRef(instanceOf: module.pointee.chunk, itemCount: count)
}
