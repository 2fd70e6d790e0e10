/// A `timestamp`: a day and time without a zone, from 4714-11-24 BC to 294276-12-31 23:59:59.999999, or an infinity.
@frozen
public struct PGTimestamp: Hashable, Sendable {
    /// Microseconds since 2000-01-01 00:00:00; the two extremes of `Int64` are the infinities.
    public var microsecondsSince2000: Int64

    @inlinable
    public init(microsecondsSince2000: Int64) {
        self.microsecondsSince2000 = microsecondsSince2000
    }

    public static let infinity = PGTimestamp(microsecondsSince2000: .max)
    public static let negativeInfinity = PGTimestamp(microsecondsSince2000: .min)

    /// A zone in the fields is left out, as the server does.
    /// - Returns: `nil` if there is no such time, or PostgreSQL cannot hold it.
    public init?(_ fields: TimestampFields) {
        guard let microseconds = TimestampRange.microseconds(fields, utcOffset: 0) else { return nil }
        self.init(microsecondsSince2000: microseconds)
    }

    public var finiteness: Finiteness { TimestampRange.finiteness(microsecondsSince2000) }

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

    public static let infinity = PGTimestampTZ(microsecondsSince2000: .max)
    public static let negativeInfinity = PGTimestampTZ(microsecondsSince2000: .min)

    /// - Returns: `nil` if there is no such time, PostgreSQL cannot hold it, or finite fields have no zone.
    public init?(_ fields: TimestampFields) {
        guard fields.time.hasOffset || !fields.isFinite,
            let microseconds = TimestampRange.microseconds(fields, utcOffset: fields.time.utcOffset)
        else { return nil }
        self.init(microsecondsSince2000: microseconds)
    }

    public var finiteness: Finiteness { TimestampRange.finiteness(microsecondsSince2000) }

    /// Year to microsecond in UTC, with the displacement 0.
    public var fields: TimestampFields {
        var fields = TimestampRange.fields(microsecondsSince2000)
        fields.time.hasOffset = fields.isFinite
        return fields
    }
}

extension PGTimestamp: Comparable {
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.microsecondsSince2000 < right.microsecondsSince2000 }
}

extension PGTimestampTZ: Comparable {
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.microsecondsSince2000 < right.microsecondsSince2000 }
}

extension PGTimestamp: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 8 else { throw ValueFormatError(.wrongLength, "timestamp") }
        microsecondsSince2000 = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: microsecondsSince2000) }
}

extension PGTimestampTZ: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 8 else { throw ValueFormatError(.wrongLength, "timestamptz") }
        microsecondsSince2000 = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: microsecondsSince2000) }
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
        // One day more than the range has on both sides, for the zone may bring it back.
        guard fields.date.isValid, fields.date.year >= -4714, fields.date.year <= 294_277,
            let time = PGTime(fields.time)
        else { return nil }
        let day = Int128(DaysOfCalendar.days(fields.date)) * Int128(PGTime.microsecondsPerDay)
        let sum = day + Int128(time.microsecondsSinceMidnight) - Int128(utcOffset) * 1_000_000
        guard sum >= Int128(first), sum < Int128(end) else { return nil }
        return Int64(sum)
    }

    static func finiteness(_ microseconds: Int64) -> Finiteness {
        microseconds == .max ? .infinity : microseconds == .min ? .negativeInfinity : .finite
    }

    static func fields(_ microseconds: Int64) -> TimestampFields {
        let midnight = TimeFields(hour: 0, minute: 0, second: 0)
        switch finiteness(microseconds) {
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
