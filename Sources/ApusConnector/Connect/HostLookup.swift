import ApusCluster
import ApusPQ
import ApusWaiting

/// The resolution of one name, on a thread of its own, because the system's resolver blocks, for half a minute if no
/// name server answers, and takes no deadline. A caller may stop waiting at any time; the thread ends when the resolver
/// returns.
final class HostLookup: Sendable {
    typealias Outcome = HostAddresses.Outcome

    private let result = ForkSafeMutex<Outcome?>(nil)
    private let done: Signal

    private init() throws(PQError) { done = try PQError.system(Signal.init) }

    /// Starts to resolve a name.
    /// - Parameters:
    ///   - resolve: resolves the name; may block.
    ///   - whenDone: runs on the thread after ``outcome`` is set.
    /// - Throws: ``PQError/Kind/system`` if the process has no thread or descriptor left.
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

    /// The addresses, or why there are none; `nil` until the resolver has returned.
    var outcome: Outcome? { result.withLock { $0 } }

    /// A wait that ends when there is an outcome.
    var wait: Wait { Wait(descriptor: done.descriptor, interest: .read) }
}
