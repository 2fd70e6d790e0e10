import ApusPython
import ApusValues

extension Decoding {
    func date(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        guard let fields = DateText.parse(bytes) ?? TimestampText.parse(bytes)?.date else {
            throw Self.malformed("date")
        }
        let day = try Day(fields)
        return try PyRef(dateOf: day.year, day.month, day.day, datetime)
    }

    mutating func time(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        guard let fields = TimeText.parse(bytes), Self.hasSeconds(bytes, hour: 0) else { throw Self.malformed("time") }
        var clock = Clock(fields)
        // PostgreSQL allows the time 24:00:00.
        if clock.hour == 24 { clock.hour = 0 }
        let zone = fields.hasOffset ? try self.zone(fields.utcOffset) : Python.none
        return try PyRef(
            timeOf: clock.hour, clock.minute, clock.second, clock.microsecond, zone: zone, datetime)
    }

    @inline(__always)
    mutating func timestamp(_ bytes: UnsafeRawBufferPointer, zoned: Bool) throws(PythonError) -> PyRef {
        guard let fields = TimestampText.parseUsual(bytes) else { return try unusualTimestamp(bytes, zoned: zoned) }
        let zone = fields.time.hasOffset ? try self.zone(fields.time.utcOffset) : Python.none
        return try PyRef(
            datetimeOf: fields.date.year, Int32(fields.date.month), Int32(fields.date.day), Int32(fields.time.hour),
            Int32(fields.time.minute), Int32(fields.time.second), Int32(truncatingIfNeeded: fields.time.microsecond),
            zone: zone, datetime)
    }

    @inline(never)
    private mutating func unusualTimestamp(
        _ bytes: UnsafeRawBufferPointer, zoned: Bool
    ) throws(PythonError) -> PyRef {
        guard let fields = TimestampText.parse(bytes) else {
            // A date without a time is a timestamp at midnight.
            if let fields = DateText.parse(bytes) { return try timestamp(Day(fields), Clock(fields), Python.none) }
            throw Self.malformed("date")
        }
        if !fields.date.isFinite {
            return try timestamp(Day(fields.date), Clock(fields.date), zoned ? zone(0) : Python.none)
        }
        if !Self.hasSeconds(bytes, hour: 11) { throw Self.malformed("time") }
        let zone = fields.time.hasOffset ? try self.zone(fields.time.utcOffset) : Python.none
        return try timestamp(Day(fields.date), Clock(fields.time), zone)
    }

    /// True if the time has seconds. `hour` is the usual position of its hours.
    @inline(__always)
    private static func hasSeconds(_ bytes: UnsafeRawBufferPointer, hour: Int) -> Bool {
        if bytes.count >= hour &+ 8, bytes[hour &+ 2] == UInt8(ascii: ":"), bytes[hour &+ 5] == UInt8(ascii: ":") {
            return true
        }
        return bytes.prefix { $0 != UInt8(ascii: "+") }.filter { $0 == UInt8(ascii: ":") }.count >= 2
    }

    @inline(__always)
    private func timestamp(_ day: Day, _ clock: Clock, _ zone: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            checkedDatetimeOf: day.year, day.month, day.day, clock.hour, clock.minute, clock.second,
            clock.microsecond, zone: zone, datetime)
    }

    /// Returns the time zone of an offset in seconds, borrowed from `self`.
    @inline(__always)
    private mutating func zone(_ offset: Int32) throws(PythonError) -> PyObj {
        if offset == lastOffset, let lastZone { return lastZone }
        return try makeZone(offset)
    }

    @inline(never)
    private mutating func makeZone(_ offset: Int32) throws(PythonError) -> PyObj {
        guard let tzinfoFactory else { return Python.none }
        let delta = try PyRef(timedeltaOf: 0, seconds: offset, microseconds: 0, datetime)
        let zone = try tzinfoFactory.call(delta.object)
        // Raises TypeError unless it is a tzinfo or None. Checked once here, because datetimes of rows are made without
        // this check.
        _ = try PyRef(timeOf: 0, 0, 0, 0, zone: zone.object, datetime)
        let object = zone.object
        replace(&lastZone, with: zone)
        lastOffset = offset
        return object
    }
}

/// A day in Python's range. PostgreSQL's infinities become Python's first and last day; any other day out of range
/// raises ValueError.
private struct Day {
    let year, month, day: Int32

    @inline(__always)
    init(_ fields: DateFields) throws(PythonError) {
        if fields.year >= 1, fields.year <= 9999, fields.isFinite {
            (year, month, day) = (fields.year, Int32(fields.month), Int32(fields.day))
            return
        }
        switch fields.finiteness {
        case .infinity: (year, month, day) = (9999, 12, 31)
        case .negativeInfinity: (year, month, day) = (1, 1, 1)
        case .finite:
            let shown = fields.isBC ? -fields.yearOfEra : fields.year
            throw raiseValueError("year \(shown) is out of range")
        }
    }
}

private struct Clock {
    var hour, minute, second, microsecond: Int32

    @inline(__always)
    init(_ fields: TimeFields) {
        hour = Int32(fields.hour)
        minute = Int32(fields.minute)
        second = Int32(fields.second)
        microsecond = Int32(truncatingIfNeeded: fields.microsecond)
        if second == 60 { carry() }
    }

    /// Midnight, or for infinity the last microsecond of the last day.
    init(_ fields: DateFields) {
        (hour, minute, second, microsecond) = fields.finiteness == .infinity ? (23, 59, 59, 999_999) : (0, 0, 0, 0)
    }

    /// Old servers could round the seconds up to 60.
    private mutating func carry() {
        second = 0
        minute += 1
        if minute == 60 {
            minute = 0
            hour += 1
        }
    }
}
