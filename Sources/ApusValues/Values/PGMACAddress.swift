/// A `macaddr` (48 bits) or `macaddr8` (64 bits).
@frozen
public struct PGMACAddress: Hashable, Sendable {
    /// The address's value, in the lowest bits.
    public var address: UInt64
    /// 6 or 8.
    public let byteCount: Int

    /// A `macaddr`; bits above the 48 are dropped.
    public init(eui48 address: UInt64) {
        self.address = address & 0xFFFF_FFFF_FFFF
        byteCount = 6
    }

    /// A `macaddr8`.
    public init(eui64 address: UInt64) {
        self.address = address
        byteCount = 8
    }
}

extension PGMACAddress: BinaryValue {
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 6 || bytes.count == 8 else { throw ValueFormatError(.wrongLength, "macaddr") }
        let value = bytes.reduce(0 as UInt64) { $0 &<< 8 | UInt64($1) }
        self = bytes.count == 6 ? PGMACAddress(eui48: value) : PGMACAddress(eui64: value)
    }

    public func writeBinary(to writer: inout ByteWriter) {
        for index in 0..<byteCount { writer.append(byte(index)) }
    }

    /// The byte at a place counted from the left.
    func byte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: address &>> UInt64((byteCount - 1 - index) * 8))
    }
}
