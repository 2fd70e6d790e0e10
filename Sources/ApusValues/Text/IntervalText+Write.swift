extension IntervalText {
    /// Writes `P1Y2M-3DT4H5M6.789S`, as the server does under `IntervalStyle = iso_8601`. The server reads it the same
    /// under every `IntervalStyle`, unlike the other forms of negative fields.
    public static func writeISO(_ interval: PGInterval, to writer: inout ByteWriter) {
        guard interval.finiteness == .finite else {
            return DateText.writeInfinity(interval.finiteness, to: &writer)
        }
        guard interval != PGInterval() else { return writer.append("PT0S") }
        writer.append(UInt8(ascii: "P"))
        writeISOField(Int64(interval.months / 12), UInt8(ascii: "Y"), to: &writer)
        writeISOField(Int64(interval.months % 12), UInt8(ascii: "M"), to: &writer)
        writeISOField(Int64(interval.days), UInt8(ascii: "D"), to: &writer)
        guard interval.microseconds != 0 else { return }
        writer.append(UInt8(ascii: "T"))
        let minutes = interval.microseconds / 60_000_000
        writeISOField(minutes / 60, UInt8(ascii: "H"), to: &writer)
        writeISOField(minutes % 60, UInt8(ascii: "M"), to: &writer)
        let rest = (interval.microseconds % 60_000_000).magnitude
        guard rest != 0 else { return }
        if interval.microseconds < 0 { writer.append(UInt8(ascii: "-")) }
        IntegerText.write(rest / 1_000_000, to: &writer)
        TimeText.writeFraction(rest % 1_000_000, to: &writer)
        writer.append(UInt8(ascii: "S"))
    }

    private static func writeISOField(_ value: Int64, _ letter: UInt8, to writer: inout ByteWriter) {
        guard value != 0 else { return }
        IntegerText.write(value, to: &writer)
        writer.append(letter)
    }

    /// Writes `1 year 2 mons -3 days +04:05:06.789`, as the server does under `IntervalStyle = postgres`, its default.
    public static func writePostgres(_ interval: PGInterval, to writer: inout ByteWriter) {
        guard interval.finiteness == .finite else {
            return DateText.writeInfinity(interval.finiteness, to: &writer)
        }
        let start = writer.count
        var afterNegative = false
        func field(_ value: Int32, _ unit: StaticString, _ writer: inout ByteWriter) {
            guard value != 0 else { return }
            if writer.count > start { writer.append(UInt8(ascii: " ")) }
            if afterNegative, value > 0 { writer.append(UInt8(ascii: "+")) }
            IntegerText.write(value, to: &writer)
            writer.append(UInt8(ascii: " "))
            writer.append(unit)
            if value != 1 { writer.append(UInt8(ascii: "s")) }
            afterNegative = value < 0
        }
        field(interval.months / 12, "year", &writer)
        field(interval.months % 12, "mon", &writer)
        field(interval.days, "day", &writer)
        guard interval.microseconds != 0 || writer.count == start else { return }
        if writer.count > start { writer.append(UInt8(ascii: " ")) }
        if interval.microseconds < 0 {
            writer.append(UInt8(ascii: "-"))
        } else if afterNegative {
            writer.append(UInt8(ascii: "+"))
        }
        let magnitude = interval.microseconds.magnitude
        IntegerText.writeDigits(magnitude / 3_600_000_000, minimumWidth: 2, to: &writer)
        writer.append(UInt8(ascii: ":"))
        IntegerText.writeDigits(magnitude / 60_000_000 % 60, minimumWidth: 2, to: &writer)
        writer.append(UInt8(ascii: ":"))
        IntegerText.writeDigits(magnitude / 1_000_000 % 60, minimumWidth: 2, to: &writer)
        TimeText.writeFraction(magnitude % 1_000_000, to: &writer)
    }
}
