import ApusWaiting

extension UnsafeRawBufferPointer {
    /// Returns the index of the first such byte at or after `start`, or nil if there is none.
    @inlinable
    public func position(of byte: UInt8, from start: Int = 0) -> Int? {
        guard let base = baseAddress, start < count, let found = memchr(base + start, Int32(byte), count - start) else {
            return nil
        }
        return UnsafeRawPointer(found) - base
    }
}
