import CApusSystem

/// A timer of a queue: from a moment on, the queue has an event. On Linux the timer is a descriptor, on Darwin a filter
/// of the queue (compiled there, unverified). A queue may have one timer.
public final class Timer: Sendable {
    private let queue: EventQueue
    private let token: UInt64
    private let timer: Int32

    /// - Parameter token: identifies the timer in the queue's events.
    /// - Throws: ``SystemError`` if the process has no descriptor left.
    public init(of queue: EventQueue, token: UInt64) throws(SystemError) {
        self.queue = queue
        self.token = token
        timer = apus_timer_create(queue.descriptor, token)
        if timer < 0 { throw SystemError("cannot create a timer") }
    }

    deinit { apus_timer_close(timer) }

    /// Sets the timer to a moment on ``Monotonic``'s clock, in place of the one before; `nil` disarms it.
    public func set(_ deadline: Duration?) {
        _ = apus_timer_set(timer, token, deadline.map { max(1, $0.clampedNanoseconds) } ?? 0)
    }
}
