import CApusLibPQ

/// Descriptors to wait for, many at once: epoll on Linux, kqueue on Darwin (compiled there, unverified).
///
/// The queue has a descriptor of its own, which is readable while any event is pending: what a connection hands out to
/// the event loop of a program when the socket behind it changes.
public final class EventQueue: Sendable {
    /// One report: the token of the registration, and what became ready.
    public struct Event: Sendable {
        public var token: UInt64
        public var ready: Wait.Interest
    }

    /// The queue's own descriptor.
    public let descriptor: Int32

    /// - Throws: ``PQError`` of kind ``PQError/Kind/system`` when the process has no descriptor left.
    public init() throws(PQError) {
        descriptor = apus_queue_create()
        if descriptor < 0 { throw .system("cannot create an event queue") }
    }

    deinit { close(descriptor) }

    /// Registers a descriptor, or changes what it is registered for.
    /// - Parameter once: report once, then stay silent until registered again.
    public func register(_ fd: Int32, for interest: Wait.Interest, once: Bool = false, token: UInt64) throws(PQError) {
        if apus_queue_register(descriptor, fd, interest.rawValue, once ? 1 : 0, token) < 0 {
            throw .system("cannot watch descriptor \(fd)")
        }
    }

    /// Forgets a descriptor; one that is already closed has been forgotten by the kernel.
    public func unregister(_ fd: Int32) { _ = apus_queue_unregister(descriptor, fd) }

    /// Waits until something is ready or `timeout` is over (`nil`: for ever), and hands each event to `body`.
    public func wait(timeout: Duration?, _ body: (Event) -> Void) {
        withUnsafeTemporaryAllocation(of: apus_event.self, capacity: 64) { events in
            let count = apus_queue_wait(descriptor, events.baseAddress, 64, timeout?.pollMilliseconds ?? -1)
            for index in 0..<max(0, Int(count)) {
                body(Event(token: events[index].token, ready: Wait.Interest(rawValue: events[index].ready)))
            }
        }
    }
}

/// A descriptor that becomes readable when raised, and stays so: any number of waiters may wait for it, and one who
/// comes late does not wait at all.
public final class Signal: Sendable {
    /// What to wait for, for reading.
    public let descriptor: Int32
    private let writeEnd: Int32

    public init() throws(PQError) {
        var ends: (Int32, Int32) = (-1, -1)
        if apus_signal_create(&ends.0, &ends.1) < 0 { throw .system("cannot create a signal") }
        (descriptor, writeEnd) = ends
    }

    deinit {
        close(descriptor)
        if writeEnd != descriptor { close(writeEnd) }
    }

    /// Wakes all who wait, now and later.
    public func raise() { _ = apus_signal_raise(writeEnd) }

    /// Makes the signal wait for the next ``raise()``.
    public func clear() { apus_signal_clear(descriptor) }
}

/// A queue's timer: from a moment on, the queue has an event. On Linux it is a descriptor of its own, on Darwin a
/// filter of the queue (compiled there, unverified); a queue has one timer at most.
public final class Timer: Sendable {
    private let queue: EventQueue
    private let token: UInt64
    private let timer: Int32

    public init(of queue: EventQueue, token: UInt64) throws(PQError) {
        self.queue = queue
        self.token = token
        timer = apus_timer_create(queue.descriptor, token)
        if timer < 0 { throw .system("cannot create a timer") }
    }

    deinit { apus_timer_close(timer) }

    /// Arms the timer for a moment on ``Monotonic``'s clock; `nil` disarms it. What was set before is forgotten.
    public func set(_ deadline: Duration?) {
        _ = apus_timer_set(timer, token, deadline.map { max(1, $0.clampedNanoseconds) } ?? 0)
    }
}
