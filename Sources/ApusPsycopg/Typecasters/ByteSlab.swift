import ApusPython
import ApusValues
import CApusPsycopg

/// The memory for the `bytea` cells of one fetch.
///
/// A memoryview is a large object, and each memoryview of a chunk of its own needs two more objects: the chunk, and the
/// "managed buffer" that CPython puts between them. Together they take several times the memory of a short value, so
/// short values share a chunk and its managed buffer. The cost is that one value keeps the memory of the others alive:
/// at most `size` bytes, hardly more than is saved for it alone. The first value of a fetch has its own chunk, because
/// it may be the only one.
struct ByteSlab: ~Copyable {
    /// A memoryview of the chunk that has room for more values.
    private var view: PyObj?
    private var position: UnsafeMutableRawPointer?
    private var room = 0
    private var isFirst = true

    private static var size: Int { 2048 }
    private static var longest: Int { 256 }

    deinit { view?.release() }

    /// Returns a memoryview of the bytes that the text of a `bytea` stands for.
    mutating func view(_ text: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        guard let count = ByteaText.decodedCount(text) else { return try Self.lenientView(text) }
        if isFirst || count > Self.longest {
            isFirst = false
            let chunk = try makeChunk(count)
            guard ByteaText.decode(text, to: apus_chunk_bytes(chunk.object)) else { throw Decoding.malformed("bytea") }
            return try chunk.object.view()
        }
        // An empty value needs no room, but its memoryview needs a chunk.
        if view == nil || room < count { try startChunk() }
        guard let view, let start = position else { throw raise(Python.runtimeError, "there is no chunk for a bytea") }
        guard ByteaText.decode(text, to: start) else { throw Decoding.malformed("bytea") }
        let made = try PyRef(viewSharing: view, start, count: count)
        // Aligned as in its own chunk, for programs that cast the memoryview to another format.
        let taken = (count &+ 7) & ~7
        position = start + taken
        room &-= taken
        return made
    }

    @inline(never)
    private mutating func startChunk() throws(PythonError) {
        let chunk = try makeChunk(Self.size)
        replace(&view, with: try chunk.object.view())
        position = apus_chunk_bytes(chunk.object)
        room = Self.size
    }

    /// Decodes the escape format, accepting backslashes that escape nothing.
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
