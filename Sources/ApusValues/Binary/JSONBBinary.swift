/// The binary form of `jsonb`: a version, then the document as JSON text.
public enum JSONBBinary {
    /// The only version there is.
    public static let version: UInt8 = 1

    /// The JSON text, still borrowed.
    public static func text(_ bytes: UnsafeRawBufferPointer) throws(ValueFormatError) -> UnsafeRawBufferPointer {
        guard bytes.count > 0 else { throw ValueFormatError(.wrongLength, "jsonb") }
        guard bytes[0] == version else { throw ValueFormatError(.unknownVersion, "jsonb") }
        return UnsafeRawBufferPointer(rebasing: bytes[1...])
    }

    /// Appends a document. The server checks it.
    public static func write(_ json: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.append(version)
        writer.append(json)
    }
}
