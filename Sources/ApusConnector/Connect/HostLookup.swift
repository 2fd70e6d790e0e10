import ApusCluster
import ApusPQ
import ApusWaiting

/// The resolution of one name, on a thread of its own: the system's resolver blocks, for half a minute where no name
/// server answers, and can be given no deadline. A caller that waits may give up at any time; the thread ends with the
/// resolver.
final class HostLookup: Sendable {
    typealias Outcome = HostAddresses.Outcome

    private let result = ForkSafeMutex<Outcome?>(nil)
    private let done: Signal

    private init() throws(PQError) { done = try PQError.system(Signal.init) }

    /// Starts to resolve a name.
    /// - Parameters:
    ///   - resolve: blocks until it has the addresses.
    ///   - whenDone: runs on the thread, after ``outcome`` was set.
    /// - Throws: ``PQError/Kind/system`` when the process has no thread or descriptor left.
    static func start(
        _ name: String, resolve: @escaping @Sendable (String) -> Outcome = HostAddresses.lookUp,
        whenDone: @escaping @Sendable (HostLookup) -> Void = { _ in }
    ) throws(PQError) -> HostLookup {
        let lookup = try HostLookup()
        let code = Thread.detach {
            let outcome = resolve(name)
            lookup.result.withLock { $0 = outcome }
            lookup.done.raise()
            whenDone(lookup)
        }
        if code != 0 {
            throw PQError(.system, "cannot start a thread to resolve a name: \(String(cString: strerror(code)))")
        }
        return lookup
    }

    /// What came of it; `nil` until then.
    var outcome: Outcome? { result.withLock { $0 } }

    /// Ends when there is an outcome.
    var wait: Wait { Wait(descriptor: done.descriptor, interest: .read) }
}
