/// A `timestamp`: a day and time without a zone, from 4714-11-24 BC to 294276-12-31 23:59:59.999999, or an infinity.
@frozen
public struct PGTimestamp: Hashable, Sendable {
    /// Microseconds since 2000-01-01 00:00:00; the two extremes of `Int64` are the infinities.
    public var microsecondsSince2000: Int64

    @inlinable
    public init(microsecondsSince2000: Int64) {
        self.microsecondsSince2000 = microsecondsSince2000
    }

    /// A zone in the fields is ignored, as by the server.
    /// - Returns: `nil` if the time does not exist, or PostgreSQL cannot hold it.
    public init?(_ fields: TimestampFields) {
        guard let microseconds = TimestampRange.microseconds(fields, utcOffset: 0) else { return nil }
        self.init(microsecondsSince2000: microseconds)
    }

    /// Year to microsecond, without a zone.
    public var fields: TimestampFields { TimestampRange.fields(microsecondsSince2000) }
}

/// A `timestamptz`: an instant, of the same range as `timestamp` in UTC, or an infinity. It keeps no zone.
@frozen
public struct PGTimestampTZ: Hashable, Sendable {
    /// Microseconds since 2000-01-01 00:00:00 UTC; the two extremes of `Int64` are the infinities.
    public var microsecondsSince2000: Int64

    @inlinable
    public init(microsecondsSince2000: Int64) {
        self.microsecondsSince2000 = microsecondsSince2000
    }

    /// - Returns: `nil` if the time does not exist, PostgreSQL cannot hold it, or finite fields have no zone.
    public init?(_ fields: TimestampFields) {
        guard fields.time.hasOffset || !fields.isFinite,
            let microseconds = TimestampRange.microseconds(fields, utcOffset: fields.time.utcOffset)
        else { return nil }
        self.init(microsecondsSince2000: microseconds)
    }

    /// Year to microsecond in UTC, with the offset 0.
    public var fields: TimestampFields {
        var fields = TimestampRange.fields(microsecondsSince2000)
        fields.time.hasOffset = fields.isFinite
        return fields
    }
}

extension PGTimestamp: InfiniteTime {
    @inlinable public static var typeName: StaticString { "timestamp" }
    @inlinable public var unitsSinceOrigin: Int64 { microsecondsSince2000 }
    @inlinable public init(unitsSinceOrigin count: Int64) { self.init(microsecondsSince2000: count) }
}

extension PGTimestampTZ: InfiniteTime {
    @inlinable public static var typeName: StaticString { "timestamptz" }
    @inlinable public var unitsSinceOrigin: Int64 { microsecondsSince2000 }
    @inlinable public init(unitsSinceOrigin count: Int64) { self.init(microsecondsSince2000: count) }
}

/// What the two timestamp types have in common.
enum TimestampRange {
    /// 4714-11-24 00:00:00 BC
    static var first: Int64 { -211_813_488_000_000_000 }
    /// 294277-01-01 00:00:00, the first that is too late.
    static var end: Int64 { 9_223_371_331_200_000_000 }

    static func microseconds(_ fields: TimestampFields, utcOffset: Int32) -> Int64? {
        switch fields.date.finiteness {
        case .infinity: return .max
        case .negativeInfinity: return .min
        case .finite: break
        }
        // One day more than the range on both sides, because the zone's offset may bring it back into the range.
        guard fields.date.isValid, fields.date.year >= -4714, fields.date.year <= 294_277,
            let time = PGTime(fields.time)
        else { return nil }
        let day = Int128(DaysOfCalendar.days(fields.date)) * Int128(PGTime.microsecondsPerDay)
        let sum = day + Int128(time.microsecondsSinceMidnight) - Int128(utcOffset) * 1_000_000
        guard sum >= Int128(first), sum < Int128(end) else { return nil }
        return Int64(sum)
    }

    static func fields(_ microseconds: Int64) -> TimestampFields {
        let midnight = TimeFields(hour: 0, minute: 0, second: 0)
        switch PGTimestamp(microsecondsSince2000: microseconds).finiteness {
        case .infinity: return TimestampFields(date: .infinity, time: midnight)
        case .negativeInfinity: return TimestampFields(date: .negativeInfinity, time: midnight)
        case .finite:
            let days = DaysOfCalendar.floorDivide(microseconds, PGTime.microsecondsPerDay)
            // Wrapping: days · 86,400,000,000 may lie below Int64.min where the difference does not.
            let time = PGTime(microsecondsSinceMidnight: microseconds &- days &* PGTime.microsecondsPerDay)
            return TimestampFields(date: DaysOfCalendar.fields(days), time: time.fields ?? midnight)
        }
    }
}
