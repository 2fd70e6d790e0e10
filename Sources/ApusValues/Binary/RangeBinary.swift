/// The binary form of ranges: a byte of flags, then the bounds that there are, each after its length.
public enum RangeBinary {
    /// The flags, as `rangetypes.h` numbers them.
    @frozen
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        @inlinable
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let empty = Flags(rawValue: 0x01)
        public static let lowerInclusive = Flags(rawValue: 0x02)
        public static let upperInclusive = Flags(rawValue: 0x04)
        public static let lowerInfinite = Flags(rawValue: 0x08)
        public static let upperInfinite = Flags(rawValue: 0x10)

        /// Whether a lower bound follows.
        @inlinable public var hasLower: Bool { rawValue & 0x09 == 0 }
        /// Whether an upper bound follows.
        @inlinable public var hasUpper: Bool { rawValue & 0x11 == 0 }
    }

    /// A range whose bounds are still bytes.
    @frozen
    public struct Fields {
        public var flags: Flags
        /// `nil` if there is no lower bound.
        public var lower: UnsafeRawBufferPointer?
        /// `nil` if there is no upper bound.
        public var upper: UnsafeRawBufferPointer?
    }

    public static func read(_ bytes: UnsafeRawBufferPointer) throws(ValueFormatError) -> Fields {
        var reader = BinaryReader(bytes, "range")
        let flags = Flags(rawValue: try reader.read())
        guard flags.rawValue < 0x20 else { throw reader.error(.malformed) }
        var fields = Fields(flags: flags)
        if flags.hasLower { fields.lower = try bound(&reader) }
        if flags.hasUpper { fields.upper = try bound(&reader) }
        try reader.finish()
        return fields
    }

    private static func bound(_ reader: inout BinaryReader) throws(ValueFormatError) -> UnsafeRawBufferPointer {
        guard let bound = try reader.readNullable() else { throw reader.error(.malformed) }
        return bound
    }

    /// Appends what precedes the bounds; those that `flags` has follow by `ByteWriter.appendWithLength`.
    public static func writeHeader(_ flags: Flags, to writer: inout ByteWriter) {
        writer.append(flags.rawValue)
    }
}

/// The binary form of multiranges: the number of ranges, then each after its length.
public enum MultirangeBinary {
    /// Reads a multirange's ranges where they lie.
    public struct Reader {
        private var reader: CountedReader

        public init(_ bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
            // Every range has a length and a byte of flags.
            reader = try CountedReader(bytes, "multirange", minimumSize: 5)
        }

        public var rangeCount: Int { reader.count }

        /// The next range; `nil` after the last, if nothing follows it.
        public mutating func next() throws(ValueFormatError) -> RangeBinary.Fields? {
            try reader.next { reader throws(ValueFormatError) in
                guard let range = try reader.readNullable() else { throw reader.error(.malformed) }
                return try RangeBinary.read(range)
            }
        }
    }

    /// Appends what precedes the ranges, which follow by `ByteWriter.appendWithLength`.
    public static func writeHeader(rangeCount: Int32, to writer: inout ByteWriter) {
        writer.append(bigEndian: rangeCount)
    }
}
