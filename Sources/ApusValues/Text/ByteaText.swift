/// The two text forms of `bytea`: `\x` and pairs of hexadecimal digits (`bytea_output = hex`, the default), or bytes
/// with octal escapes (`escape`).
public enum ByteaText {
    /// The number of bytes that `decode` will store.
    ///
    /// For the hex form it comes from the length alone; that all of it are digits is for `decode` to find.
    /// - Returns: `nil` for an odd number of digits or a malformed escape.
    @inlinable
    public static func decodedCount(_ bytes: UnsafeRawBufferPointer) -> Int? {
        if isHex(bytes) {
            let digits = bytes.count &- 2
            return digits & 1 == 0 ? digits &>> 1 : nil
        }
        return escapedCount(bytes)
    }

    /// Decodes into `destination`, which must have room for `decodedCount` bytes.
    /// - Returns: false if the text is malformed; what has been stored by then is unspecified.
    public static func decode(_ bytes: UnsafeRawBufferPointer, to destination: UnsafeMutableRawPointer) -> Bool {
        guard isHex(bytes) else { return unescape(bytes, to: destination.assumingMemoryBound(to: UInt8.self)) }
        return Hex.decode(UnsafeRawBufferPointer(rebasing: bytes[2...]), to: destination)
    }

    /// Writes the hex form.
    public static func write(_ value: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.append("\\x")
        Hex.write(value, to: &writer)
    }

    @inlinable @inline(__always)
    static func isHex(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 2 && bytes[0] == UInt8(ascii: "\\") && bytes[1] == UInt8(ascii: "x")
    }

    /// The byte that the escape at `index` stands for, and the escape's length; `nil` if it is malformed.
    @inline(__always)
    private static func escape(_ bytes: UnsafeRawBufferPointer, at index: Int) -> (byte: UInt8, length: Int)? {
        guard index &+ 1 < bytes.count else { return nil }
        if bytes[index &+ 1] == UInt8(ascii: "\\") { return (UInt8(ascii: "\\"), 2) }
        guard index &+ 3 < bytes.count else { return nil }
        let high = bytes[index &+ 1] &- 0x30, middle = bytes[index &+ 2] &- 0x30, low = bytes[index &+ 3] &- 0x30
        guard high <= 3, middle <= 7, low <= 7 else { return nil }
        return (high &<< 6 | middle &<< 3 | low, 4)
    }

    @usableFromInline
    static func escapedCount(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        var count = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\\") {
                guard let (_, length) = escape(bytes, at: index) else { return nil }
                index &+= length
            } else {
                index &+= 1
            }
            count &+= 1
        }
        return count
    }

    private static func unescape(_ bytes: UnsafeRawBufferPointer, to destination: UnsafeMutablePointer<UInt8>) -> Bool {
        var index = 0
        var target = destination
        while index < bytes.count {
            var byte = bytes[index]
            if byte == UInt8(ascii: "\\") {
                guard let escaped = escape(bytes, at: index) else { return false }
                byte = escaped.byte
                index &+= escaped.length
            } else {
                index &+= 1
            }
            target.pointee = byte
            target += 1
        }
        return true
    }
}
