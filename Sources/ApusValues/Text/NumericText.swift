/// The text form of `numeric`: an optional sign, digits, an optional fraction; `NaN`, `Infinity`, `-Infinity`.
public enum NumericText {
    /// What kind of number a text is and how long its parts are.
    @frozen
    public struct Shape: Hashable, Sendable {
        @frozen
        public enum Kind: UInt8, Sendable { case finite, nan, infinity }

        public var kind: Kind
        public var isNegative: Bool
        /// Digits before the point, leading zeros included.
        public var integerDigits: Int
        /// Digits after the point: the number's scale.
        public var fractionDigits: Int

        @inlinable @inline(__always)
        init(kind: Kind, isNegative: Bool, integerDigits: Int = 0, fractionDigits: Int = 0) {
            self.kind = kind
            self.isNegative = isNegative
            self.integerDigits = integerDigits
            self.fractionDigits = fractionDigits
        }
    }

    /// Checks a text, and measures it, without converting it. Exponents are not accepted: the server writes none.
    /// - Returns: `nil` for anything but a `numeric` as the server writes it.
    public static func scan(_ bytes: UnsafeRawBufferPointer) -> Shape? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        let start = cursor.position
        skipDigits(&cursor)
        let integerDigits = cursor.position - start
        var fractionDigits = 0
        if cursor.skip(UInt8(ascii: ".")) {
            let fraction = cursor.position
            skipDigits(&cursor)
            fractionDigits = cursor.position - fraction
        }
        guard cursor.isAtEnd, integerDigits &+ fractionDigits > 0 else { return special(bytes) }
        return Shape(
            kind: .finite, isNegative: isNegative, integerDigits: integerDigits, fractionDigits: fractionDigits)
    }

    /// A number of at most 18 digits as coefficient · 10^-scale, with the scale as written (`1.50` is 150 and 2).
    /// - Returns: `nil` for longer or non-finite numbers, minus zero, and for anything that is no number.
    public static func parseShort(_ bytes: UnsafeRawBufferPointer) -> (coefficient: Int64, scale: Int)? {
        guard bytes.count <= 20, var cursor = ByteCursor(bytes) else { return nil }
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        var value: Int64 = 0
        var digits = 0
        var point = -1
        while cursor.position < cursor.end {
            let digit = cursor.position.pointee &- 0x30
            if digit <= 9 {
                value = value &* 10 &+ Int64(digit)
                digits &+= 1
            } else {
                guard cursor.position.pointee == UInt8(ascii: "."), point < 0 else { return nil }
                point = digits
            }
            cursor.advance()
        }
        guard digits > 0, digits <= 18, !isNegative || value != 0 else { return nil }
        return (isNegative ? 0 &- value : value, point < 0 ? 0 : digits &- point)
    }

    @inline(__always)
    private static func skipDigits(_ cursor: inout ByteCursor) {
        while cursor.position < cursor.end, cursor.position.pointee &- 0x30 <= 9 { cursor.position += 1 }
    }

    static func special(_ bytes: UnsafeRawBufferPointer) -> Shape? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        if cursor.skip(word: "nan") { return cursor.isAtEnd ? Shape(kind: .nan, isNegative: false) : nil }
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
        guard cursor.skip(word: "inf"), cursor.isAtEnd || cursor.skip(word: "inity"), cursor.isAtEnd else { return nil }
        return Shape(kind: .infinity, isNegative: isNegative)
    }
}
