/// Reads a binary form that starts with the number of its parts: a composite or a multirange.
struct CountedReader {
    /// The number of parts.
    let count: Int
    private var reader: BinaryReader
    private var left: Int

    /// Reads the number.
    /// - Parameters:
    ///   - type: the name that errors carry.
    ///   - minimumSize: the bytes that the smallest part has. A number of more parts than fit into the bytes that
    ///     follow is an error, so that a caller may allocate for `count` parts.
    init(_ bytes: UnsafeRawBufferPointer, _ type: StaticString, minimumSize: Int) throws(ValueFormatError) {
        reader = BinaryReader(bytes, type)
        count = try Int(reader.read(Int32.self))
        guard count >= 0, count <= reader.remaining / minimumSize else { throw reader.error(.wrongLength) }
        left = count
    }

    /// Reads the next part by `body`; `nil` after the last, if nothing follows it.
    mutating func next<Part>(
        _ body: (inout BinaryReader) throws(ValueFormatError) -> Part
    ) throws(ValueFormatError) -> Part? {
        guard left > 0 else {
            try reader.finish()
            return nil
        }
        left &-= 1
        return try body(&reader)
    }
}
