/// A `date`: a day from 4713 BC to 5874897 AD, or an infinity.
@frozen
public struct PGDate: Hashable, Sendable {
    /// Days since 2000-01-01, negative before; the two extremes of `Int32` are the infinities.
    public var daysSince2000: Int32

    @inlinable
    public init(daysSince2000: Int32) {
        self.daysSince2000 = daysSince2000
    }

    /// - Returns: `nil` if the day does not exist, or PostgreSQL cannot hold it.
    public init?(_ fields: DateFields) {
        switch fields.finiteness {
        case .infinity: self = .infinity
        case .negativeInfinity: self = .negativeInfinity
        case .finite:
            guard fields.isValid, fields.year >= -4713, fields.year <= 5_874_897 else { return nil }
            let days = DaysOfCalendar.days(fields)
            guard days >= Self.first, days <= Self.last else { return nil }
            self.init(daysSince2000: Int32(truncatingIfNeeded: days))
        }
    }

    /// - Parameter year: astronomical, 0 being 1 BC.
    public init?(year: Int32, month: UInt8, day: UInt8) {
        self.init(DateFields(year: year, month: month, day: day))
    }

    /// Year, month and day.
    public var fields: DateFields {
        switch finiteness {
        case .finite: DaysOfCalendar.fields(Int64(daysSince2000))
        case .infinity: .infinity
        case .negativeInfinity: .negativeInfinity
        }
    }

    /// 4714-11-24 BC, Julian day 0.
    static var first: Int64 { -2_451_545 }
    /// 5874897-12-31
    static var last: Int64 { 2_145_031_948 }
}

extension PGDate: InfiniteTime {
    @inlinable public static var typeName: StaticString { "date" }
    @inlinable public var unitsSinceOrigin: Int32 { daysSince2000 }
    @inlinable public init(unitsSinceOrigin count: Int32) { self.init(daysSince2000: count) }
}

/// The proleptic Gregorian calendar, by H. Hinnant's "chrono-Compatible Low-Level Date Algorithms" (2013): years that
/// begin in March, eras of 400 years.
enum DaysOfCalendar {
    private static let daysPerEra: Int64 = 146_097
    /// From 0000-03-01 to 2000-01-01.
    private static let epoch: Int64 = 730_425

    /// Days from 2000-01-01 to a valid day.
    static func days(_ fields: DateFields) -> Int64 {
        let year = Int64(fields.year) - (fields.month <= 2 ? 1 : 0)
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let month = (Int64(fields.month) + 9) % 12
        let dayOfYear = (153 * month + 2) / 5 + Int64(fields.day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * daysPerEra + dayOfEra - epoch
    }

    /// The day so many days after 2000-01-01; at most as many as `Int32` holds.
    static func fields(_ days: Int64) -> DateFields {
        let shifted = days + epoch
        let era = floorDivide(shifted, daysPerEra)
        let dayOfEra = shifted - era * daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        return DateFields(
            year: Int32(truncatingIfNeeded: year), month: UInt8(truncatingIfNeeded: civilMonth),
            day: UInt8(truncatingIfNeeded: day))
    }

    /// The quotient rounded towards minus infinity.
    static func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
        let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
