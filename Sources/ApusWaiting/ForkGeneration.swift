import CApusSystem

/// Tells whether the process has forked since the value was made. A connection, its reservation and the registry of
/// clusters belong to the process that made them: a child that closed its parent's connection would end the parent's
/// session.
public struct ForkGeneration: Equatable, Sendable {
    private static let watching: Bool = {
        // The gate's handlers have to be registered before the first thread enters.
        _ = ProcessGate.watchesForks
        return apus_watch_forks() == 0
    }()
    private let forks: Int32

    /// The generation of this process, now.
    public static var current: ForkGeneration {
        _ = watching
        return ForkGeneration(forks: apus_forks())
    }

    /// Whether this process is still the one in which the value was made.
    public var isOurs: Bool { apus_forks() == forks }
}
