import ApusWaiting

/// The clusters that a process knows. Two clusters never mix: a cluster is recognised by its universe's uuid, else by
/// the uuid of any of its nodes, else by the contact points that lead to it.
///
/// Its size is bounded: see ``ContactPointTable`` for what is removed, and when.
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
    ///   - seed: seeds the random choice between nodes that tie. A test gives one to be repeatable.
    ///   - limit: how many sets of contact points, and how many policies, are kept although they are not in use.
    ///   - belongsHere: whether this process created the registry. It is false in a forked child.
    public init(
        seed: UInt64 = UInt64.random(in: .min ... .max), limit: Int = 256,
        belongsHere: @escaping @Sendable () -> Bool = { true }
    ) {
        state = ForkSafeMutex(State(contactPoints: ContactPointTable(limit: limit), random: SplitMix64(seed: seed)))
        self.limit = limit
        self.belongsHere = belongsHere
    }

    /// The cluster that contact points lead to. If it is unknown, it is added without a list of nodes.
    public func cluster(behind contactPoints: Set<Endpoint>) -> Cluster {
        guard belongsHere() else { return Cluster(seed: 0, belongsHere: belongsHere) }
        return state.withLock { state in
            if let cluster = state.contactPoints.cluster(behind: contactPoints) { return cluster }
            let cluster = Cluster(seed: state.random.next(), belongsHere: belongsHere)
            state.contactPoints.record(cluster, behind: contactPoints)
            return cluster
        }
    }

    /// Every known cluster, each once.
    public var clusters: [Cluster] {
        guard belongsHere() else { return [] }
        var seen = Set<ObjectIdentifier>()
        return state.withLock { state in
            state.contactPoints.clusters.filter { seen.insert(ObjectIdentifier($0)).inserted }
        }
    }

    /// Records that a connection is opened under a policy. Beyond the limit, the policy that was used least recently is
    /// removed.
    public func recordPolicy(_ policy: BalancePolicy) {
        guard belongsHere() else { return }
        state.withLock { state in
            state.uses &+= 1
            state.policies[policy] = state.uses
            if state.policies.count > limit, let oldest = state.policies.min(by: { $0.value < $1.value })?.key {
                state.policies[oldest] = nil
            }
        }
    }

    /// Runs `body` while the lock is held, for tests of what does not take the lock.
    func whileLocked(_ body: () throws -> Void) rethrows { try state.withLock { _ in try body() } }

    /// Every policy under which connections were opened, sorted by description.
    public var policies: [BalancePolicy] {
        guard belongsHere() else { return [] }
        return state.withLock { Array($0.policies.keys) }.sorted { $0.description < $1.description }
    }

    /// Every known cluster with the contact points that lead to it, sorted by name.
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

    /// How the caller knows the server that gave a list of nodes.
    public enum SourceKind: Sendable, Hashable {
        /// It is one of the caller's contact points: the cluster that answers there is the one the caller means.
        case contactPoint
        /// It is a node of the present list: if another cluster answers at its address, its list is not used.
        case knownNode
    }

    /// Ends a refresh with the list of nodes that it brought.
    ///
    /// - Parameters:
    ///   - ticket: the refresh.
    ///   - nodes: the list.
    ///   - source: how the caller knows the server that gave the list.
    ///   - contactPoints: the caller's contact points.
    ///   - now: the present moment, on the clock of all callers.
    /// - Returns: the cluster to pick from. It is not the ticket's if the contact points turn out to lead to another
    ///   known cluster. `nil` if the list has no nodes, or belongs to another cluster than the one that was asked: the
    ///   list has to be fetched from another source, and the ticket is still valid.
    public func finishRefresh(
        _ ticket: RefreshTicket, nodes: [ClusterNode], from source: SourceKind, contactPoints: Set<Endpoint>,
        now: Duration
    ) -> Cluster? {
        guard belongsHere(), !nodes.isEmpty else { return nil }
        let current = ticket.cluster
        // The list is recorded under the registry's lock, because of two callers that bring the first lists of one
        // cluster at the same time, the second must find the first one's.
        let target = state.withLock { state -> Cluster? in
            let universe = nodes.lazy.compactMap(\.universeUUID).first
            let uuids = Set(nodes.compactMap(\.uuid))
            var target = current
            if !Self.isSame(current, universe, uuids) {
                if source == .knownNode { return nil }
                let known = state.contactPoints.clusters.first { $0 !== current && Self.matches($0, universe, uuids) }
                let isNew = current.nodes.isEmpty
                target = known ?? (isNew ? current : Cluster(seed: state.random.next(), belongsHere: belongsHere))
                state.contactPoints.record(target, behind: contactPoints)
            } else {
                // The contact points may have been removed since the caller asked for their cluster.
                state.contactPoints.recordIfUnknown(current, behind: contactPoints)
            }
            target.replaceList(nodes, began: ticket.refresh.began, now: now)
            return target
        }
        if target != nil { ticket.succeed() }
        return target
    }

    /// Whether a list belongs to a cluster that has a list already.
    private static func isSame(_ cluster: Cluster, _ universe: String?, _ uuids: Set<String>) -> Bool {
        if cluster.nodes.isEmpty { return false }
        if let universe, let own = cluster.universeUUID { return universe == own }
        let hasUUIDs = cluster.nodes.contains { $0.uuid != nil }
        return !hasUUIDs || uuids.isEmpty || cluster.overlaps(uuids)
    }

    /// Whether a list proves to belong to a cluster that another caller found.
    private static func matches(_ cluster: Cluster, _ universe: String?, _ uuids: Set<String>) -> Bool {
        if let universe, let own = cluster.universeUUID { return universe == own }
        return cluster.overlaps(uuids)
    }
}
