/// Which contact points lead to which cluster. It is a value without locks.
///
/// Its size is bounded. The sets of contact points that were used last are kept, up to the limit. Any other set is kept
/// only while sessions or a refresh hold a reference to its cluster, so that a cluster with sessions is never removed.
/// Of several such sets that lead to one cluster, the one that was used last is kept.
struct ContactPointTable {
    private struct Entry {
        weak var cluster: Cluster?
        /// The same cluster, for an entry within the limit: the reference keeps it alive.
        var kept: Cluster?
        var lastUse: UInt64
    }

    /// A cluster that its contact points no longer lead to. It is known while it has sessions, because a name may be
    /// switched from one cluster to another and back.
    private struct Former { weak var cluster: Cluster? }

    private var entries: [Set<Endpoint>: Entry] = [:]
    private var former: [Former] = []
    private var uses: UInt64 = 0
    private var keptCount = 0
    private let limit: Int

    init(limit: Int) { self.limit = max(1, limit) }

    /// The number of sets of contact points.
    var count: Int { entries.count }

    /// Every cluster. One may be there several times.
    var clusters: [Cluster] { entries.values.compactMap(\.cluster) + former.compactMap(\.cluster) }

    /// Every set of contact points, with the cluster that it leads to.
    var all: [(contactPoints: Set<Endpoint>, cluster: Cluster)] {
        entries.compactMap { key, entry in entry.cluster.map { (key, $0) } }
    }

    mutating func cluster(behind contactPoints: Set<Endpoint>) -> Cluster? {
        guard let cluster = entries[contactPoints]?.cluster else { return nil }
        markUsed(cluster, contactPoints)
        return cluster
    }

    /// Records that contact points lead to a cluster from now on.
    mutating func record(_ cluster: Cluster, behind contactPoints: Set<Endpoint>) {
        let old = entries[contactPoints]?.cluster
        markUsed(cluster, contactPoints)
        former.removeAll { $0.cluster == nil || $0.cluster === old }
        if let old, old !== cluster { former.append(Former(cluster: old)) }
    }

    /// Records that contact points lead to a cluster, unless they are known to lead to another.
    mutating func recordIfUnknown(_ cluster: Cluster, behind contactPoints: Set<Endpoint>) {
        if entries[contactPoints]?.cluster == nil { record(cluster, behind: contactPoints) }
    }

    private mutating func markUsed(_ cluster: Cluster, _ contactPoints: Set<Endpoint>) {
        uses &+= 1
        if entries[contactPoints]?.kept == nil { keptCount += 1 }
        entries[contactPoints] = Entry(cluster: cluster, kept: cluster, lastUse: uses)
        if keptCount > limit { forgetOldest() }
    }

    /// Drops the reference to the cluster of the entry that was used least recently, and removes entries whose clusters
    /// are gone.
    private mutating func forgetOldest() {
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
