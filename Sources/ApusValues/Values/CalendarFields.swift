/// Whether a date or time is a point on the calendar or one of PostgreSQL's two infinities.
@frozen
public enum Finiteness: UInt8, Hashable, Sendable {
    case finite
    /// Later than every other value: `infinity`.
    case infinity
    /// Earlier than every other value: `-infinity`.
    case negativeInfinity
}

/// A day of the proleptic Gregorian calendar, which is the only one PostgreSQL has.
@frozen
public struct DateFields: Hashable, Sendable {
    /// The astronomical year: 1 BC is 0, 2 BC is -1.
    public var year: Int32
    /// 1…12; 0 unless finite.
    public var month: UInt8
    /// 1…31; 0 unless finite.
    public var day: UInt8
    public var finiteness: Finiteness

    /// Keeps the fields as they are; see `isValid`.
    @inlinable @inline(__always)
    public init(year: Int32, month: UInt8, day: UInt8) {
        self.year = year
        self.month = month
        self.day = day
        finiteness = .finite
    }

    @inlinable @inline(__always)
    init(_ finiteness: Finiteness) {
        year = 0
        month = 0
        day = 0
        self.finiteness = finiteness
    }

    public static let infinity = DateFields(.infinity)
    public static let negativeInfinity = DateFields(.negativeInfinity)

    @inlinable @inline(__always)
    public var isFinite: Bool { finiteness == .finite }

    /// Whether the year is written with `BC`.
    @inlinable @inline(__always)
    public var isBC: Bool { year <= 0 }

    /// The year as it is written: 1 BC and 1 AD are both 1.
    @inlinable @inline(__always)
    public var yearOfEra: Int32 { year > 0 ? year : 1 &- year }

    /// Whether the day exists.
    @inlinable @inline(__always)
    public var isValid: Bool {
        guard month &- 1 < 12, day &- 1 < 31 else { return false }
        return day <= 28 || day <= Self.daysInMonth(month, year: year)
    }

    @inlinable
    static func daysInMonth(_ month: UInt8, year: Int32) -> UInt8 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    @inlinable
    static func isLeap(_ year: Int32) -> Bool {
        year & 3 == 0 && (year % 100 != 0 || year % 400 == 0)
    }
}

/// A time of day, with the zone's offset if there is one.
@frozen
public struct TimeFields: Hashable, Sendable {
    /// 0…24; 24 only as 24:00:00.
    public var hour: UInt8
    /// 0…59
    public var minute: UInt8
    /// 0…60; the server never writes 60, but people do.
    public var second: UInt8
    /// Whether `utcOffset` was given.
    public var hasOffset: Bool
    /// 0…999,999
    public var microsecond: UInt32
    /// Seconds east of UTC, at most 15:59:59 either way.
    public var utcOffset: Int32

    /// Keeps the fields as they are; see `isValid`.
    @inlinable @inline(__always)
    public init(hour: UInt8, minute: UInt8, second: UInt8, microsecond: UInt32 = 0, utcOffset: Int32? = nil) {
        self.hour = hour
        self.minute = minute
        self.second = second
        self.microsecond = microsecond
        hasOffset = utcOffset != nil
        self.utcOffset = utcOffset ?? 0
    }

    /// Whether the time exists.
    @inlinable @inline(__always)
    public var isValid: Bool {
        guard hour < 24 || (hour == 24 && minute == 0 && second == 0 && microsecond == 0) else { return false }
        return minute < 60 && second <= 60 && microsecond < 1_000_000
            && utcOffset >= -Self.maximumOffset && utcOffset <= Self.maximumOffset
    }

    /// The largest offset that PostgreSQL has, in seconds: 15:59:59.
    @inlinable static var maximumOffset: Int32 { 57_599 }
}

/// A day and a time of day.
@frozen
public struct TimestampFields: Hashable, Sendable {
    public var date: DateFields
    /// Midnight unless `date` is finite.
    public var time: TimeFields

    @inlinable @inline(__always)
    public init(date: DateFields, time: TimeFields) {
        self.date = date
        self.time = time
    }

    @inlinable @inline(__always)
    public var isFinite: Bool { date.isFinite }
}
