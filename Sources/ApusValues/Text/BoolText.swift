/// The text form of `bool`: `t` or `f`.
public enum BoolText {
    /// Parses what the server writes (`t`, `f`) and what SQL spells out (`true`, `false`); `nil` for anything else.
    @inlinable @inline(__always)
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        if bytes.count == 1 {
            let byte = bytes[0]
            return byte == UInt8(ascii: "t") ? true : byte == UInt8(ascii: "f") ? false : nil
        }
        return parseWord(bytes)
    }

    @usableFromInline
    static func parseWord(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        let value = cursor.peek | 0x20 == UInt8(ascii: "t")
        guard cursor.skip(word: value ? "true" : "false"), cursor.isAtEnd else { return nil }
        return value
    }

    /// Writes `t` or `f`.
    @inlinable @inline(__always)
    public static func write(_ value: Bool, to writer: inout ByteWriter) {
        writer.append(value ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    }
}
