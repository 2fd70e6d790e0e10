/// The text form of `inet` and `cidr`: `192.168.0.1/24`, `2001:db8::1`.
public enum InetText {
    /// - Parameter isCIDR: whether the text is a `cidr`'s, which the text itself does not tell.
    /// - Returns: `nil` for anything but a whole IPv4 or IPv6 address with or without a prefix length.
    public static func parse(_ bytes: UnsafeRawBufferPointer, isCIDR: Bool = false) -> PGInet? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        let start = cursor
        var family = PGInet.Family.v4
        let address: UInt128
        if let v4 = takeV4(&cursor) {
            address = UInt128(v4)
        } else {
            cursor = start
            guard let v6 = takeV6(&cursor) else { return nil }
            address = v6
            family = .v6
        }
        var prefixLength = family.bitWidth
        if cursor.skip(UInt8(ascii: "/")) {
            guard let number = cursor.digits(), number.count <= 3, let length = UInt8(exactly: number.value) else {
                return nil
            }
            prefixLength = length
        }
        guard cursor.isAtEnd else { return nil }
        return PGInet(family: family, address: address, prefixLength: prefixLength, isCIDR: isCIDR)
    }

    private static func takeV4(_ cursor: inout ByteCursor) -> UInt32? {
        var address: UInt32 = 0
        for index in 0..<4 {
            if index > 0, !cursor.skip(UInt8(ascii: ".")) { return nil }
            guard let number = cursor.digits(), number.count <= 3, number.value <= 255 else { return nil }
            address = address &<< 8 | UInt32(number.value)
        }
        return address
    }

    /// Groups of hexadecimal digits separated by colons; `::` for a run of zeros; the last two may be written as IPv4.
    private static func takeV6(_ cursor: inout ByteCursor) -> UInt128? {
        var address: UInt128 = 0
        var groups = 0
        var groupsBeforeGap: Int?
        if cursor.peek == UInt8(ascii: ":") {
            guard cursor.peekSecond == UInt8(ascii: ":") else { return nil }
            cursor.advance(by: 2)
            groupsBeforeGap = 0
        }
        while groups < 8, Hex.value(cursor.peek) != nil {
            let start = cursor
            if groups <= 6, let v4 = takeV4(&cursor) {
                address = address &<< 32 | UInt128(v4)
                groups += 2
                break
            }
            cursor = start
            var group: UInt128 = 0
            var count = 0
            while count < 4, let digit = Hex.value(cursor.peek) {
                group = group &<< 4 | UInt128(digit)
                count += 1
                cursor.advance()
            }
            address = address &<< 16 | group
            groups += 1
            guard groups < 8, cursor.peek == UInt8(ascii: ":") else { break }
            if cursor.peekSecond == UInt8(ascii: ":") {
                guard groupsBeforeGap == nil else { return nil }
                groupsBeforeGap = groups
                cursor.advance(by: 2)
            } else {
                cursor.advance()
                guard Hex.value(cursor.peek) != nil else { return nil }
            }
        }
        guard let before = groupsBeforeGap else { return groups == 8 ? address : nil }
        guard groups < 8 else { return nil }
        // Everything stands at the low end: lift what came before the gap.
        let after = UInt128((groups - before) * 16)
        let low = address & ((1 << after) &- 1)
        return before == 0 ? low : (address >> after) << UInt128((8 - before) * 16) | low
    }

    /// Writes the address as the server does; the prefix length unless it is an `inet` of one host.
    public static func write(_ value: PGInet, to writer: inout ByteWriter) {
        switch value.family {
        case .v4: writeV4(UInt32(truncatingIfNeeded: value.address), to: &writer)
        case .v6: writeV6(value.address, to: &writer)
        }
        if value.isCIDR || value.prefixLength != value.family.bitWidth {
            writer.append(UInt8(ascii: "/"))
            IntegerText.write(value.prefixLength, to: &writer)
        }
    }

    private static func writeV4(_ address: UInt32, to writer: inout ByteWriter) {
        for shift: UInt32 in [24, 16, 8, 0] {
            if shift < 24 { writer.append(UInt8(ascii: ".")) }
            IntegerText.write((address &>> shift) & 0xFF, to: &writer)
        }
    }

    /// The longest run of two or more zero groups, the first if several are, becomes `::`. Addresses that embed an IPv4
    /// address show it with points.
    private static func writeV6(_ address: UInt128, to writer: inout ByteWriter) {
        func group(_ index: Int) -> UInt16 { UInt16(truncatingIfNeeded: address >> UInt128(112 - index * 16)) }
        var gap = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, group(end) == 0 { end += 1 }
            if end - index > max(gap.count, 1) { gap = index..<end }
            index = end + 1
        }
        let embedsV4 =
            !gap.isEmpty && gap.lowerBound == 0 && (gap.count == 6 || (gap.count == 5 && group(5) == 0xFFFF))
        index = 0
        while index < 8 {
            if gap.contains(index) {
                writer.append("::")
                index = gap.upperBound
                continue
            }
            if index > 0, index != gap.upperBound || gap.isEmpty { writer.append(UInt8(ascii: ":")) }
            if embedsV4, index >= 6 { return writeV4(UInt32(truncatingIfNeeded: address), to: &writer) }
            writeHexadecimal(group(index), to: &writer)
            index += 1
        }
    }

    private static func writeHexadecimal(_ value: UInt16, to writer: inout ByteWriter) {
        var started = false
        for shift: UInt16 in [12, 8, 4, 0] {
            let nibble = UInt8(truncatingIfNeeded: value &>> shift) & 0xF
            started = started || nibble != 0 || shift == 0
            if started { writer.append(Hex.digit(nibble)) }
        }
    }
}
