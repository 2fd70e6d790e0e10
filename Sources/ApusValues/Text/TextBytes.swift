/// Questions about text of any type.
public enum TextBytes {
    /// Whether every byte is ASCII, so that the text is the same in each of PostgreSQL's server-side encodings.
    @inlinable
    public static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var offset = 0
        while count &- offset >= 8 {
            guard (base + offset).loadUnaligned(as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else { return false }
            offset &+= 8
        }
        var rest: UInt8 = 0
        while offset < count {
            rest |= bytes[offset]
            offset &+= 1
        }
        return rest < 0x80
    }
}
