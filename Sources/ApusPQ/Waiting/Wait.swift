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

/// The answer of a call that would block: its result, or what to wait for before the same call is made again.
public enum Step<Output: ~Copyable>: ~Copyable {
    /// Call again once this wait is over.
    case wait(Wait)
    case done(Output)
}

extension Step: Copyable where Output: Copyable {}
extension Step: Sendable where Output: Sendable & ~Copyable {}

/// An operation that talks to a server without ever blocking on it.
///
/// A machine is advanced by its waiter: ``BlockingWaiter``, an event loop, or the application itself. It neither
/// sleeps nor reads a clock: the time is a parameter, so that time-outs can be tested without waiting for them.
public protocol StepMachine: ~Copyable {
    associatedtype Failure: Error

    /// Goes on as far as is possible without waiting.
    /// - Parameter now: the time on ``Monotonic``'s clock.
    /// - Returns: what to wait for before the next call, or `nil` when the operation is complete; the machine then
    ///   holds its output, and must not be advanced again.
    mutating func advance(now: Duration) throws(Failure) -> Wait?
}
