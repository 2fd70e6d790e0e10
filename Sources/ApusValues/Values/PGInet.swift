/// An `inet` or `cidr`: an IPv4 or IPv6 address and the length of its network's prefix.
@frozen
public struct PGInet: Hashable, Sendable {
    @frozen
    public enum Family: UInt8, Hashable, Sendable {
        case v4
        case v6

        /// Bits of an address.
        @inlinable public var bitWidth: UInt8 { self == .v4 ? 32 : 128 }
    }

    public var family: Family
    /// The address's value; for IPv4 in the lowest 32 bits.
    public var address: UInt128
    /// Bits that name the network: 0…32 or 0…128.
    public var prefixLength: UInt8
    /// Whether it is a `cidr`, whose text always shows the prefix.
    public var isCIDR: Bool

    /// - Returns: `nil` if the address or the prefix is too long for the family, or a `cidr` has bits set to the right
    ///   of its prefix.
    public init?(family: Family, address: UInt128, prefixLength: UInt8? = nil, isCIDR: Bool = false) {
        let prefixLength = prefixLength ?? family.bitWidth
        guard prefixLength <= family.bitWidth, family == .v6 || address <= UInt128(UInt32.max) else { return nil }
        if isCIDR {
            let hostBits = UInt128(family.bitWidth - prefixLength)
            guard hostBits >= 128 ? address == 0 : address & ((1 << hostBits) &- 1) == 0 else { return nil }
        }
        self.family = family
        self.address = address
        self.prefixLength = prefixLength
        self.isCIDR = isCIDR
    }
}

extension PGInet: BinaryValue {
    /// The numbers that the server gives the two families (`PGSQL_AF_INET`, `PGSQL_AF_INET6`).
    private static var numberOfV4: UInt8 { 2 }
    private static var numberOfV6: UInt8 { 3 }

    /// Family, prefix length, whether it is a `cidr`, the address's length, the address.
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        var reader = BinaryReader(bytes, "inet")
        let number = try reader.read(UInt8.self)
        let prefixLength = try reader.read(UInt8.self)
        let isCIDR = try reader.read(UInt8.self) != 0
        let length = try reader.read(UInt8.self)
        let address: UInt128
        switch (number, length) {
        case (Self.numberOfV4, 4): address = try UInt128(reader.read(UInt32.self))
        case (Self.numberOfV6, 16):
            let high = try reader.read(UInt64.self), low = try reader.read(UInt64.self)
            address = UInt128(high) << 64 | UInt128(low)
        default: throw reader.error(.malformed)
        }
        try reader.finish()
        guard
            let value = PGInet(
                family: number == Self.numberOfV4 ? .v4 : .v6, address: address, prefixLength: prefixLength,
                isCIDR: isCIDR)
        else { throw reader.error(.outOfRange) }
        self = value
    }

    public func writeBinary(to writer: inout ByteWriter) {
        writer.append(family == .v4 ? Self.numberOfV4 : Self.numberOfV6)
        writer.append(prefixLength)
        writer.append(isCIDR ? 1 : 0)
        writer.append(family.bitWidth / 8)
        if family == .v4 {
            writer.append(bigEndian: UInt32(truncatingIfNeeded: address))
        } else {
            writer.append(bigEndian: UInt64(truncatingIfNeeded: address >> 64))
            writer.append(bigEndian: UInt64(truncatingIfNeeded: address))
        }
    }
}
