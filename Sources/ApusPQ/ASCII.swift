/// Functions on text as bytes. Connection strings, option values and libpq's files are parsed byte by byte, because one
/// `Character` can hold a delimiter and a combining mark, or `\r\n`.
public enum ASCII {
    /// Whether a byte is white space in libpq's parsers (`isspace` in the C locale).
    @inlinable
    public static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Text without white space at its beginning and end.
    @inlinable
    public static func trimmed<Text>(_ text: Text) -> Text.SubSequence
    where Text: BidirectionalCollection, Text.Element == UInt8 {
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text = text.dropLast() }
        return text
    }

    /// Text with the letters A to Z in lower case, and all else unchanged.
    public static func lowercased(_ text: String) -> String {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        if !text.utf8.contains(where: capitals.contains) { return text }
        return String(decoding: text.utf8.map { capitals.contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
