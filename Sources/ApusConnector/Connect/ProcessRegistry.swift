import ApusCluster
import ApusPQ
import ApusWaiting
import Synchronization

/// The registry of the clusters that this process knows. Both faces and all connections share it.
///
/// A forked child starts with an empty registry, because the parent's counts are the parent's, and its locks may have
/// been held at the fork.
public enum ProcessRegistry {
    private final class Generation: Sendable {
        let fork = ForkGeneration.current
        let registry: ClusterRegistry
        let lookups = HostLookups()
        init() {
            let fork = fork
            registry = ClusterRegistry(belongsHere: { fork.isOurs })
        }
    }

    /// The address of the current `Generation`. It is never freed, because in a forked child the parent's sessions
    /// still refer to it until they are released.
    private static let current = Atomic<UInt>(0)

    /// The registry of this process.
    public static var shared: ClusterRegistry { generation.registry }

    /// The names that this process is resolving.
    static var lookups: HostLookups { generation.lookups }

    private static var generation: Generation {
        while true {
            let bits = current.load(ordering: .acquiring)
            if let known = UnsafeRawPointer(bitPattern: bits) {
                let generation = Unmanaged<Generation>.fromOpaque(known).takeUnretainedValue()
                if generation.fork.isOurs { return generation }
            }
            let fresh = Unmanaged.passRetained(Generation())
            let address = UInt(bitPattern: fresh.toOpaque())
            if !current.compareExchange(expected: bits, desired: address, ordering: .acquiringAndReleasing).exchanged {
                fresh.release()
            }
        }
    }
}
