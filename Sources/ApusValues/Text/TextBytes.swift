/// Checks on text of any type.
public enum TextBytes {
    /// Whether every byte is ASCII, so that the text is the same in each of PostgreSQL's server-side encodings.
    @inlinable
    public static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        if count < 8 {
            var all: UInt8 = 0
            for offset in 0..<count { all |= base.load(fromByteOffset: offset, as: UInt8.self) }
            return all < 0x80
        }
        // The last eight bytes may be looked at twice.
        var all = (base + (count &- 8)).loadUnaligned(as: UInt64.self)
        var offset = 0
        while offset < count &- 8 {
            all |= (base + offset).loadUnaligned(as: UInt64.self)
            offset &+= 8
        }
        return all & 0x8080_8080_8080_8080 == 0
    }
}
