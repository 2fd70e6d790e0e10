import ApusPython
import ApusValues

extension Quoting {
    /// Writes a `date` as `'2020-01-02'::date`.
    func append(date: PyObj, to writer: inout ByteWriter) {
        writer.append("'")
        append(day: date, to: &writer)
        writer.append("'::date")
    }

    /// Writes a `datetime` as `'2020-01-02T03:04:05'::timestamp` or, with a time zone, `::timestamptz`.
    func append(timestamp: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        if timestamp.hasTimeZone {
            try append(isoformat: timestamp, "'::timestamptz", to: &writer)
            return
        }
        writer.append("'")
        append(day: timestamp, to: &writer)
        writer.append("T")
        append(clock: timestamp.clockOfDatetime, to: &writer)
        writer.append("'::timestamp")
    }

    /// Writes a `time` as `'03:04:05'::time` or, with a time zone, `::timetz`.
    func append(time: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        if time.hasTimeZone {
            try append(isoformat: time, "'::timetz", to: &writer)
            return
        }
        writer.append("'")
        append(clock: time.clockOfTime, to: &writer)
        writer.append("'::time")
    }

    /// Writes a `timedelta` as `'1 days 2.000003 seconds'::interval`.
    func append(interval: PyObj, to writer: inout ByteWriter) {
        writer.append("'")
        let duration = interval.duration
        IntegerText.write(duration.days, to: &writer)
        writer.append(" days ")
        IntegerText.write(duration.seconds, to: &writer)
        writer.append(".")
        append(digits: duration.microseconds, width: 6, to: &writer)
        writer.append(" seconds'::interval")
    }

    /// Writes the `isoformat()` of a date or time, which calls its time zone.
    func append(isoformat object: PyObj, _ end: StaticString, to writer: inout ByteWriter) throws(PythonError) {
        let text = try object.callMethod(state.pointee.nameIsoformat)
        let bytes = try text.object.utf8
        writer.append("'")
        writer.append(bytes)
        writer.append(end)
    }

    private func append(day: PyObj, to writer: inout ByteWriter) {
        append(digits: day.year, width: 4, to: &writer)
        writer.append("-")
        append(digits: day.month, width: 2, to: &writer)
        writer.append("-")
        append(digits: day.day, width: 2, to: &writer)
    }

    /// - Parameter clock: hour, minute, second, microsecond.
    private func append(clock: (Int, Int, Int, Int), to writer: inout ByteWriter) {
        append(digits: clock.0, width: 2, to: &writer)
        writer.append(":")
        append(digits: clock.1, width: 2, to: &writer)
        writer.append(":")
        append(digits: clock.2, width: 2, to: &writer)
        if clock.3 != 0 {
            writer.append(".")
            append(digits: clock.3, width: 6, to: &writer)
        }
    }

    /// Writes a number, which must not be negative, with leading zeros.
    private func append(digits value: Int, width: Int, to writer: inout ByteWriter) {
        let start = writer.reserve(width)
        var value = value
        for position in stride(from: width &- 1, through: 0, by: -1) {
            start[position] = UInt8(truncatingIfNeeded: 48 &+ value % 10)
            value /= 10
        }
        writer.advance(by: width)
    }
}
