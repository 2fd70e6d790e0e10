import CApusSystem

/// The waiter that blocks its thread: `poll(2)` until the descriptor is ready or the deadline has come.
public enum BlockingWaiter {
    /// How a wait ended.
    public enum Outcome: Sendable {
        /// The descriptor is ready. An error or a hang-up counts as well, because the next call reports it.
        case ready
        /// The deadline has come.
        case deadline
        /// A signal arrived (`EINTR`), or the slice of time is over. Whether the descriptor is ready is unknown.
        case interrupted
    }

    /// Waits once.
    /// - Parameters:
    ///   - wait: the descriptor, what it is watched for, and the deadline.
    ///   - slice: end after this long at the latest, as ``Outcome/interrupted``; `nil` for no limit.
    public static func wait(for wait: Wait, slice: Duration? = nil) -> Outcome {
        var entry = entry(of: wait)
        return outcome(until: wait.deadline, slice) { poll(&entry, wait.descriptor == nil ? 0 : 1, $0) }
    }

    /// Waits once, until the first of two waits is over.
    /// - Parameter slice: as for one wait.
    public static func wait(for wait: Wait, or other: Wait, slice: Duration? = nil) -> Outcome {
        // poll(2) ignores an entry with a negative descriptor.
        var entries = [entry(of: wait), entry(of: other)]
        return outcome(until: wait.until(other.deadline).deadline, slice) { poll(&entries, 2, $0) }
    }

    private static func entry(of wait: Wait) -> pollfd {
        var entry = pollfd(fd: wait.descriptor ?? -1, events: 0, revents: 0)
        if wait.interest.contains(.read) { entry.events |= Int16(POLLIN) }
        if wait.interest.contains(.write) { entry.events |= Int16(POLLOUT) }
        return entry
    }

    @inline(__always)
    private static func outcome(until deadline: Duration?, _ slice: Duration?, _ poll: (Int32) -> Int32) -> Outcome {
        var milliseconds: Int32 = -1
        var endsBySlice = false
        if let deadline { milliseconds = (deadline - Monotonic.now).pollMilliseconds }
        if let slice, milliseconds < 0 || slice.pollMilliseconds < milliseconds {
            milliseconds = slice.pollMilliseconds
            endsBySlice = true
        }
        let count = poll(milliseconds)
        if count > 0 { return .ready }
        if count < 0 { return .interrupted }
        return endsBySlice ? .interrupted : .deadline
    }

    /// Advances a machine on this thread until it is complete.
    /// - Parameter interrupted: called when a signal ended a wait; may throw to end the operation.
    public static func run<Machine: StepMachine & ~Copyable>(
        _ machine: inout Machine, interrupted: () throws -> Void = {}
    ) throws {
        while let wait = try machine.advance(now: Monotonic.now) {
            if Self.wait(for: wait) == .interrupted { try interrupted() }
        }
    }
}
