/// Reads and writes pairs of hexadecimal digits.
///
/// The loops work on one pair per step, in arithmetic without branches: the compiler then takes eight pairs or more at
/// once. Whether a byte is a digit is told by sums that carry into its high bit from a certain character on.
enum Hex {
    /// Decodes pairs of digits of either case; false if a byte is no digit or the last one stands alone.
    static func decode(_ digits: UnsafeRawBufferPointer, to destination: UnsafeMutableRawPointer) -> Bool {
        guard digits.count & 1 == 0 else { return false }
        guard let source = digits.baseAddress else { return true }
        let target = destination.assumingMemoryBound(to: UInt8.self)
        var right = UInt16.max
        for index in 0..<(digits.count &>> 1) {
            let pair = source.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self)
            target[index] = byte(UInt16(littleEndian: pair), &right)
        }
        return right & 0x8080 == 0x8080
    }

    /// The byte that two digits spell, the first of them in the low half.
    /// - Parameter right: loses the high bit of each half that is no digit.
    @inline(__always)
    static func byte(_ pair: UInt16, _ right: inout UInt16) -> UInt8 {
        let low = pair & 0x7F7F
        let lowered = low | 0x2020
        let isDecimal = (low &+ 0x5050) & ~(low &+ 0x4646)
        let isLetter = (lowered &+ 0x1F1F) & ~(lowered &+ 0x1919)
        right &= (isDecimal | isLetter) & ~pair
        let letters = (isLetter &>> 7) & 0x0101
        let nibbles = (low & 0x0F0F) &+ letters &+ (letters &<< 3)
        return UInt8(truncatingIfNeeded: (nibbles &<< 4) | (nibbles &>> 8))
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
        guard let source = value.baseAddress else { return }
        let bytes = source.assumingMemoryBound(to: UInt8.self)
        let target = UnsafeMutableRawPointer(writer.reserve(value.count &* 2))
        for index in 0..<value.count {
            let byte = UInt16(bytes[index])
            let nibbles = ((byte & 0x0F) &<< 8) | (byte &>> 4)
            let letters = ((nibbles &+ 0x0606) &>> 4) & 0x0101
            let pair = nibbles &+ 0x3030 &+ letters &* 0x27
            target.storeBytes(of: pair.littleEndian, toByteOffset: index &* 2, as: UInt16.self)
        }
        writer.advance(by: value.count &* 2)
    }

    @inline(__always)
    static func digit(_ nibble: UInt8) -> UInt8 { nibble &+ (nibble < 10 ? 0x30 : 0x57) }
}
