/// The text form of `uuid`: 32 hexadecimal digits in groups of 8-4-4-4-12.
public enum UUIDText {
    /// Parses what the server writes and, like the server's reader, digits of either case, hyphens after any group of
    /// four, and braces around it all.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> PGUUID? {
        parseUsual(bytes) ?? parseAny(bytes)
    }

    /// Groups of 8-4-4-4-12.
    @inline(__always)
    private static func parseUsual(_ bytes: UnsafeRawBufferPointer) -> PGUUID? {
        guard bytes.count == 36, let base = bytes.baseAddress else { return nil }
        let hyphen = UInt8(ascii: "-")
        guard bytes[8] == hyphen, bytes[13] == hyphen, bytes[18] == hyphen, bytes[23] == hyphen else { return nil }
        var right = UInt16.max
        func take(_ count: Int, at offset: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in 0..<count {
                let pair = base.loadUnaligned(fromByteOffset: offset &+ index &* 2, as: UInt16.self)
                value = value &<< 8 | UInt64(Hex.byte(UInt16(littleEndian: pair), &right))
            }
            return value
        }
        let high = (take(4, at: 0) &<< 32) | (take(2, at: 9) &<< 16) | take(2, at: 14)
        let low = (take(2, at: 19) &<< 48) | take(6, at: 24)
        return right & 0x8080 == 0x8080 ? PGUUID(high: high, low: low) : nil
    }

    private static func parseAny(_ bytes: UnsafeRawBufferPointer) -> PGUUID? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        let isBraced = cursor.skip(UInt8(ascii: "{"))
        var high: UInt64 = 0, low: UInt64 = 0
        for index in 0..<32 {
            if index & 3 == 0, index > 0 { _ = cursor.skip(UInt8(ascii: "-")) }
            guard cursor.position < cursor.end, let digit = Hex.value(cursor.position.pointee) else { return nil }
            cursor.position += 1
            if index < 16 { high = high &<< 4 | UInt64(digit) } else { low = low &<< 4 | UInt64(digit) }
        }
        if isBraced, !cursor.skip(UInt8(ascii: "}")) { return nil }
        return cursor.isAtEnd ? PGUUID(high: high, low: low) : nil
    }

    /// Writes 36 characters in lower case.
    public static func write(_ value: PGUUID, to writer: inout ByteWriter) {
        let target = writer.reserve(36)
        var position = 0
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 {
                target[position] = UInt8(ascii: "-")
                position &+= 1
            }
            let half = index < 16 ? value.high : value.low
            let nibble = half &>> UInt64(60 &- (index & 15) &* 4)
            target[position] = Hex.digit(UInt8(truncatingIfNeeded: nibble) & 0xF)
            position &+= 1
        }
        writer.advance(by: 36)
    }
}

extension PGUUID: CustomStringConvertible {
    /// The 36 characters of its text form.
    public var description: String {
        var writer = ByteWriter(minimumCapacity: 36)
        UUIDText.write(self, to: &writer)
        return writer.string()
    }
}
