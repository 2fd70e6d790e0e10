import ApusPython
import ApusValues
import CApusPsycopg

/// Where the bytes of a fetch's `bytea` cells go.
///
/// A memoryview is a large object, and each that is made of a chunk of its own brings two more with it: the chunk, and
/// the "managed buffer" that CPython puts between them. Together they take several times the memory of a short value.
/// So short values share a chunk and its managed buffer. Because of that, one of them keeps the memory of the others:
/// at most `size` bytes, hardly more than what is saved for it alone. The first value of a fetch has a chunk of its
/// own, because it may be the only one.
struct ByteSlab: ~Copyable {
    /// A memoryview of the chunk that has room.
    private var view: PyObj?
    private var position: UnsafeMutableRawPointer?
    private var room = 0
    private var isFirst = true

    private static var size: Int { 2048 }
    private static var longest: Int { 256 }

    deinit { view?.release() }

    /// A `bytea`'s text as a memoryview of its bytes.
    mutating func view(_ text: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        guard let count = ByteaText.decodedCount(text) else { return try Self.lenientView(text) }
        if isFirst || count > Self.longest {
            isFirst = false
            let chunk = try makeChunk(count)
            guard ByteaText.decode(text, to: apus_chunk_bytes(chunk.object)) else { throw Decoding.malformed("bytea") }
            return try chunk.object.view()
        }
        // An empty value fits into no room at all, yet its view needs a chunk.
        if view == nil || room < count { try renew() }
        guard let view, let start = position else { throw raise(Python.runtimeError, "there is no chunk for a bytea") }
        guard ByteaText.decode(text, to: start) else { throw Decoding.malformed("bytea") }
        let made = try PyRef(viewSharing: view, start, count: count)
        // What is cast to another format is then aligned as in a chunk of its own.
        let taken = (count &+ 7) & ~7
        position = start + taken
        room &-= taken
        return made
    }

    @inline(never)
    private mutating func renew() throws(PythonError) {
        let chunk = try makeChunk(Self.size)
        replace(&view, with: try chunk.object.view())
        position = apus_chunk_bytes(chunk.object)
        room = Self.size
    }

    /// The escape format with backslashes that need none.
    @inline(never)
    private static func lenientView(_ text: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        if text.starts(with: "\\x".utf8) { throw Decoding.malformed("bytea") }
        var result: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            let octal = rest.prefix(3)
            if octal.count == 3, octal.allSatisfy({ $0 >= 48 && $0 < 56 }) {
                result.append(octal.reduce(0) { $0 &* 8 &+ ($1 &- 48) })
                rest = rest.dropFirst(3)
            } else if let escaped = rest.popFirst() {
                result.append(escaped)
            }
        }
        let chunk = try makeChunk(result.count)
        UnsafeMutableRawBufferPointer(start: apus_chunk_bytes(chunk.object), count: result.count).copyBytes(
            from: result)
        return try chunk.object.view()
    }
}
