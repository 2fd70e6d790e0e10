import Testing

@testable import ApusCluster

/// The order of node selection in YugabyteDB's documentation, "Smart drivers": every cell as an example.
///
/// Two nodes of each kind stand in zone A (1), zone B (2) and elsewhere (3); they are named after kind and zone, so
/// that `pA` is any of the primaries in zone A.
@Suite("The selection table")
struct SelectionTableTests {
    enum Keys: CaseIterable { case none, keys, keysOnly }

    /// The nodes that are picked when every attempt before fails: each group in any order, then the next.
    static let table: [(LoadBalanceMode, Keys, String)] = [
        (.any, .none, "pA+pB+pC+rA+rB+rC"),
        (.any, .keys, "pA+rA → pB+rB → pC+rC"),
        (.any, .keysOnly, "pA+rA → pB+rB"),
        (.onlyPrimary, .none, "pA+pB+pC"),
        (.onlyPrimary, .keys, "pA → pB → pC"),
        (.onlyPrimary, .keysOnly, "pA → pB"),
        (.onlyReadReplica, .none, "rA+rB+rC"),
        (.onlyReadReplica, .keys, "rA → rB → rC"),
        (.onlyReadReplica, .keysOnly, "rA → rB"),
        (.preferPrimary, .none, "pA+pB+pC → rA+rB+rC"),
        (.preferPrimary, .keys, "pA → pB → pC → rA+rB+rC"),
        (.preferPrimary, .keysOnly, "pA → pB → pC → rA+rB+rC"),
        (.preferReadReplica, .none, "rA+rB+rC → pA+pB+pC"),
        (.preferReadReplica, .keys, "rA → rB → rC → pA+pB+pC"),
        (.preferReadReplica, .keysOnly, "rA → rB → rC → pA+pB+pC"),
    ]

    static let nodes: [ClusterNode] = [
        ("pA", "c.r.a", .primary), ("pB", "c.r.b", .primary), ("pC", "c.s.a", .primary),
        ("rA", "c.r.a", .readReplica), ("rB", "c.r.b", .readReplica), ("rC", "d.r.b", .readReplica),
    ].flatMap { (name: String, placement: String, kind: ClusterNode.Kind) in
        ["1", "2"].map { ClusterNode.at(name + $0, placement, kind) }
    }

    static func policy(_ mode: LoadBalanceMode, _ keys: Keys) throws -> BalancePolicy {
        BalancePolicy(
            mode: mode, topologyKeys: keys == .none ? [] : try TopologyKey.parse("c.r.a:1, c.r.b:2"),
            fallbackToTopologyKeysOnly: keys == .keysOnly)
    }

    static func groups(_ cell: String) -> [Set<String>] {
        cell.replacing(" → ", with: ">").split(separator: ">").map { group in
            Set(group.split(separator: "+").flatMap { [$0 + "1", $0 + "2"] })
        }
    }

    /// Cuts the order of hosts into groups as large as those expected.
    static func cut(_ hosts: [String], like groups: [Set<String>]) -> [Set<String>] {
        var rest = hosts[...]
        var cut: [Set<String>] = []
        for group in groups {
            cut.append(Set(rest.prefix(group.count)))
            rest = rest.dropFirst(group.count)
        }
        return rest.isEmpty ? cut : cut + [Set(rest)]
    }

    @Test("Every mode and every kind of keys has its cell")
    func complete() {
        #expect(Self.table.count == LoadBalanceMode.allCases.count * Keys.allCases.count)
        #expect(Set(Self.table.map { "\($0.0) \($0.1)" }).count == Self.table.count)
    }

    @Test("Which nodes are picked when the attempts before fail", arguments: table)
    func order(mode: LoadBalanceMode, keys: Keys, cell: String) throws {
        let expected = Self.groups(cell)
        for seed in 1...20 as ClosedRange<UInt64> {
            let hosts = Cluster.listing(Self.nodes, seed: seed).hostsInOrder(try Self.policy(mode, keys))
            #expect(Self.cut(hosts, like: expected) == expected)
        }
    }

    @Test("Quarantined nodes come after all others, in the same order", arguments: table)
    func orderInQuarantine(mode: LoadBalanceMode, keys: Keys, cell: String) throws {
        let cluster = Cluster.listing(Self.nodes)
        for node in Self.nodes where node.endpoint.host.hasSuffix("1") {
            cluster.quarantine(node.endpoint, until: .seconds(5))
        }
        let groups = Self.groups(cell)
        let expected = ["2", "1"].flatMap { suffix in groups.map { $0.filter { $0.hasSuffix(suffix) } } }
        let hosts = cluster.hostsInOrder(try Self.policy(mode, keys), now: .seconds(1))
        #expect(Self.cut(hosts, like: expected) == expected)
    }

    @Test("As long as the first group is up, all sessions are spread over it evenly", arguments: table)
    func spread(mode: LoadBalanceMode, keys: Keys, cell: String) throws {
        let cluster = Cluster.listing(Self.nodes)
        let policy = try Self.policy(mode, keys)
        let first = Self.groups(cell)[0]
        let reservations = (0..<first.count * 5).compactMap { _ in cluster.pick(policy, now: .zero) }
        #expect(cluster.sessions == Dictionary(uniqueKeysWithValues: first.map { ($0, 5) }))
        #expect(reservations.count == first.count * 5)
    }

    @Test("A kind that is missing: only-… finds no node, prefer-… uses the other kind")
    func missingKind() throws {
        let primaries = Cluster.listing(Self.nodes.filter { $0.kind == .primary })
        let replicas = Cluster.listing(Self.nodes.filter { $0.kind == .readReplica })
        #expect(replicas.pick(BalancePolicy(mode: .onlyPrimary), now: .zero) == nil)
        #expect(primaries.pick(BalancePolicy(mode: .onlyReadReplica), now: .zero) == nil)
        #expect(replicas.pick(BalancePolicy(mode: .preferPrimary), now: .zero)?.node.kind == .readReplica)
        #expect(primaries.pick(BalancePolicy(mode: .preferReadReplica), now: .zero)?.node.kind == .primary)
    }

    @Test("A zone * means the whole region; keys of one preference are one group")
    func wildcardAndEqualPreferences() throws {
        let cluster = Cluster.listing([
            .at("a", "c.r.a"), .at("b", "c.r.b"), .at("e", "d.r.a"), .at("f", "e.r.a"), .at("g", "e.s.a"),
        ])
        let policy = BalancePolicy(
            topologyKeys: try TopologyKey.parse("e.r.a:9,c.r.*:4,d.r.a:4"), fallbackToTopologyKeysOnly: true)
        let hosts = cluster.hostsInOrder(policy)
        #expect(Set(hosts.prefix(3)) == ["a", "b", "e"])
        #expect(hosts.dropFirst(3) == ["f"])
    }

    @Test("Keys that match no node: the whole cluster, or none")
    func keysWithoutNodes() throws {
        let cluster = Cluster.listing([.at("a", "c.r.a")])
        let keys = try TopologyKey.parse("c.r.x")
        #expect(cluster.hostsInOrder(BalancePolicy(topologyKeys: keys)) == ["a"])
        #expect(cluster.hostsInOrder(BalancePolicy(topologyKeys: keys, fallbackToTopologyKeysOnly: true)) == [])
    }

    @Test("More policies than are remembered: each is still itself")
    func manyPolicies() throws {
        let cluster = Cluster.listing((0..<100).map { .at("h\($0)", "c.r.z\($0)") })
        for round in 0..<2 {
            for zone in 0..<100 {
                let keys = try TopologyKey.parse("c.r.z\(zone)")
                let policy = BalancePolicy(topologyKeys: keys)
                #expect(cluster.pick(policy, now: .zero)?.node.endpoint.host == "h\(zone)", "round \(round)")
            }
        }
    }
}
