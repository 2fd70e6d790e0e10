import CApusSystem

/// Descriptors to wait for, many at once: epoll on Linux, kqueue on Darwin (compiled there, unverified).
///
/// The queue has a descriptor of its own, which is readable while any event is pending: what a connection hands out to
/// the application's event loop when the socket behind it changes.
public final class EventQueue: Sendable {
    /// One report: the token of the registration, and what became ready.
    public struct Event: Sendable {
        public var token: UInt64
        public var ready: Wait.Interest
    }

    /// The queue's own descriptor.
    public let descriptor: Int32

    /// - Throws: ``SystemError`` if the process has no descriptor left.
    public init() throws(SystemError) {
        descriptor = apus_queue_create()
        if descriptor < 0 { throw SystemError("cannot create an event queue") }
    }

    deinit { close(descriptor) }

    /// Registers a descriptor, or changes what it is registered for.
    /// - Parameter once: report once, then stay silent until registered again.
    public func register(_ fd: Int32, for interest: Wait.Interest, once: Bool = false, token: UInt64)
        throws(SystemError)
    {
        if apus_queue_register(descriptor, fd, interest.rawValue, once ? 1 : 0, token) < 0 {
            throw SystemError("cannot watch descriptor \(fd)")
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
