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

    /// Checks a text, and measures it, without converting it. Exponents are not accepted, because the server writes
    /// none.
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
