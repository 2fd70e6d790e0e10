import ApusPython
import ApusValues

extension Decoding {
    /// Decodes an interval to a timedelta, counting a year as 365 days and a month as 30 days.
    func interval(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        if bytes.first == UInt8(ascii: "P") {
            throw raise(state.pointee.notSupportedError, "iso_8601 intervalstyle currently not supported")
        }
        // Redshift sends only a number of microseconds.
        let number = IntegerText.parse(bytes).map { PGInterval(microseconds: $0) }
        guard let interval = number ?? IntervalText.parse(bytes) ?? Self.looseClock(bytes) else {
            guard bytes.contains(where: { $0 >= 48 && $0 < 58 }) else {
                throw raiseValueError("unable to parse interval")
            }
            throw tooBig()
        }
        switch interval.finiteness {
        case .finite: break
        case .infinity: return try state.pointee.timedelta.attribute("max")
        case .negativeInfinity: return try state.pointee.timedelta.attribute("min")
        }
        let days =
            Int64(interval.days) + Int64(interval.months / 12) * 365 + Int64(interval.months % 12) * 30
            + interval.microseconds / 86_400_000_000
        let rest = interval.microseconds % 86_400_000_000
        guard let days = Int32(exactly: days), !Self.hasOverlongFraction(bytes) else { throw tooBig() }
        return try PyRef(
            timedeltaOf: days, seconds: Int32(truncatingIfNeeded: rest / 1_000_000),
            microseconds: Int32(truncatingIfNeeded: rest % 1_000_000), datetime)
    }

    private func tooBig() -> PythonError { raise(Python.overflowError, "interval component too big") }

    /// True if the seconds have more significant decimals than any server sends.
    private static func hasOverlongFraction(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let point = bytes.firstIndex(of: UInt8(ascii: ".")) else { return false }
        return bytes[(point + 1)...].prefix { $0 >= 48 && $0 < 58 }.drop { $0 == 48 }.count > 12
    }

    /// Parses hours, minutes and seconds with any number of digits, as programs may write them.
    private static func looseClock(_ bytes: UnsafeRawBufferPointer) -> PGInterval? {
        let fields = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        let seconds = fields[2].split(separator: UInt8(ascii: "."), maxSplits: 1)
        guard let hour = number(fields[0]), let minute = number(fields[1]), let second = seconds.first.flatMap(number)
        else { return nil }
        var microseconds: Int64 = 0
        if seconds.count == 2 {
            let digits = Array(seconds[1].prefix(6))
            guard let fraction = number(digits[...] + Array(repeating: 48, count: 6 - digits.count)) else { return nil }
            microseconds = fraction
        }
        return PGInterval(microseconds: (hour * 3600 + minute * 60 + second) * 1_000_000 + microseconds)
    }

    /// Parses a number of at most nine digits.
    private static func number(_ digits: some Collection<UInt8>) -> Int64? {
        guard (1...9).contains(digits.count), digits.allSatisfy({ $0 >= 48 && $0 < 58 }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - 48) }
    }
}
