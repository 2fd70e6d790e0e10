/// What a step machine waits for: a descriptor that becomes ready, a moment, or the first of the two.
public struct Wait: Sendable, Equatable {
    /// Readiness for reading, writing, or both.
    public struct Interest: OptionSet, Sendable {
        public let rawValue: Int32
        @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

        /// Bytes, an end of file or an error can be read.
        public static let read = Interest(rawValue: 1)
        /// Bytes can be written.
        public static let write = Interest(rawValue: 2)
    }

    /// The descriptor to watch; `nil` to wait for ``deadline`` only.
    public var descriptor: Int32?
    /// What to watch the descriptor for. The wait ends when it is ready for any of it.
    public var interest: Interest
    /// When the wait ends although nothing is ready, on ``Monotonic``'s clock; `nil` for never.
    public var deadline: Duration?

    /// A wait for a descriptor, a deadline, or both.
    @inlinable
    public init(descriptor: Int32?, interest: Interest, deadline: Duration? = nil) {
        self.descriptor = descriptor
        self.interest = interest
        self.deadline = deadline
    }

    /// The same wait, which ends at `other` at the latest.
    public func until(_ other: Duration?) -> Wait {
        guard let other else { return self }
        var wait = self
        wait.deadline = deadline.map { min($0, other) } ?? other
        return wait
    }
}
