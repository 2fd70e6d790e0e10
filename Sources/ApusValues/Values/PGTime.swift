/// A `time`: a time of day from 00:00:00 to 24:00:00, both included.
@frozen
public struct PGTime: Hashable, Sendable {
    public var microsecondsSinceMidnight: Int64

    @inlinable
    public init(microsecondsSinceMidnight: Int64) {
        self.microsecondsSinceMidnight = microsecondsSinceMidnight
    }

    /// Microseconds in 24 hours.
    @inlinable public static var microsecondsPerDay: Int64 { 86_400_000_000 }

    /// A zone in the fields is ignored.
    /// - Returns: `nil` if the time does not exist.
    public init?(_ fields: TimeFields) {
        guard fields.isValid else { return nil }
        let seconds = Int64(fields.hour) * 3600 + Int64(fields.minute) * 60 + Int64(fields.second)
        let microseconds = seconds * 1_000_000 + Int64(fields.microsecond)
        // 23:59:60 is 24:00:00, and nothing is later.
        guard microseconds <= Self.microsecondsPerDay else { return nil }
        self.init(microsecondsSinceMidnight: microseconds)
    }

    /// Hours to microseconds; `nil` if `microsecondsSinceMidnight` lies outside of a day.
    public var fields: TimeFields? {
        guard microsecondsSinceMidnight >= 0, microsecondsSinceMidnight <= Self.microsecondsPerDay else { return nil }
        let (seconds, microseconds) = microsecondsSinceMidnight.quotientAndRemainder(dividingBy: 1_000_000)
        return TimeFields(
            hour: UInt8(truncatingIfNeeded: seconds / 3600), minute: UInt8(truncatingIfNeeded: seconds / 60 % 60),
            second: UInt8(truncatingIfNeeded: seconds % 60), microsecond: UInt32(truncatingIfNeeded: microseconds))
    }
}

extension PGTime: CountedTime {
    @inlinable public static var typeName: StaticString { "time" }
    @inlinable public var unitsSinceOrigin: Int64 { microsecondsSinceMidnight }
    @inlinable public init(unitsSinceOrigin count: Int64) { self.init(microsecondsSinceMidnight: count) }

    /// - Throws: `outOfRange` for a time outside of a day.
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        var reader = BinaryReader(bytes, Self.typeName)
        microsecondsSinceMidnight = try reader.read()
        try reader.finish()
        guard microsecondsSinceMidnight >= 0, microsecondsSinceMidnight <= Self.microsecondsPerDay else {
            throw reader.error(.outOfRange)
        }
    }
}

/// A `timetz`: a time of day in a zone with a fixed offset.
@frozen
public struct PGTimeTZ: Hashable, Sendable {
    public var time: PGTime
    /// Seconds east of UTC, at most 15:59:59 either way. (The binary form counts them west.)
    public var utcOffset: Int32

    @inlinable
    public init(time: PGTime, utcOffset: Int32) {
        self.time = time
        self.utcOffset = utcOffset
    }

    /// - Returns: `nil` if the time does not exist, or the fields have no zone.
    public init?(_ fields: TimeFields) {
        guard fields.hasOffset, let time = PGTime(fields) else { return nil }
        self.init(time: time, utcOffset: fields.utcOffset)
    }

    /// Hours to microseconds and the zone; `nil` if one of them is out of range.
    public var fields: TimeFields? {
        guard var fields = time.fields else { return nil }
        fields.hasOffset = true
        fields.utcOffset = utcOffset
        return fields.isValid ? fields : nil
    }
}

extension PGTimeTZ: BinaryValue {
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        var reader = BinaryReader(bytes, "timetz")
        let microseconds = try reader.read(Int64.self)
        let west = try reader.read(Int32.self)
        try reader.finish()
        guard microseconds >= 0, microseconds <= PGTime.microsecondsPerDay, west >= -TimeFields.maximumOffset,
            west <= TimeFields.maximumOffset
        else { throw reader.error(.outOfRange) }
        self.init(time: PGTime(microsecondsSinceMidnight: microseconds), utcOffset: -west)
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) {
        time.writeBinary(to: &writer)
        writer.append(bigEndian: 0 &- utcOffset)
    }
}
