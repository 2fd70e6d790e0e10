import CApusSystem

/// Waits for many descriptors at once: epoll on Linux, kqueue on Darwin (compiled there, unverified).
///
/// The queue itself is a descriptor, which is readable while any event is pending. A connection whose socket may change
/// gives this descriptor to the application's event loop.
public final class EventQueue: Sendable {
    /// One report about a descriptor.
    public struct Event: Sendable {
        /// The token that was given at the registration.
        public var token: UInt64
        /// What became ready.
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
    /// - Parameters:
    ///   - fd: the descriptor.
    ///   - interest: what to report.
    ///   - once: report once, and then nothing until it is registered again.
    ///   - token: identifies the descriptor in events.
    /// - Throws: ``SystemError`` if the descriptor cannot be watched.
    public func register(_ fd: Int32, for interest: Wait.Interest, once: Bool = false, token: UInt64)
        throws(SystemError)
    {
        if apus_queue_register(descriptor, fd, interest.rawValue, once ? 1 : 0, token) < 0 {
            throw SystemError("cannot watch descriptor \(fd)")
        }
    }

    /// Removes a descriptor. The kernel removes one that is closed by itself.
    public func unregister(_ fd: Int32) { _ = apus_queue_unregister(descriptor, fd) }

    /// Waits until something is ready or `timeout` is over (`nil`: no limit), and calls `body` with each event.
    public func wait(timeout: Duration?, _ body: (Event) -> Void) {
        withUnsafeTemporaryAllocation(of: apus_event.self, capacity: 64) { events in
            let count = apus_queue_wait(descriptor, events.baseAddress, 64, timeout?.pollMilliseconds ?? -1)
            for index in 0..<max(0, Int(count)) {
                body(Event(token: events[index].token, ready: Wait.Interest(rawValue: events[index].ready)))
            }
        }
    }
}
