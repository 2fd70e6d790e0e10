import CApusPython

/// The object whose bytes the memoryview of a `bytea` shows.
func makeChunkType(in owner: PyObj) throws(Raised) -> PyObj {
    try makeType(
        "psycopg2._psycopg.chunk", in: owner, size: apus_chunk_size, itemSize: 1, flags: 0,
        [
            .doc("The bytes of a bytea."),
            .dealloc { me in
                if let me { apus_free(me) }
            },
            PyType_Slot(
                Py_bf_getbuffer, unsafeBitCast(apus_chunk_getbuffer as getbufferproc, to: UnsafeMutableRawPointer.self)),
        ])
}

/// A chunk with room for `count` bytes, which are still to be written.
func makeChunk(_ count: Int) throws(Raised) -> PyObj {
    try owned(apus_new_variable(module.pointee.chunk, count))
}
