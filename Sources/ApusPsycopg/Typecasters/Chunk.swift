import ApusPython
import CApusPsycopg

/// The object whose bytes the memoryview of a `bytea` shows.
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

/// A chunk with room for `count` bytes, which are still to be written.
func makeChunk(_ count: Int) throws(PythonError) -> PyRef {
    try PyRef(instanceOf: module.pointee.chunk, itemCount: count)
}
