extension DateText {
    /// Writes `2024-02-29`, `0044-03-15 BC`, `infinity` or `-infinity`.
    public static func write(_ date: DateFields, to writer: inout ByteWriter) {
        guard date.isFinite else { return writeInfinity(date.finiteness, to: &writer) }
        writeDay(date, to: &writer)
        if date.isBC { writer.append(" BC") }
    }

    /// Writes a date as the server does under `DateStyle = ISO`.
    public static func write(_ date: PGDate, to writer: inout ByteWriter) {
        write(date.fields, to: &writer)
    }

    static func writeDay(_ date: DateFields, to writer: inout ByteWriter) {
        IntegerText.writeDigits(UInt64(date.yearOfEra.magnitude), minimumWidth: 4, to: &writer)
        writer.append(UInt8(ascii: "-"))
        IntegerText.writeDigits(UInt64(date.month), minimumWidth: 2, to: &writer)
        writer.append(UInt8(ascii: "-"))
        IntegerText.writeDigits(UInt64(date.day), minimumWidth: 2, to: &writer)
    }

    static func writeInfinity(_ finiteness: Finiteness, to writer: inout ByteWriter) {
        writer.append(finiteness == .negativeInfinity ? "-infinity" : "infinity")
    }
}

extension TimeText {
    /// Writes `04:05:06.789`, with the zone if there is one: `04:05:06+05:30`.
    public static func write(_ time: TimeFields, to writer: inout ByteWriter) {
        IntegerText.writeDigits(UInt64(time.hour), minimumWidth: 2, to: &writer)
        writer.append(UInt8(ascii: ":"))
        IntegerText.writeDigits(UInt64(time.minute), minimumWidth: 2, to: &writer)
        writer.append(UInt8(ascii: ":"))
        IntegerText.writeDigits(UInt64(time.second), minimumWidth: 2, to: &writer)
        writeFraction(UInt64(time.microsecond), to: &writer)
        if time.hasOffset { writeOffset(time.utcOffset, to: &writer) }
    }

    /// Writes a time as the server does; nothing sensible if it lies outside of a day.
    public static func write(_ time: PGTime, to writer: inout ByteWriter) {
        if let fields = time.fields { write(fields, to: &writer) }
    }

    /// Writes a time with its zone as the server does; nothing if one of the two is out of range.
    public static func write(_ time: PGTimeTZ, to writer: inout ByteWriter) {
        if let fields = time.fields { write(fields, to: &writer) }
    }

    /// `.` and as many digits as are needed; nothing for 0.
    static func writeFraction(_ microseconds: UInt64, to writer: inout ByteWriter) {
        guard microseconds > 0 else { return }
        var digits = microseconds, width = 6
        while digits % 10 == 0 {
            digits /= 10
            width -= 1
        }
        writer.append(UInt8(ascii: "."))
        IntegerText.writeDigits(digits, minimumWidth: width, to: &writer)
    }

    /// `±HH`, `±HH:MM` or `±HH:MM:SS`.
    static func writeOffset(_ offset: Int32, to writer: inout ByteWriter) {
        writer.append(offset < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        let seconds = UInt64(offset.magnitude)
        IntegerText.writeDigits(seconds / 3600, minimumWidth: 2, to: &writer)
        guard seconds % 3600 != 0 else { return }
        writer.append(UInt8(ascii: ":"))
        IntegerText.writeDigits(seconds / 60 % 60, minimumWidth: 2, to: &writer)
        guard seconds % 60 != 0 else { return }
        writer.append(UInt8(ascii: ":"))
        IntegerText.writeDigits(seconds % 60, minimumWidth: 2, to: &writer)
    }
}

extension TimestampText {
    /// Writes `2024-02-29 04:05:06.789+05:30`, `0001-01-01 00:00:00 BC`, `infinity` or `-infinity`.
    public static func write(_ timestamp: TimestampFields, to writer: inout ByteWriter) {
        guard timestamp.isFinite else { return DateText.writeInfinity(timestamp.date.finiteness, to: &writer) }
        DateText.writeDay(timestamp.date, to: &writer)
        writer.append(UInt8(ascii: " "))
        TimeText.write(timestamp.time, to: &writer)
        if timestamp.date.isBC { writer.append(" BC") }
    }

    /// Writes a timestamp as the server does under `DateStyle = ISO`.
    public static func write(_ timestamp: PGTimestamp, to writer: inout ByteWriter) {
        write(timestamp.fields, to: &writer)
    }

    /// Writes an instant in UTC, as the server does under `DateStyle = ISO` and `TimeZone = UTC`.
    public static func write(_ timestamp: PGTimestampTZ, to writer: inout ByteWriter) {
        write(timestamp.fields, to: &writer)
    }
}
