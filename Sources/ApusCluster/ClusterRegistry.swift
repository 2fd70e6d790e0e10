import ApusWaiting

/// The clusters that a process knows. Two clusters never mix: one is known again by its universe's uuid, else by the
/// uuid of any of its nodes, else by the contact points that led to it.
///
/// It is bounded: see ``ContactPointTable`` for what is forgotten, and when.
public final class ClusterRegistry: Sendable {
    private struct State {
        var contactPoints: ContactPointTable
        var policies: [BalancePolicy: UInt64] = [:]
        var uses: UInt64 = 0
        var random: SplitMix64
    }
    private let state: ForkSafeMutex<State>
    private let belongsHere: @Sendable () -> Bool
    private let limit: Int

    /// - Parameters:
    ///   - seed: of the tie-breaking; random unless a test wants to repeat itself.
    ///   - limit: how many sets of contact points, and how many policies, are remembered though they are not in use.
    ///   - belongsHere: whether this process is still the one that made the registry (it is not in a fork's child).
    public init(
        seed: UInt64 = UInt64.random(in: .min ... .max), limit: Int = 256,
        belongsHere: @escaping @Sendable () -> Bool = { true }
    ) {
        state = ForkSafeMutex(State(contactPoints: ContactPointTable(limit: limit), random: SplitMix64(seed: seed)))
        self.limit = limit
        self.belongsHere = belongsHere
    }

    /// The cluster behind contact points; one that is not known yet is entered without a list.
    public func cluster(behind contactPoints: Set<Endpoint>) -> Cluster {
        guard belongsHere() else { return Cluster(seed: 0, belongsHere: belongsHere) }
        return state.withLock { state in
            if let cluster = state.contactPoints.cluster(behind: contactPoints) { return cluster }
            let cluster = Cluster(seed: state.random.next(), belongsHere: belongsHere)
            state.contactPoints.enter(cluster, contactPoints)
            return cluster
        }
    }

    /// Every cluster that is known, each once.
    public var clusters: [Cluster] {
        guard belongsHere() else { return [] }
        var seen = Set<ObjectIdentifier>()
        return state.withLock { state in
            state.contactPoints.clusters.filter { seen.insert(ObjectIdentifier($0)).inserted }
        }
    }

    /// Remembers that connections are asked for under a policy. Of too many, those are forgotten that were not asked
    /// for lately.
    public func note(_ policy: BalancePolicy) {
        guard belongsHere() else { return }
        state.withLock { state in
            state.uses &+= 1
            state.policies[policy] = state.uses
            if state.policies.count > limit, let oldest = state.policies.min(by: { $0.value < $1.value })?.key {
                state.policies[oldest] = nil
            }
        }
    }

    /// Runs a body while the lock is held, for tests of what does not take it.
    func whileLocked(_ body: () throws -> Void) rethrows { try state.withLock { _ in try body() } }

    /// Every policy that connections were asked for under, in the order of their descriptions.
    public var policies: [BalancePolicy] {
        guard belongsHere() else { return [] }
        return state.withLock { Array($0.policies.keys) }.sorted { $0.description < $1.description }
    }

    /// Every cluster that is known, with the contact points that led to it, in the order of their names.
    public var contactPoints: [(cluster: Cluster, contactPoints: [Endpoint])] {
        guard belongsHere() else { return [] }
        var found: [ObjectIdentifier: (cluster: Cluster, contactPoints: Set<Endpoint>)] = [:]
        for (endpoints, cluster) in state.withLock({ $0.contactPoints.all }) {
            found[ObjectIdentifier(cluster), default: (cluster, [])].contactPoints.formUnion(endpoints)
        }
        func isBefore(_ a: Endpoint, _ b: Endpoint) -> Bool { (a.host, a.port) < (b.host, b.port) }
        return found.values.map { ($0.cluster, $0.contactPoints.sorted(by: isBefore)) }
            .sorted { $0.1.lexicographicallyPrecedes($1.1, by: isBefore) }
    }

    /// What a server that gave a list of nodes is to the caller.
    public enum SourceKind: Sendable, Hashable {
        /// One of the caller's contact points: whatever answers there is what the caller means.
        case contactPoint
        /// A node of the list: should another cluster answer at its address, that is not what the caller means.
        case knownNode
    }

    /// Takes over a list of nodes that a refresh brought.
    ///
    /// - Returns: the cluster to pick from, which may be another than the ticket's: contact points that turn out to
    ///   lead to a cluster that is known already join it. `nil` when the list belongs to a different cluster than the
    ///   one that was asked for, or has no nodes, and must be fetched elsewhere; the ticket is then still open.
    public func finish(
        _ ticket: RefreshTicket, nodes: [ClusterNode], from source: SourceKind, contactPoints: Set<Endpoint>,
        now: Duration
    ) -> Cluster? {
        guard belongsHere(), !nodes.isEmpty else { return nil }
        let current = ticket.cluster
        // The list is taken over under the registry's lock: of two who bring the first lists of one cluster at the
        // same time, the second must find the first's.
        let target = state.withLock { state -> Cluster? in
            let universe = nodes.lazy.compactMap(\.universeUUID).first
            let uuids = Set(nodes.compactMap(\.uuid))
            var target = current
            if !Self.isSame(current, universe, uuids) {
                if source == .knownNode { return nil }
                let known = state.contactPoints.clusters.first { $0 !== current && Self.matches($0, universe, uuids) }
                let isNew = current.nodes.isEmpty
                target = known ?? (isNew ? current : Cluster(seed: state.random.next(), belongsHere: belongsHere))
                state.contactPoints.enter(target, contactPoints)
            } else {
                // The contact points may have been forgotten since the caller asked for them.
                state.contactPoints.keep(current, contactPoints)
            }
            target.accept(nodes, began: ticket.flight.began, now: now)
            return target
        }
        if target != nil { ticket.succeed() }
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
