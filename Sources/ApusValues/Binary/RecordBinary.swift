/// The binary form of composites: the number of fields, then for each its type's OID, its length and its value.
public enum RecordBinary {
    /// A composite's field where it lies.
    @frozen
    public struct Field {
        /// The field type's OID.
        public var type: OID
        /// `nil` for NULL.
        public var value: UnsafeRawBufferPointer?
    }

    /// Reads a composite's fields where they lie.
    public struct Reader {
        public let fieldCount: Int
        private var reader: BinaryReader
        private var left: Int

        public init(_ bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
            reader = BinaryReader(bytes, "record")
            let count = try Int(reader.read(Int32.self))
            // Every field has eight bytes in front of its value.
            guard count >= 0, count <= reader.remaining / 8 else { throw reader.error(.wrongLength) }
            fieldCount = count
            left = count
        }

        /// The next field; `nil` after the last, if nothing follows it.
        public mutating func next() throws(ValueFormatError) -> Field? {
            guard left > 0 else {
                try reader.finish()
                return nil
            }
            left -= 1
            let type = OID(rawValue: try reader.read())
            return Field(type: type, value: try reader.readNullable())
        }
    }

    /// Appends what precedes the fields. For each then follow its type's OID (`append(bigEndian:)`) and its value
    /// (`appendWithLength`, `appendNull`).
    public static func writeHeader(fieldCount: Int32, to writer: inout ByteWriter) {
        writer.append(bigEndian: fieldCount)
    }
}
