/// A forward reader over borrowed bytes in PostgreSQL's binary format: big-endian, without padding.
///
/// Every read checks that the bytes are there. The bytes must outlive the reader.
@frozen
public struct BinaryReader {
    @usableFromInline var position: UnsafeRawPointer?
    /// How many bytes are left.
    @inlinable @inline(__always)
    public var remaining: Int { left }
    @usableFromInline var left: Int
    @usableFromInline let type: StaticString

    /// - Parameter type: the name that errors carry.
    @inlinable @inline(__always)
    public init(_ bytes: UnsafeRawBufferPointer, _ type: StaticString) {
        position = bytes.baseAddress
        left = bytes.count
        self.type = type
    }

    @inlinable @inline(__always)
    public mutating func read<Integer: FixedWidthInteger>(
        _ integer: Integer.Type = Integer.self
    ) throws(ValueFormatError) -> Integer {
        guard let start = position, left >= MemoryLayout<Integer>.size else { throw error(.wrongLength) }
        position = start + MemoryLayout<Integer>.size
        left &-= MemoryLayout<Integer>.size
        return Integer(bigEndian: start.loadUnaligned(as: Integer.self))
    }

    /// The next `count` bytes, still borrowed.
    @inlinable @inline(__always)
    public mutating func read(count: Int) throws(ValueFormatError) -> UnsafeRawBufferPointer {
        guard count >= 0, left >= count else { throw error(.wrongLength) }
        let slice = UnsafeRawBufferPointer(start: position, count: count)
        if let start = position { position = start + count }
        left &-= count
        return slice
    }

    /// A value after its length of 32 bits; `nil` for the length -1, which means NULL.
    @inlinable
    public mutating func readNullable() throws(ValueFormatError) -> UnsafeRawBufferPointer? {
        let count = try read(Int32.self)
        guard count != -1 else { return nil }
        return try read(count: Int(count))
    }

    /// Everything that is left.
    @inlinable
    public mutating func readRest() -> UnsafeRawBufferPointer {
        let slice = UnsafeRawBufferPointer(start: position, count: left)
        left = 0
        return slice
    }

    /// Throws unless everything has been read.
    @inlinable @inline(__always)
    public func finish() throws(ValueFormatError) {
        guard left == 0 else { throw error(.wrongLength) }
    }

    /// An error that names the reader's type.
    @inlinable
    public func error(_ reason: ValueFormatError.Reason) -> ValueFormatError {
        ValueFormatError(reason, type)
    }
}
