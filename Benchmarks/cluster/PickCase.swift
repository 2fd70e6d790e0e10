import ApusCluster

/// A cluster, and the policy to pick with. Placements, kinds and quarantines are spread evenly.
struct PickCase: Sendable {
    var name: String
    var nodes: Int
    var mode = LoadBalanceMode.any
    var keys = ""
    /// The percentage of nodes in quarantine.
    var down = 0
    /// The number of nodes excluded from each pick, as after failed attempts.
    var tried = 0

    static let all = [
        PickCase(name: "any-3", nodes: 3),
        PickCase(name: "any-100", nodes: 100),
        PickCase(name: "any-1000", nodes: 1_000),
        PickCase(name: "keys-1000", nodes: 1_000, keys: "c.r0.z0:1,c.r0.*:2"),
        PickCase(name: "prefer-rr-1000", nodes: 1_000, mode: .preferReadReplica, keys: "c.none.z:1,c.r1.z1:2"),
        PickCase(name: "crossing-over-1000", nodes: 1_000, mode: .preferPrimary, keys: "c.r0.z0", down: 100),
        PickCase(name: "down-10%-1000", nodes: 1_000, down: 10),
        PickCase(name: "tried-5-1000", nodes: 1_000, tried: 5),
    ]

    func makeCluster() throws -> Cluster {
        let contactPoints: Set<Endpoint> = [Endpoint(host: "n0", port: 5433)]
        let registry = ClusterRegistry(seed: 1)
        let list = (0..<nodes).map { number in
            ClusterNode(
                endpoint: Endpoint(host: "n\(number)", port: 5433), kind: number % 4 == 3 ? .readReplica : .primary,
                placement: Placement(cloud: "c", region: "r\(number % 2)", zone: "z\(number / 2 % 3)"),
                uuid: "uuid-\(number)", universeUUID: "universe")
        }
        guard
            case .refresh(let ticket) = registry.cluster(behind: contactPoints).planRefresh(
                interval: .seconds(300), now: .zero),
            let cluster = registry.finishRefresh(
                ticket, nodes: list, from: .contactPoint, contactPoints: contactPoints, now: .zero)
        else { throw Usage() }
        // 100 percent means all nodes of the preferred kind.
        for (number, node) in list.enumerated() where down == 100 ? node.kind == .primary : number % 100 < down {
            cluster.quarantine(node.endpoint, until: .seconds(60))
        }
        return cluster
    }

    func picks(from cluster: Cluster, count: Int) -> [Reservation] {
        guard let keys = try? TopologyKey.parse(keys) else { return [] }
        let policy = BalancePolicy(mode: mode, topologyKeys: keys)
        var failed: [Reservation] = []
        while failed.count < tried, let reservation = cluster.pick(policy, excluding: failed, now: .seconds(1)) {
            failed.append(reservation)
        }
        var held: [Reservation] = []
        held.reserveCapacity(count)
        for _ in 0..<count {
            if let reservation = cluster.pick(policy, excluding: failed, now: .seconds(1)) { held.append(reservation) }
        }
        return held
    }

    struct Cost {
        var pick: Duration
        var leastPick: Duration
        var release: Duration
    }

    /// Picks and releases in batches that leave node counts unequal, and returns the cost per operation.
    func measure(batches: Int = 61, batch: Int = 5_500) throws -> Cost {
        let cluster = try makeCluster()
        let clock = ContinuousClock()
        var picks: [Duration] = []
        var releases: [Duration] = []
        for _ in 0..<batches {
            var held: [Reservation] = []
            picks.append(clock.measure { held = self.picks(from: cluster, count: batch) } / batch)
            guard held.count == batch else { throw Usage() }
            releases.append(clock.measure { for reservation in held { reservation.release() } } / batch)
        }
        picks.sort()
        releases.sort()
        return Cost(pick: picks[batches / 2], leastPick: picks[0], release: releases[batches / 2])
    }
}
