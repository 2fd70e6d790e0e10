import CApusSystem

/// Tells whether the process has forked since the value was made. A connection, its reservation and the registry of
/// clusters belong to the process that made them, because a child that closes its parent's connection ends the parent's
/// session.
public struct ForkGeneration: Equatable, Sendable {
    private static let watching: Bool = {
        // The gate's handlers must be registered before the first thread enters.
        _ = ProcessGate.watchesForks
        return apus_watch_forks() == 0
    }()
    private let forks: Int32

    /// The present generation of this process.
    public static var current: ForkGeneration {
        _ = watching
        return ForkGeneration(forks: apus_forks())
    }

    /// Whether this process made the value.
    public var isOurs: Bool { apus_forks() == forks }
}
