/// The text that an exchange sends. It owns its bytes, or a reference to their owner, because other Python code (in
/// another thread, a signal handler or a callback) may run during the exchange and free the original.
public struct Statement: ~Copyable {
    /// The text. A zero byte follows it, because libpq takes C strings.
    public let bytes: UnsafeRawBufferPointer
    @usableFromInline let storage: Storage

    /// Releases the owner of the bytes. It is a C function because a closure would be reference-counted, for every
    /// statement.
    public typealias Release = @convention(c) (UnsafeMutableRawPointer) -> Void

    @usableFromInline
    enum Storage {
        /// A string literal, which is never freed.
        case literal
        /// The object that owns the bytes, and the function that releases it.
        case owner(UnsafeMutableRawPointer, release: Release)
        case copy(UnsafeMutableRawPointer)
    }

    /// Refers to a string literal, without a copy.
    public init(_ literal: StaticString) {
        bytes = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        storage = .literal
    }

    /// Refers to bytes that an object of another language owns, without a copy.
    /// - Parameters:
    ///   - bytes: the text; a zero byte must follow it.
    ///   - owner: the object that keeps the bytes alive until it is released.
    ///   - release: called once, with the owner, when the statement is destroyed.
    @inlinable
    public init(
        _ bytes: UnsafeRawBufferPointer, ownedBy owner: UnsafeMutableRawPointer,
        release: @escaping Release
    ) {
        self.bytes = bytes
        storage = .owner(owner, release: release)
    }

    /// Copies the text, and adds the zero byte.
    public init(copying text: UnsafeRawBufferPointer) {
        let count = text.count
        let copy = UnsafeMutableRawPointer.allocate(byteCount: count &+ 1, alignment: 1)
        if let start = text.baseAddress { copy.copyMemory(from: start, byteCount: count) }
        copy.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        bytes = UnsafeRawBufferPointer(start: copy, count: count)
        storage = .copy(copy)
    }

    deinit {
        switch storage {
        case .literal: break
        case .owner(let owner, let release): release(owner)
        case .copy(let copy): copy.deallocate()
        }
    }
}
