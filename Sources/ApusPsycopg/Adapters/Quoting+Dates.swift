import ApusValues
import CApusPython

extension Quoting {
    /// A `date` as `'2020-01-02'::date`.
    func append(date: PyObj, to writer: inout ByteWriter) {
        writer.append("'")
        append(day: date, to: &writer)
        writer.append("'::date")
    }

    /// A `datetime` as `'2020-01-02T03:04:05'::timestamp` or, with a time zone, `::timestamptz`.
    func append(timestamp: PyObj, to writer: inout ByteWriter) throws(Raised) {
        if apus_datetime_has_tzinfo(timestamp) != 0 {
            try append(isoformat: timestamp, "'::timestamptz", to: &writer)
            return
        }
        writer.append("'")
        append(day: timestamp, to: &writer)
        writer.append("T")
        append(
            clock: apus_datetime_hour(timestamp), apus_datetime_minute(timestamp), apus_datetime_second(timestamp),
            apus_datetime_microsecond(timestamp), to: &writer)
        writer.append("'::timestamp")
    }

    /// A `time` as `'03:04:05'::time` or, with a time zone, `::timetz`.
    func append(time: PyObj, to writer: inout ByteWriter) throws(Raised) {
        if apus_datetime_has_tzinfo(time) != 0 {
            try append(isoformat: time, "'::timetz", to: &writer)
            return
        }
        writer.append("'")
        append(
            clock: apus_time_hour(time), apus_time_minute(time), apus_time_second(time), apus_time_microsecond(time),
            to: &writer)
        writer.append("'::time")
    }

    /// A `timedelta` as `'1 days 2.000003 seconds'::interval`.
    func append(interval: PyObj, to writer: inout ByteWriter) {
        writer.append("'")
        IntegerText.write(apus_delta_days(interval), to: &writer)
        writer.append(" days ")
        IntegerText.write(apus_delta_seconds(interval), to: &writer)
        writer.append(".")
        append(digits: Int(apus_delta_microseconds(interval)), width: 6, to: &writer)
        writer.append(" seconds'::interval")
    }

    /// A date or time by its own `isoformat()`, which asks its time zone.
    func append(isoformat object: PyObj, _ end: StaticString, to writer: inout ByteWriter) throws(Raised) {
        let text = try Owned(owned(apus_method0(object, state.pointee.nameIsoformat)))
        var count = 0
        guard let utf8 = PyUnicode_AsUTF8AndSize(text.object, &count) else { throw Raised() }
        writer.append("'")
        writer.append(UnsafeRawBufferPointer(start: utf8, count: count))
        writer.append(end)
    }

    private func append(day: PyObj, to writer: inout ByteWriter) {
        append(digits: Int(apus_datetime_year(day)), width: 4, to: &writer)
        writer.append("-")
        append(digits: Int(apus_datetime_month(day)), width: 2, to: &writer)
        writer.append("-")
        append(digits: Int(apus_datetime_day(day)), width: 2, to: &writer)
    }

    private func append(
        clock hour: Int32, _ minute: Int32, _ second: Int32, _ microsecond: Int32, to writer: inout ByteWriter
    ) {
        append(digits: Int(hour), width: 2, to: &writer)
        writer.append(":")
        append(digits: Int(minute), width: 2, to: &writer)
        writer.append(":")
        append(digits: Int(second), width: 2, to: &writer)
        if microsecond != 0 {
            writer.append(".")
            append(digits: Int(microsecond), width: 6, to: &writer)
        }
    }

    /// A number that is not negative, with zeros in front.
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
