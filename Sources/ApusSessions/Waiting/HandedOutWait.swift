import ApusPQ
import ApusWaiting

/// A wait handed out under a descriptor of its own, for loops that register a connection's descriptor once: an event
/// queue that the present socket and deadline are registered with. It is waited for by reading.
public final class HandedOutWait {
    private let queue: EventQueue
    private let timer: Timer
    private var watched: Int32?

    public init() throws(PQError) {
        queue = try PQError.system(EventQueue.init)
        let queue = queue
        timer = try PQError.system { () throws(SystemError) in try Timer(of: queue, token: 0) }
    }

    public var descriptor: Int32 { queue.descriptor }

    /// Makes the descriptor readable when this wait is over.
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
