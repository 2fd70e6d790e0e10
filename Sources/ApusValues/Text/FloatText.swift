/// The text form of `float4` and `float8`: decimal digits with an optional point and exponent, `NaN`, `Infinity`,
/// `-Infinity`.
///
/// Reading rounds to the nearest value, ties to even, exactly and in every locale. Writing gives the shortest digits
/// that read back as the same value, laid out as the server does (`extra_float_digits` ≥ 1).
public enum FloatText {
    /// Parses a number; `nil` for anything else. A number that is too large becomes infinity, one that is too small
    /// zero.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Double? {
        guard let decimal = Decimal(bytes) else { return special(bytes) }
        // Clinger (1990), the fast path: both operands are exact, so one operation rounds once.
        if decimal.mantissa <= 1 &<< 53, !decimal.isTruncated, decimal.exponent >= -22, decimal.exponent <= 22 {
            let value = Double(decimal.mantissa)
            let magnitude =
                decimal.exponent < 0
                ? value / exactPowersOfTen[0 &- decimal.exponent] : value * exactPowersOfTen[decimal.exponent]
            return decimal.isNegative ? -magnitude : magnitude
        }
        if let bits = decimal.nearestBits(.double) {
            return Double(bitPattern: bits | (decimal.isNegative ? 1 &<< 63 : 0))
        }
        // More than 19 digits, and the first 19 do not decide. The standard library reads them exactly, in any locale.
        return Double(String(decoding: bytes, as: UTF8.self))
    }

    /// Parses a number as `float4`, rounded once from the decimal digits.
    public static func parseFloat(_ bytes: UnsafeRawBufferPointer) -> Float? {
        guard let decimal = Decimal(bytes) else { return special(bytes).map { Float($0) } }
        if let bits = decimal.nearestBits(.single) {
            return Float(bitPattern: UInt32(truncatingIfNeeded: bits) | (decimal.isNegative ? 1 &<< 31 : 0))
        }
        return Float(String(decoding: bytes, as: UTF8.self))
    }

    private static func special(_ bytes: UnsafeRawBufferPointer) -> Double? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        if cursor.skip(word: "nan") { return cursor.isAtEnd ? .nan : nil }
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
        guard cursor.skip(word: "inf") else { return nil }
        guard cursor.isAtEnd || cursor.skip(word: "inity"), cursor.isAtEnd else { return nil }
        return isNegative ? -.infinity : .infinity
    }
}

private let exactPowersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

extension FloatText {
    /// A number as it is written: ±mantissa · 10^exponent.
    struct Decimal {
        /// The first 19 significant digits.
        var mantissa: UInt64 = 0
        var exponent = 0
        var isNegative: Bool
        /// Whether digits were left out of `mantissa`.
        var isTruncated = false

        /// `nil` if it is not an optional sign, digits with at most one point, and an optional exponent.
        @inline(__always)
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard var reader = DigitReader(bytes) else { return nil }
            isNegative = reader.skip(UInt8(ascii: "-"))
            if !isNegative { _ = reader.skip(UInt8(ascii: "+")) }
            let start = reader.position
            reader.takeDigits()
            var digitCount = reader.position &- start
            if reader.skip(UInt8(ascii: ".")) {
                let fraction = reader.position
                reader.takeDigits()
                exponent = fraction &- reader.position
                digitCount &-= exponent
            }
            guard digitCount > 0 else { return nil }
            mantissa = reader.value
            if reader.isAtEnd, digitCount <= 19 { return }
            guard finish(bytes, start, reader.position, digitCount) else { return nil }
        }

        /// An exponent, and digits beyond what a word holds.
        @inline(never)
        private mutating func finish(
            _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ digitCount: Int
        ) -> Bool {
            guard let all = ByteCursor(bytes) else { return false }
            var cursor = all
            cursor.advance(by: end)
            var written = 0
            if !cursor.isAtEnd {
                guard let value = Self.takeExponent(&cursor) else { return false }
                written = value
            }
            if digitCount > 19 { limit(all.position + start, all.position + end) }
            exponent &+= written
            return true
        }

        /// The exponent up to the end of the text; beyond a million it makes no difference and stops counting.
        private static func takeExponent(_ cursor: inout ByteCursor) -> Int? {
            guard cursor.peek | 0x20 == UInt8(ascii: "e") else { return nil }
            cursor.advance()
            let isNegative = cursor.skip(UInt8(ascii: "-"))
            if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
            guard cursor.position < cursor.end else { return nil }
            var value = 0
            while cursor.position < cursor.end {
                let digit = cursor.position.pointee &- 0x30
                guard digit <= 9 else { return nil }
                if value < 1_000_000 { value = value &* 10 &+ Int(digit) }
                cursor.advance()
            }
            return isNegative ? 0 &- value : value
        }

        /// Reads the digits again and keeps 19 of them, because the mantissa may have overflowed.
        private mutating func limit(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) {
            mantissa = 0
            exponent = 0
            var position = start
            var kept = 0
            var afterPoint = false
            while position < end {
                let byte = position.pointee
                position += 1
                guard byte != UInt8(ascii: ".") else {
                    afterPoint = true
                    continue
                }
                if kept < 19 {
                    mantissa = mantissa &* 10 &+ UInt64(byte &- 0x30)
                    if mantissa != 0 { kept &+= 1 }
                    if afterPoint { exponent &-= 1 }
                } else {
                    if byte != UInt8(ascii: "0") { isTruncated = true }
                    if !afterPoint { exponent &+= 1 }
                }
            }
        }
    }
}
