/// Text as bytes. Connection strings, option values and libpq's files are made of bytes: a `Character` may be a
/// delimiter together with a combining mark behind it, or `\r\n`, and is then neither the one nor the other.
public enum ASCII {
    /// Whether a byte is white space for libpq: `isspace` in the C locale.
    @inlinable
    public static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// A text without the white space around it.
    @inlinable
    public static func trimmed<Text>(_ text: Text) -> Text.SubSequence
    where Text: BidirectionalCollection, Text.Element == UInt8 {
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text = text.dropLast() }
        return text
    }

    /// A text with A to Z in small letters, and nothing else changed.
    public static func lowercased(_ text: String) -> String {
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        if !text.utf8.contains(where: capitals.contains) { return text }
        return String(decoding: text.utf8.map { capitals.contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
