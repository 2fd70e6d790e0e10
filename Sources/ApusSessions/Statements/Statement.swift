/// The text that an exchange sends. It owns its bytes, because the wait for the server outlives the call that they came
/// from: another thread, a signal handler or a callback may run meanwhile.
public struct Statement: ~Copyable {
    /// The text. A zero byte follows it, which libpq needs.
    public let bytes: UnsafeRawBufferPointer
    @usableFromInline let storage: Storage

    /// Lets go of what keeps the bytes. A C function, because it is called for every statement, and a closure would be
    /// counted.
    public typealias Release = @convention(c) (UnsafeMutableRawPointer) -> Void

    @usableFromInline
    enum Storage {
        /// A literal of the program, which lives as long as the process.
        case literal
        /// What keeps the bytes, and how it is let go.
        case owner(UnsafeMutableRawPointer, release: Release)
        case copy(UnsafeMutableRawPointer)
    }

    public init(_ literal: StaticString) {
        bytes = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        storage = .literal
    }

    /// Keeps bytes that belong to an object of another language.
    /// - Parameters:
    ///   - bytes: a zero byte follows them.
    ///   - owner: keeps the bytes until it is released.
    ///   - release: is called once, with the owner.
    @inlinable
    public init(
        _ bytes: UnsafeRawBufferPointer, ownedBy owner: UnsafeMutableRawPointer,
        release: @escaping Release
    ) {
        self.bytes = bytes
        storage = .owner(owner, release: release)
    }

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
