extension ByteWriter {
    /// Appends a whole number, big-endian.
    @inlinable @inline(__always)
    public mutating func append<Integer: FixedWidthInteger>(bigEndian value: Integer) {
        let target = reserve(MemoryLayout<Integer>.size)
        UnsafeMutableRawPointer(target).storeBytes(of: value.bigEndian, as: Integer.self)
        advance(by: MemoryLayout<Integer>.size)
    }

    /// Appends the length -1, which means NULL.
    @inlinable
    public mutating func appendNull() {
        append(bigEndian: Int32(-1))
    }

    /// Appends what `body` writes, after its length in 32 bits.
    /// - Throws: whatever `body` throws, and `outOfRange` if it wrote 2 GB or more; nothing has been appended then.
    @inlinable
    public mutating func appendWithLength(
        _ body: (inout ByteWriter) throws(ValueFormatError) -> Void
    ) throws(ValueFormatError) {
        let start = count
        append(bigEndian: Int32(0))
        do {
            try body(&self)
        } catch {
            truncate(to: start)
            throw error
        }
        guard let length = Int32(exactly: count - start - 4) else {
            truncate(to: start)
            throw ValueFormatError(.outOfRange, "length")
        }
        (base + start).storeBytes(of: length.bigEndian, as: Int32.self)
    }

    /// Removes everything after the first `length` bytes.
    @inlinable
    public mutating func truncate(to length: Int) {
        if length >= 0, length < used { used = length }
    }
}
