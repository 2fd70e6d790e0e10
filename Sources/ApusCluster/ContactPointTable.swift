/// Which contact points lead to which cluster: a value without locks.
///
/// It is bounded. As many sets of contact points as the limit says are remembered, those that were used last. Of the
/// others, a set is remembered as long as its cluster lives, that is as long as sessions or a refresh hold on to it: a
/// cluster with sessions is never forgotten. Of several sets that lead to one such cluster, the last is enough.
struct ContactPointTable {
    private struct Entry {
        weak var cluster: Cluster?
        /// Keeps the cluster of an entry that was used lately.
        var kept: Cluster?
        var lastUse: UInt64
    }

    /// A cluster that its contact points do not lead to any more, known as long as sessions count on it: a name may be
    /// switched from one cluster to another and back.
    private struct Former { weak var cluster: Cluster? }

    private var entries: [Set<Endpoint>: Entry] = [:]
    private var former: [Former] = []
    private var uses: UInt64 = 0
    private var keptCount = 0
    private let limit: Int

    init(limit: Int) { self.limit = max(1, limit) }

    /// How many sets of contact points are remembered.
    var count: Int { entries.count }

    /// Every cluster, perhaps several times.
    var clusters: [Cluster] { entries.values.compactMap(\.cluster) + former.compactMap(\.cluster) }

    /// Every set of contact points, with the cluster that it leads to.
    var all: [(contactPoints: Set<Endpoint>, cluster: Cluster)] {
        entries.compactMap { key, entry in entry.cluster.map { (key, $0) } }
    }

    mutating func cluster(behind contactPoints: Set<Endpoint>) -> Cluster? {
        guard let cluster = entries[contactPoints]?.cluster else { return nil }
        use(cluster, contactPoints)
        return cluster
    }

    /// The contact points lead to this cluster from now on.
    mutating func enter(_ cluster: Cluster, _ contactPoints: Set<Endpoint>) {
        let old = entries[contactPoints]?.cluster
        use(cluster, contactPoints)
        former.removeAll { $0.cluster == nil || $0.cluster === old }
        if let old, old !== cluster { former.append(Former(cluster: old)) }
    }

    /// The contact points lead to this cluster, unless they are known to lead to another.
    mutating func keep(_ cluster: Cluster, _ contactPoints: Set<Endpoint>) {
        if entries[contactPoints]?.cluster == nil { enter(cluster, contactPoints) }
    }

    private mutating func use(_ cluster: Cluster, _ contactPoints: Set<Endpoint>) {
        uses &+= 1
        if entries[contactPoints]?.kept == nil { keptCount += 1 }
        entries[contactPoints] = Entry(cluster: cluster, kept: cluster, lastUse: uses)
        if keptCount > limit { letOldestGo() }
    }

    /// Lets the cluster of the entry go that was not used for longest, and forgets what leads nowhere.
    private mutating func letOldestGo() {
        let oldest = entries.filter { $0.value.kept != nil }.min { $0.value.lastUse < $1.value.lastUse }?.key
        if let oldest {
            entries[oldest]?.kept = nil
            keptCount -= 1
        }
        let loose = entries.filter { $0.value.kept == nil }
        var reached = Set(entries.values.compactMap { $0.kept.map { ObjectIdentifier($0) } })
        for (key, entry) in loose.sorted(by: { $0.value.lastUse > $1.value.lastUse }) {
            guard let cluster = entry.cluster, reached.insert(ObjectIdentifier(cluster)).inserted else {
                entries[key] = nil
                continue
            }
        }
    }
}
