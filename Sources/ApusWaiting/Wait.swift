/// What a step machine waits for: a descriptor to become ready, a moment to come, or whichever is first.
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

    /// The descriptor to watch; `nil` waits for ``deadline`` alone.
    public var descriptor: Int32?
    /// What to watch the descriptor for; reported when any of it is so.
    public var interest: Interest
    /// When to advance the machine again though nothing became ready, on ``Monotonic``'s clock; `nil` is never.
    public var deadline: Duration?

    @inlinable
    public init(descriptor: Int32?, interest: Interest, deadline: Duration? = nil) {
        self.descriptor = descriptor
        self.interest = interest
        self.deadline = deadline
    }

    /// The same wait, ending at `other` at the latest.
    public func until(_ other: Duration?) -> Wait {
        guard let other else { return self }
        var wait = self
        wait.deadline = deadline.map { min($0, other) } ?? other
        return wait
    }
}
