/// A `numeric`: an exact decimal number as PostgreSQL keeps it, `NaN`, or an infinity.
///
/// Two numbers are equal if their values are, whatever their scales, and `NaN` equals itself, as in SQL.
public struct PGNumeric: Sendable {
    public enum Kind: UInt8, Hashable, Sendable {
        case finite
        case nan
        case infinity
        case negativeInfinity
    }

    public let kind: Kind
    public let isNegative: Bool
    /// The power of 10,000 that the first of `digits` counts; 0 if there are no digits.
    public let weight: Int16
    /// How many decimal digits stand after the point (`dscale`): 0…16383.
    public let scale: UInt16
    /// Digits of base 10,000 without zeros at either end; empty for zero.
    public let digits: [UInt16]

    init(kind: Kind, isNegative: Bool = false, weight: Int16 = 0, scale: UInt16 = 0, digits: [UInt16] = []) {
        self.kind = kind
        self.isNegative = isNegative
        self.weight = weight
        self.scale = scale
        self.digits = digits
    }

    public static let nan = PGNumeric(kind: .nan)
    public static let zero = PGNumeric(kind: .finite)
    /// Servers know it from PostgreSQL 14 on.
    public static let infinity = PGNumeric(kind: .infinity)
    /// Servers know it from PostgreSQL 14 on.
    public static let negativeInfinity = PGNumeric(kind: .negativeInfinity, isNegative: true)

    /// The largest `scale`.
    static var largestScale: Int { 16_383 }

    /// A finite number of any digits; zeros at both ends are taken off.
    /// - Returns: `nil` if digits are not of base 10,000, lie beyond the scale, or PostgreSQL cannot hold the number.
    init?(isNegative: Bool, weight: Int, scale: Int, allDigits: [UInt16]) {
        guard scale >= 0, scale <= Self.largestScale, allDigits.allSatisfy({ $0 < 10_000 }) else { return nil }
        guard let first = allDigits.firstIndex(where: { $0 != 0 }),
            let last = allDigits.lastIndex(where: { $0 != 0 })
        else {
            self.init(kind: .finite, scale: UInt16(scale))
            return
        }
        guard let weight = Int16(exactly: weight - first) else { return nil }
        // Decimal places down to the last digit, and how many of them are zeros.
        let places = (last - first - Int(weight)) * 4
        if places > scale {
            let excess = places - scale
            guard excess < 4, allDigits[last] % Self.powersOfTen[excess] == 0 else { return nil }
        }
        let isWhole = first == 0 && last == allDigits.count - 1
        self.init(
            kind: .finite, isNegative: isNegative, weight: weight, scale: UInt16(scale),
            digits: isWhole ? allDigits : Array(allDigits[first...last]))
    }

    static let powersOfTen: [UInt16] = [1, 10, 100, 1000]
}

extension PGNumeric: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        left.kind == right.kind && left.isNegative == right.isNegative && left.weight == right.weight
            && left.digits == right.digits
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(isNegative)
        hasher.combine(weight)
        hasher.combine(digits)
    }
}

extension PGNumeric {
    /// A whole number.
    public init<Integer: BinaryInteger>(_ value: Integer) {
        var digits: [UInt16] = []
        var rest = value.magnitude
        while rest != 0 {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10_000)
            digits.append(UInt16(truncatingIfNeeded: remainder))
            rest = quotient
        }
        digits.reverse()
        self =
            PGNumeric(isNegative: value < 0, weight: digits.count - 1, scale: 0, allDigits: digits)
            ?? (value < 0 ? .negativeInfinity : .infinity)
    }

    /// The value as a whole number; `nil` if it has a fraction, is not finite or does not fit.
    public func exactly<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? {
        guard kind == .finite, digits.isEmpty || Int(weight) + 1 >= digits.count else { return nil }
        guard !digits.isEmpty else { return 0 }
        // 10,000 itself has to fit the type that is computed with.
        guard Integer.bitWidth >= 64 else { return exactly(Int64.self).flatMap { Integer(exactly: $0) } }
        var value: Integer = 0
        for index in 0...Int(weight) {
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10_000)
            guard !overflow, let digit = Integer(exactly: index < digits.count ? digits[index] : 0) else { return nil }
            let (sum, carry) =
                isNegative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
            guard !carry else { return nil }
            value = sum
        }
        return value
    }
}
