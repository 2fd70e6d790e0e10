import CApusSystem

/// The waiter that blocks its thread: `poll(2)` until the descriptor is ready or the deadline has come.
public enum BlockingWaiter {
    /// How a wait ended.
    public enum Outcome: Sendable {
        /// The descriptor is ready (an error or a hang-up counts: the machine looks and finds out).
        case ready
        /// The deadline has come.
        case deadline
        /// A signal arrived (`EINTR`), or the slice of time asked for is over. Nothing else is known.
        case interrupted
    }

    /// Waits once.
    /// - Parameter slice: wake up after this long at the latest, as ``Outcome/interrupted``; `nil` for no limit.
    public static func wait(for wait: Wait, slice: Duration? = nil) -> Outcome {
        var entry = entry(of: wait)
        return outcome(until: wait.deadline, slice) { poll(&entry, wait.descriptor == nil ? 0 : 1, $0) }
    }

    /// Waits once for whichever of two comes first.
    /// - Parameter slice: as for one.
    public static func wait(for wait: Wait, or other: Wait, slice: Duration? = nil) -> Outcome {
        // poll(2) passes over what has no descriptor: its number is negative.
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

    /// Drives a machine to its end on this thread.
    /// - Parameter interrupted: called when a signal cut a wait short; throw to give the operation up.
    public static func run<Machine: StepMachine & ~Copyable>(
        _ machine: inout Machine, interrupted: () throws -> Void = {}
    ) throws {
        while let wait = try machine.advance(now: Monotonic.now) {
            if Self.wait(for: wait) == .interrupted { try interrupted() }
        }
    }
}
