import ApusWaiting

extension UnsafeRawBufferPointer {
    /// Where a byte is at or after a position; nil if it is not there.
    @inlinable
    public func position(of byte: UInt8, from start: Int = 0) -> Int? {
        guard let base = baseAddress, start < count, let found = memchr(base + start, Int32(byte), count - start) else {
            return nil
        }
        return UnsafeRawPointer(found) - base
    }
}
