/// Pairs of hexadecimal digits.
enum Hex {
    /// Decodes pairs of digits of either case; false if a byte is no digit or the last one stands alone.
    static func decode(_ digits: UnsafeRawBufferPointer, to destination: UnsafeMutableRawPointer) -> Bool {
        guard digits.count & 1 == 0 else { return false }
        guard let source = digits.baseAddress else { return true }
        let count = digits.count
        var offset = 0
        // Sixteen digits at a time; wrong ones are collected and looked at once, at the end.
        var wrong = SIMD16<UInt8>(repeating: 0)
        while count &- offset >= 16 {
            let text = (source + offset).loadUnaligned(as: SIMD16<UInt8>.self)
            let decimal = text &- 0x30
            let letter = (text | 0x20) &- 0x61
            let isDecimal = decimal .< 10
            let isLetter = letter .< 6
            let nibbles = (letter &+ 10).replacing(with: decimal, where: isDecimal)
            wrong |= SIMD16(repeating: 1).replacing(with: 0, where: isDecimal .| isLetter)
            let bytes = nibbles.evenHalf &<< 4 | nibbles.oddHalf
            (destination + offset / 2).storeBytes(of: bytes, as: SIMD8<UInt8>.self)
            offset &+= 16
        }
        guard wrong == SIMD16<UInt8>(repeating: 0) else { return false }
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
