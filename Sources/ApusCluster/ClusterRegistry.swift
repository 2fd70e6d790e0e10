import Synchronization

/// The clusters that a process knows. Two clusters never mix: one is known again by its universe's uuid, else by the
/// uuid of any of its nodes, else by the contact points that led to it.
public final class ClusterRegistry: Sendable {
    private struct State {
        var byContactPoints: [Set<Endpoint>: Cluster] = [:]
        var random: SplitMix64
    }
    private let state: Mutex<State>
    private let belongsHere: @Sendable () -> Bool

    /// - Parameters:
    ///   - seed: of the tie-breaking; random unless a test wants to repeat itself.
    ///   - belongsHere: whether this process is still the one that made the registry (it is not in a fork's child).
    public init(
        seed: UInt64 = UInt64.random(in: .min ... .max), belongsHere: @escaping @Sendable () -> Bool = { true }
    ) {
        state = Mutex(State(random: SplitMix64(seed: seed)))
        self.belongsHere = belongsHere
    }

    /// The cluster behind contact points; one that is not known yet is entered without a list.
    public func cluster(behind contactPoints: Set<Endpoint>) -> Cluster {
        state.withLock { state in
            if let cluster = state.byContactPoints[contactPoints] { return cluster }
            let cluster = Cluster(seed: state.random.next(), belongsHere: belongsHere)
            state.byContactPoints[contactPoints] = cluster
            return cluster
        }
    }

    /// Every cluster that is known, each once.
    public var clusters: [Cluster] {
        var seen = Set<ObjectIdentifier>()
        return state.withLock { state in
            state.byContactPoints.values.filter { seen.insert(ObjectIdentifier($0)).inserted }
        }
    }

    /// Where a list of nodes came from.
    public enum Source: Sendable, Hashable {
        /// One of the caller's contact points: whatever answers there is what the caller means.
        case contactPoint
        /// A node of the list: should another cluster answer at its address, that is not what the caller means.
        case knownNode
    }

    /// Takes over a list of nodes that a refresh brought.
    ///
    /// - Returns: the cluster to pick from, which may be another than the ticket's: contact points that turn out to
    ///   lead to a cluster that is known already join it. `nil` when the list belongs to a different cluster than the
    ///   one that was asked for, and must be fetched elsewhere; the ticket is then still open.
    public func finish(
        _ ticket: RefreshTicket, nodes: [ClusterNode], from source: Source, contactPoints: Set<Endpoint>, now: Duration
    ) -> Cluster? {
        let current = ticket.cluster
        let target = state.withLock { state -> Cluster? in
            let universe = nodes.lazy.compactMap(\.universeUUID).first
            let uuids = Set(nodes.compactMap(\.uuid))
            if Self.isSame(current, universe, uuids) { return current }
            if source == .knownNode { return nil }
            let known = state.byContactPoints.values.first { $0 !== current && Self.matches($0, universe, uuids) }
            let isNew = current.nodes.isEmpty
            let target = known ?? (isNew ? current : Cluster(seed: state.random.next(), belongsHere: belongsHere))
            state.byContactPoints[contactPoints] = target
            return target
        }
        guard let target else { return nil }
        if target === current {
            ticket.succeed(nodes, now: now)
        } else {
            target.accept(nodes, now: now)
            ticket.succeed(nil, now: now)
        }
        return target
    }

    /// Whether a list belongs to a cluster that has one already.
    private static func isSame(_ cluster: Cluster, _ universe: String?, _ uuids: Set<String>) -> Bool {
        if cluster.nodes.isEmpty { return false }
        if let universe, let own = cluster.universeUUID { return universe == own }
        let hasUUIDs = cluster.nodes.contains { $0.uuid != nil }
        return !hasUUIDs || uuids.isEmpty || cluster.overlaps(uuids)
    }

    /// Whether a list proves to be of a cluster that another caller found.
    private static func matches(_ cluster: Cluster, _ universe: String?, _ uuids: Set<String>) -> Bool {
        if let universe, let own = cluster.universeUUID { return universe == own }
        return cluster.overlaps(uuids)
    }
}
