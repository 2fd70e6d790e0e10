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
        private var reader: CountedReader

        public init(_ bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
            // Every field has eight bytes in front of its value.
            reader = try CountedReader(bytes, "record", minimumSize: 8)
        }

        public var fieldCount: Int { reader.count }

        /// The next field; `nil` after the last, if nothing follows it.
        public mutating func next() throws(ValueFormatError) -> Field? {
            try reader.next { reader throws(ValueFormatError) in
                Field(type: OID(rawValue: try reader.read()), value: try reader.readNullable())
            }
        }
    }

    /// Appends what precedes the fields. For each then follow its type's OID (`append(bigEndian:)`) and its value
    /// (`appendWithLength`, `appendNull`).
    public static func writeHeader(fieldCount: Int32, to writer: inout ByteWriter) {
        writer.append(bigEndian: fieldCount)
    }
}
