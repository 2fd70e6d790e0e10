/// The result of a call that must not block: its output, or what to wait for before the same call is repeated.
public enum Step<Output: ~Copyable>: ~Copyable {
    /// Repeat the call after this wait.
    case wait(Wait)
    /// The call is complete.
    case done(Output)
}

extension Step: Copyable where Output: Copyable {}
extension Step: Sendable where Output: Sendable & ~Copyable {}

/// An operation that talks to a server and never blocks.
///
/// A waiter advances the machine: ``BlockingWaiter``, an event loop, or the application. The machine neither sleeps nor
/// reads a clock. The time is a parameter, so that tests of time-outs do not have to wait.
public protocol StepMachine: ~Copyable {
    associatedtype Failure: Error

    /// Advances as far as is possible without waiting.
    /// - Parameter now: the time on ``Monotonic``'s clock.
    /// - Returns: what to wait for before the next call; `nil` if the operation is complete. The machine then has its
    ///   output and must not be advanced again.
    mutating func advance(now: Duration) throws(Failure) -> Wait?
}
