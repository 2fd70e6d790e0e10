import CApusLibPQ

/// Tells whether the process has forked since: a connection, its reservation and the registry of clusters belong to
/// the process that made them. A child that closed its parent's connection would end the parent's session.
public struct ForkGeneration: Equatable, Sendable {
    private static let watching: Bool = {
        // Before any connection is made: the gate must be there before a thread goes in.
        _ = LibraryGate.watchesForks
        return apus_watch_forks() == 0
    }()
    private let forks: Int32

    /// The generation of this process, now.
    @inline(never)
    public static var current: ForkGeneration {
        _ = watching
        return ForkGeneration(forks: apus_forks())
    }

    /// Whether this process is still the one in which the value was made.
    @inline(never)  // The counter is one per object file: see waiting.h.
    public var isOurs: Bool { apus_forks() == forks }
}
