import ApusPQ
import ApusWaiting

/// A wait for a socket or a deadline, as one file descriptor that never changes. Event loops need it, because they
/// register the descriptor of a connection once, while the socket changes during a connect. The descriptor is an event
/// queue; it becomes readable when the wait is over.
public final class HandedOutWait {
    private let queue: EventQueue
    private let timer: Timer
    private var watched: Int32?

    /// Creates the event queue.
    /// - Throws: an error if the process or the system has no descriptor left.
    public init() throws(PQError) {
        queue = try PQError.system(EventQueue.init)
        let queue = queue
        timer = try PQError.system { () throws(SystemError) in try Timer(of: queue, token: 0) }
    }

    /// The descriptor to wait for, until it is readable. It is closed with this object.
    public var descriptor: Int32 { queue.descriptor }

    /// Replaces the wait. The descriptor becomes readable when the new wait is over.
    /// - Throws: an error if the system cannot register the socket.
    public func set(_ wait: Wait) throws(PQError) {
        if let watched, watched != wait.descriptor { queue.unregister(watched) }
        watched = wait.descriptor
        if let descriptor = wait.descriptor {
            try PQError.system { () throws(SystemError) in
                try queue.register(descriptor, for: wait.interest, token: 1)
            }
        }
        timer.set(wait.deadline)
    }
}
