/// The text form of `macaddr` and `macaddr8`: `08:00:2b:01:02:03`.
public enum MACAddressText {
    /// Parses six or eight pairs of hexadecimal digits, separated by colons or hyphens.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> PGMACAddress? {
        guard bytes.count == 17 || bytes.count == 23 else { return nil }
        let separator = bytes[2]
        guard separator == UInt8(ascii: ":") || separator == UInt8(ascii: "-") else { return nil }
        var value: UInt64 = 0
        for index in 0..<(bytes.count + 1) / 3 {
            if index > 0, bytes[index * 3 - 1] != separator { return nil }
            guard let high = Hex.value(bytes[index * 3]), let low = Hex.value(bytes[index * 3 + 1]) else { return nil }
            value = value &<< 8 | UInt64(high &<< 4 | low)
        }
        return bytes.count == 17 ? PGMACAddress(eui48: value) : PGMACAddress(eui64: value)
    }

    /// Writes pairs of lower-case digits separated by colons.
    public static func write(_ value: PGMACAddress, to writer: inout ByteWriter) {
        for index in 0..<value.byteCount {
            if index > 0 { writer.append(UInt8(ascii: ":")) }
            writer.append(Hex.digit(value.byte(index) &>> 4))
            writer.append(Hex.digit(value.byte(index) & 0xF))
        }
    }
}
