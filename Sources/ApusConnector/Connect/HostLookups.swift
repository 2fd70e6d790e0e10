import ApusCluster
import ApusPQ
import ApusWaiting

/// The names that are being resolved for this process. A name that many callers wait for is asked for once, so that a
/// name server which does not answer costs one thread a name and not one a connect.
final class HostLookups: Sendable {
    /// By the names' bytes: what Swift's strings may call equal are two names for a name server.
    private let running = ForkSafeMutex<[[UInt8]: HostLookup]>([:])
    private let resolve: @Sendable (String) -> HostLookup.Outcome

    /// - Parameter resolve: blocks until it has the addresses of a name.
    init(resolve: @escaping @Sendable (String) -> HostLookup.Outcome = HostAddresses.lookUp) {
        self.resolve = resolve
    }

    /// Whether a target has to be looked up before libpq can connect to it without blocking.
    static func isNeeded(for target: Target) -> Bool {
        let name = target.endpoint.host
        return target.address.isEmpty && !name.isEmpty && !HostAddresses.isUnixSocket(name)
            && !HostAddresses.isNumeric(name)
    }

    /// The lookup of a name, begun now or by another caller.
    /// - Returns: `nil` when the process has no thread or descriptor left for it.
    func lookup(_ name: String) -> HostLookup? {
        let key = Array(name.utf8)
        return running.withLock { running in
            if let lookup = running[key], lookup.outcome == nil { return lookup }
            let lookup = try? HostLookup.start(name, resolve: resolve) { [weak self] lookup in
                self?.running.withLock { running in
                    if running[key] === lookup { running[key] = nil }
                }
            }
            running[key] = lookup
            return lookup
        }
    }
}
