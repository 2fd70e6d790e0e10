/// Pairs of hexadecimal digits.
enum Hex {
    /// Decodes pairs of digits of either case; false if a byte is no digit or the last one stands alone.
    static func decode(_ digits: UnsafeRawBufferPointer, to destination: UnsafeMutableRawPointer) -> Bool {
        guard digits.count & 1 == 0 else { return false }
        guard let source = digits.baseAddress else { return true }
        let count = digits.count
        var offset = 0
        // Eight digits at a time, in arithmetic that carries into a byte's high bit what is to be known of it: from
        // which character on a byte is. Wrong ones are collected and looked at once, at the end.
        var right: UInt64 = 0x8080_8080_8080_8080
        while count &- offset >= 8 {
            let text = UInt64(littleEndian: (source + offset).loadUnaligned(as: UInt64.self))
            let low = text & 0x7F7F_7F7F_7F7F_7F7F
            let lowered = low | 0x2020_2020_2020_2020
            let isDecimal = (low &+ 0x5050_5050_5050_5050) & ~(low &+ 0x4646_4646_4646_4646)
            let isLetter = (lowered &+ 0x1F1F_1F1F_1F1F_1F1F) & ~(lowered &+ 0x1919_1919_1919_1919)
            right &= (isDecimal | isLetter) & ~text
            let nines = ((isLetter &>> 7) & 0x0101_0101_0101_0101) &* 9
            let nibbles = (low & 0x0F0F_0F0F_0F0F_0F0F) &+ nines
            let bytes = ((nibbles &<< 4) | (nibbles &>> 8)) & 0x00FF_00FF_00FF_00FF
            let pairs = (bytes | (bytes &>> 8)) & 0x0000_FFFF_0000_FFFF
            let four = UInt32(truncatingIfNeeded: pairs | (pairs &>> 16))
            (destination + (offset &>> 1)).storeBytes(of: four.littleEndian, as: UInt32.self)
            offset &+= 8
        }
        guard right & 0x8080_8080_8080_8080 == 0x8080_8080_8080_8080 else { return false }
        let target = destination.assumingMemoryBound(to: UInt8.self)
        while offset < count {
            guard let high = value(digits[offset]), let low = value(digits[offset &+ 1]) else { return false }
            target[offset / 2] = high &<< 4 | low
            offset &+= 2
        }
        return true
    }

    /// The value of one digit of either case.
    @inline(__always)
    static func value(_ digit: UInt8) -> UInt8? {
        let decimal = digit &- 0x30
        if decimal <= 9 { return decimal }
        let letter = (digit | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Writes every byte as two lower-case digits.
    static func write(_ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        let target = writer.reserve(value.count &* 2)
        for (index, byte) in value.enumerated() {
            target[index &* 2] = digit(byte &>> 4)
            target[index &* 2 &+ 1] = digit(byte & 0xF)
        }
        writer.advance(by: value.count &* 2)
    }

    @inline(__always)
    static func digit(_ nibble: UInt8) -> UInt8 { nibble &+ (nibble < 10 ? 0x30 : 0x57) }
}
