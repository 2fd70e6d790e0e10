/// A growable buffer that the writers of this module append to.
///
/// It owns its memory. Because it cannot be copied, it needs no uniqueness check for each byte. Make one, pass it
/// `inout` to many writers, and reuse it with `removeAll()`.
public struct ByteWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int

    @usableFromInline var used: Int

    /// How many bytes have been written.
    @inlinable @inline(__always)
    public var count: Int { used }

    /// - Parameter minimumCapacity: bytes that can be written before the buffer has to grow.
    public init(minimumCapacity: Int = 256) {
        capacity = max(minimumCapacity, 16)
        base = .allocate(byteCount: capacity, alignment: 16)
        used = 0
    }

    deinit {
        base.deallocate()
    }

    /// Removes all bytes and keeps the memory.
    public mutating func removeAll() {
        used = 0
    }

    /// Makes room for `additional` more bytes, to be followed by `advance(by:)`.
    /// - Returns: where the bytes go.
    @inlinable @inline(__always)
    public mutating func reserve(_ additional: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity &- count < additional { grow(additional) }
        return (base + count).assumingMemoryBound(to: UInt8.self)
    }

    /// Counts bytes that were stored through the pointer of `reserve(_:)`; never more than were reserved.
    @inlinable @inline(__always)
    public mutating func advance(by written: Int) {
        used &+= written
    }

    @usableFromInline
    mutating func grow(_ additional: Int) {
        let wanted = max(capacity * 2, count + additional)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
        larger.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = larger
        capacity = wanted
    }

    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        advance(by: 1)
    }

    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        UnsafeMutableRawPointer(reserve(bytes.count)).copyMemory(from: source, byteCount: bytes.count)
        advance(by: bytes.count)
    }

    /// Appends a literal.
    @inlinable
    public mutating func append(_ literal: StaticString) {
        append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Appends the UTF-8 of a string.
    @inlinable
    public mutating func append(_ string: String) {
        var string = string
        string.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// What was written; valid only inside `body`.
    @inlinable
    public borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy of what was written.
    public borrowing func bytes() -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: base, count: count))
    }

    /// What was written, as text; bytes that are not UTF-8 are replaced.
    public borrowing func string() -> String {
        String(decoding: UnsafeRawBufferPointer(start: base, count: count), as: UTF8.self)
    }
}

// The memory belongs to one writer, which cannot be copied, so it moves to another thread with the writer.
extension ByteWriter: @unchecked Sendable {}
