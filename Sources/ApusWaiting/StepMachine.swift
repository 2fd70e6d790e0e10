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
