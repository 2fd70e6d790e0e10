import CApusSystem

/// A queue's timer: from a moment on, the queue has an event. On Linux it is a descriptor of its own, on Darwin a
/// filter of the queue (compiled there, unverified); a queue has one timer at most.
public final class Timer: Sendable {
    private let queue: EventQueue
    private let token: UInt64
    private let timer: Int32

    public init(of queue: EventQueue, token: UInt64) throws(SystemError) {
        self.queue = queue
        self.token = token
        timer = apus_timer_create(queue.descriptor, token)
        if timer < 0 { throw SystemError("cannot create a timer") }
    }

    deinit { apus_timer_close(timer) }

    /// Arms the timer for a moment on ``Monotonic``'s clock; `nil` disarms it. What was set before is forgotten.
    public func set(_ deadline: Duration?) {
        _ = apus_timer_set(timer, token, deadline.map { max(1, $0.clampedNanoseconds) } ?? 0)
    }
}
