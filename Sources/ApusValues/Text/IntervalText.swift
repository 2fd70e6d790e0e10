/// The text form of `interval` in all four settings of `IntervalStyle`:
///
///     postgres          1 year 2 mons -3 days +04:05:06.789
///     postgres_verbose  @ 1 year 2 mons -3 days 4 hours 5 mins 6.789 secs ago
///     sql_standard      +1-2 -3 +4:05:06.789
///     iso_8601          P1Y2M-3DT4H5M6.789S
///
/// The text itself shows its style. From PostgreSQL 17 on, also `infinity` and `-infinity`.
public enum IntervalText {
    /// - Returns: `nil` for anything but an interval in one of the four styles, and where a field would overflow.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> PGInterval? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        if let infinity = infinity(cursor) { return infinity }
        var sum = Sum()
        if cursor.skip(UInt8(ascii: "P")) {
            guard sum.addISO(&cursor) else { return nil }
            return sum.interval
        }
        if cursor.skip(UInt8(ascii: "@")), !cursor.skip(UInt8(ascii: " ")) { return nil }
        guard sum.addFields(&cursor) else { return nil }
        return sum.interval
    }

    private static func infinity(_ start: ByteCursor) -> PGInterval? {
        var cursor = start
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        guard cursor.skip(word: "infinity"), cursor.isAtEnd else { return nil }
        return isNegative ? .negativeInfinity : .infinity
    }

    /// The fields added up, wide enough for every sum of fields of 18 digits.
    private struct Sum {
        var months: Int128 = 0
        var days: Int128 = 0
        var microseconds: Int128 = 0

        var interval: PGInterval? {
            guard let months = Int32(exactly: months), let days = Int32(exactly: days),
                let microseconds = Int64(exactly: microseconds)
            else { return nil }
            return PGInterval(months: months, days: days, microseconds: microseconds)
        }

        mutating func negate() {
            months = -months
            days = -days
            microseconds = -microseconds
        }

        /// `postgres`, `postgres_verbose` and `sql_standard`: fields separated by single spaces.
        mutating func addFields(_ cursor: inout ByteCursor) -> Bool {
            var inheritsMinus = false
            while true {
                let hasSign = cursor.peek == UInt8(ascii: "-") || cursor.peek == UInt8(ascii: "+")
                let isNegative = cursor.peek == UInt8(ascii: "-")
                if hasSign { cursor.advance() }
                guard let number = cursor.digits() else { return false }
                let sign: Int128 = isNegative || (!hasSign && inheritsMinus) ? -1 : 1
                inheritsMinus = false
                switch cursor.peek {
                case UInt8(ascii: ":"):
                    guard let time = Self.clock(&cursor, hours: number.value) else { return false }
                    microseconds += sign * time
                case UInt8(ascii: "-"):
                    cursor.advance()
                    guard let rest = cursor.digits() else { return false }
                    months += sign * (Int128(number.value) * 12 + Int128(rest.value))
                case UInt8(ascii: " ") where Self.isLetter(cursor.peekSecond):
                    cursor.advance()
                    guard addUnit(&cursor, sign * Int128(number.value)) else { return false }
                case UInt8(ascii: "."):
                    // Only seconds have fractions: `6.789 secs`.
                    guard let fraction = Self.fraction(&cursor), cursor.skip(word: " sec") else { return false }
                    _ = cursor.skip(UInt8(ascii: "s"))
                    microseconds += sign * (Int128(number.value) * 1_000_000 + fraction)
                default:
                    // sql_standard's bare number: days, with one sign for the time that follows; `0` and `@ 0` too.
                    days += sign * Int128(number.value)
                    inheritsMinus = isNegative
                }
                if cursor.isAtEnd { return true }
                guard cursor.skip(UInt8(ascii: " ")) else { return false }
                if cursor.skip(word: "ago") {
                    negate()
                    return cursor.isAtEnd
                }
            }
        }

        /// `years`, `mons`, `days`, `hours`, `mins`, `secs` and their singulars.
        private mutating func addUnit(_ cursor: inout ByteCursor, _ value: Int128) -> Bool {
            if cursor.skip(word: "year") {
                months += value * 12
            } else if cursor.skip(word: "mon") {
                months += value
            } else if cursor.skip(word: "day") {
                days += value
            } else if cursor.skip(word: "hour") {
                microseconds += value * 3_600_000_000
            } else if cursor.skip(word: "min") {
                microseconds += value * 60_000_000
            } else if cursor.skip(word: "sec") {
                microseconds += value * 1_000_000
            } else {
                return false
            }
            _ = cursor.skip(UInt8(ascii: "s"))
            return true
        }

        /// `iso_8601` after its `P`: numbers with a letter each, those after `T` being times.
        mutating func addISO(_ cursor: inout ByteCursor) -> Bool {
            var isTime = false
            guard !cursor.isAtEnd else { return false }
            repeat {
                if !isTime, cursor.skip(UInt8(ascii: "T")) {
                    isTime = true
                }
                let isNegative = cursor.skip(UInt8(ascii: "-"))
                guard let number = cursor.digits() else { return false }
                let value = isNegative ? -Int128(number.value) : Int128(number.value)
                var fraction: Int128 = 0
                if cursor.peek == UInt8(ascii: ".") {
                    guard let digits = Self.fraction(&cursor), isTime, cursor.peek == UInt8(ascii: "S") else {
                        return false
                    }
                    fraction = isNegative ? -digits : digits
                }
                switch (cursor.peek, isTime) {
                case (UInt8(ascii: "Y"), false): months += value * 12
                case (UInt8(ascii: "M"), false): months += value
                case (UInt8(ascii: "W"), false): days += value * 7
                case (UInt8(ascii: "D"), false): days += value
                case (UInt8(ascii: "H"), true): microseconds += value * 3_600_000_000
                case (UInt8(ascii: "M"), true): microseconds += value * 60_000_000
                case (UInt8(ascii: "S"), true): microseconds += value * 1_000_000 + fraction
                default: return false
                }
                cursor.advance()
            } while !cursor.isAtEnd
            return true
        }

        /// `:MM[:SS[.ffffff]]` after the hours.
        private static func clock(_ cursor: inout ByteCursor, hours: Int64) -> Int128? {
            guard cursor.skip(UInt8(ascii: ":")), let minutes = cursor.twoDigits(), minutes < 60 else { return nil }
            var microseconds = Int128(hours) * 3_600_000_000 + Int128(minutes) * 60_000_000
            if cursor.skip(UInt8(ascii: ":")) {
                guard let seconds = cursor.twoDigits(), seconds <= 60 else { return nil }
                microseconds += Int128(seconds) * 1_000_000
                if cursor.peek == UInt8(ascii: ".") {
                    guard let fraction = fraction(&cursor) else { return nil }
                    microseconds += fraction
                }
            }
            return microseconds
        }

        /// `.` and one to six digits, as microseconds.
        private static func fraction(_ cursor: inout ByteCursor) -> Int128? {
            guard cursor.skip(UInt8(ascii: ".")), let fraction = cursor.takeFraction() else { return nil }
            return Int128(fraction)
        }

        private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
    }
}
