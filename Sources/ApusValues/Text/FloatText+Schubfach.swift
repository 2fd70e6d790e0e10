// Binary to the shortest decimal: R. Giulietti, "The Schubfach way to render doubles" (2020).

extension FloatText {
    /// Writes a `float8` as the server does.
    public static func write(_ value: Double, to writer: inout ByteWriter) {
        guard value.isFinite else { return writeSpecial(isNaN: value.isNaN, value.sign, to: &writer) }
        if value.sign == .minus { writer.append(UInt8(ascii: "-")) }
        guard value != 0 else { return writer.append(UInt8(ascii: "0")) }
        let shortest = shortestDecimal(
            significand: value.significandBitPattern, exponent: Int(value.exponentBitPattern), .double)
        // The server's choice between the two notations: that of C's %g with 15 digits.
        writeDecimal(shortest.digits, shortest.exponent, precision: 15, to: &writer)
    }

    /// Writes a `float4` as the server does.
    public static func write(_ value: Float, to writer: inout ByteWriter) {
        guard value.isFinite else { return writeSpecial(isNaN: value.isNaN, value.sign, to: &writer) }
        if value.sign == .minus { writer.append(UInt8(ascii: "-")) }
        guard value != 0 else { return writer.append(UInt8(ascii: "0")) }
        let shortest = shortestDecimal(
            significand: UInt64(value.significandBitPattern), exponent: Int(value.exponentBitPattern), .single)
        writeDecimal(shortest.digits, shortest.exponent, precision: 6, to: &writer)
    }

    private static func writeSpecial(isNaN: Bool, _ sign: FloatingPointSign, to writer: inout ByteWriter) {
        writer.append(isNaN ? "NaN" : sign == .minus ? "-Infinity" : "Infinity")
    }

    /// The shortest decimal within the interval that rounds to the value and, of those, the closest.
    ///
    /// The interval's ends, which round to the value only where ties go to even, are left out, as the server does.
    static func shortestDecimal(
        significand: UInt64, exponent: Int, _ layout: BinaryLayout
    ) -> (digits: UInt64, exponent: Int) {
        let hiddenBit: UInt64 = 1 &<< UInt64(layout.significandBits)
        let c = exponent == 0 ? significand : significand | hiddenBit
        let q = max(exponent, 1) &- layout.bias &- layout.significandBits
        if q <= 0, q > -layout.significandBits - 1, c & ((1 &<< UInt64(-q)) &- 1) == 0 {
            return stripZeros(c &>> UInt64(-q), 0)
        }
        // The value below a power of two is twice as close as the one above.
        let isIrregular = significand == 0 && exponent > 1
        // floor(log10(2^q)), or floor(log10(3/4 · 2^q))
        let k = (q &* 1_262_611 &- (isIrregular ? 524_031 : 0)) &>> 22
        let h = UInt64(q &+ ((0 &- k) &* 1_741_647) &>> 19 &+ 1)
        let power = ceilingOfPower(0 &- k)
        // Everything below is in units of a quarter.
        let lower = roundToOdd(power, (4 &* c &- (isIrregular ? 1 : 2)) &<< h) &+ 1
        let value = roundToOdd(power, (4 &* c) &<< h)
        let upper = roundToOdd(power, (4 &* c &+ 2) &<< h) &- 1
        let s = value / 4
        if s >= 10 {
            let tens = s / 10
            let belowIsInside = lower <= 40 &* tens
            let aboveIsInside = 40 &* tens &+ 40 <= upper
            if belowIsInside != aboveIsInside { return stripZeros(tens &+ (aboveIsInside ? 1 : 0), k &+ 1) }
        }
        let belowIsInside = lower <= 4 &* s
        let aboveIsInside = 4 &* s &+ 4 <= upper
        if belowIsInside != aboveIsInside { return stripZeros(s &+ (aboveIsInside ? 1 : 0), k) }
        let middle = 4 &* s &+ 2
        let roundsUp = value > middle || (value == middle && s & 1 == 1)
        return stripZeros(s &+ (roundsUp ? 1 : 0), k)
    }

    private static func stripZeros(_ digits: UInt64, _ exponent: Int) -> (digits: UInt64, exponent: Int) {
        var digits = digits, exponent = exponent
        while digits >= 10 {
            let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: 10)
            guard remainder == 0 else { break }
            digits = quotient
            exponent &+= 1
        }
        return (digits, exponent)
    }

    /// The leading 128 bits of 10^q, rounded up.
    @inline(__always)
    private static func ceilingOfPower(_ q: Int) -> (high: UInt64, low: UInt64) {
        let index = (q &- smallestPowerOfFive) &* 2
        let high = powersOfFive[index], low = powersOfFive[index &+ 1]
        // The table is exact for 0…55, already rounded up for -27…-1 and truncated elsewhere.
        guard q < -27 || q > 55 else { return (high, low) }
        return low == .max ? (high &+ 1, 0) : (high, low &+ 1)
    }

    /// The integral part of g · c / 2^128, its last bit set if anything was cut off.
    @inline(__always)
    private static func roundToOdd(_ g: (high: UInt64, low: UInt64), _ c: UInt64) -> UInt64 {
        let x = g.low.multipliedFullWidth(by: c).high
        let y = g.high.multipliedFullWidth(by: c)
        let (sum, carry) = y.low.addingReportingOverflow(x)
        return (y.high &+ (carry ? 1 : 0)) | (sum > 1 ? 1 : 0)
    }

    /// Lays out digits · 10^exponent as C's `%g` with that precision would.
    private static func writeDecimal(_ digits: UInt64, _ exponent: Int, precision: Int, to writer: inout ByteWriter) {
        let width = IntegerText.decimalWidth(digits)
        let leading = exponent &+ width &- 1
        if leading < -4 || leading >= precision {
            // d[.ddd]e±xx: one digit more than needed, then the first is moved over the point.
            writer.append(0)
            IntegerText.writeDigits(digits, minimumWidth: 1, to: &writer)
            let start = writer.reserve(0) - width - 1
            start[0] = start[1]
            start[1] = UInt8(ascii: ".")
            if width == 1 { writer.advance(by: -1) }
            writer.append(UInt8(ascii: "e"))
            writer.append(leading < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            IntegerText.writeDigits(UInt64(abs(leading)), minimumWidth: 2, to: &writer)
        } else if exponent >= 0 {
            IntegerText.writeDigits(digits, minimumWidth: 1, to: &writer)
            for _ in 0..<exponent { writer.append(UInt8(ascii: "0")) }
        } else if leading < 0 {
            writer.append("0.")
            IntegerText.writeDigits(digits, minimumWidth: -exponent, to: &writer)
        } else {
            // All digits one place to the right, then the whole part back over the point.
            writer.append(0)
            IntegerText.writeDigits(digits, minimumWidth: 1, to: &writer)
            let start = writer.reserve(0) - width - 1
            for index in 0...leading { start[index] = start[index &+ 1] }
            start[leading &+ 1] = UInt8(ascii: ".")
        }
    }
}
