import ApusCluster
import ApusPQ
import ApusWaiting

/// The names that this process is resolving. A name that many callers wait for is resolved once, so that a name server
/// that does not answer takes one thread for each name, not for each connect.
final class HostLookups: Sendable {
    /// The keys are the names' bytes, because strings that are equal in Swift may be two names for a name server.
    private let running = ForkSafeMutex<[[UInt8]: HostLookup]>([:])
    private let resolve: @Sendable (String) -> HostLookup.Outcome

    /// - Parameter resolve: resolves a name; may block.
    init(resolve: @escaping @Sendable (String) -> HostLookup.Outcome = HostAddresses.lookUp) {
        self.resolve = resolve
    }

    /// Whether a target's name has to be resolved before libpq can connect to it without blocking.
    static func isNeeded(for target: Target) -> Bool {
        let name = target.endpoint.host
        return target.address.isEmpty && !name.isEmpty && !HostAddresses.isUnixSocket(name)
            && !HostAddresses.isNumeric(name)
    }

    /// The lookup of a name, which this call starts unless another caller has.
    /// - Returns: `nil` if the process has no thread or descriptor left for it.
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
