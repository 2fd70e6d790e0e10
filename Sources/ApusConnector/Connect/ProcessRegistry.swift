import ApusCluster
import ApusPQ
import ApusWaiting
import Synchronization

/// The registry of the clusters that this process knows, shared by both faces and by every connection.
///
/// A fork's child starts with an empty one: what the parent counted is the parent's, and its locks may have been held
/// at the moment of the fork.
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

    /// The address of the current `Generation`, never freed: a former one may still be referred to by sessions of the
    /// parent that the child only holds in order to let go of them.
    private static let current = Atomic<UInt>(0)

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
