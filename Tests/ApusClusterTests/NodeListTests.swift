import Testing

@testable import ApusCluster

@Suite("The list of nodes is replaced")
struct NodeListTests {
    /// Opens this many sessions on a node.
    func open(_ count: Int, on host: String, of cluster: Cluster) -> [Reservation] {
        (0..<count).compactMap { _ in cluster.countSession(at: .at(host)) }
    }

    func hosts(_ cluster: Cluster) -> [String] { cluster.nodes.map(\.endpoint.host).sorted() }

    @Test("A node that left is no longer picked, yet its sessions are still counted and given back")
    func nodeLeaves() throws {
        let cluster = Cluster.listing([.at("a"), .at("b")])
        var onB = open(2, on: "b", of: cluster)
        cluster.replaceList([.at("a")], now: .zero)
        #expect(cluster.hostsInOrder() == ["a"])
        #expect(hosts(cluster) == ["a"])
        #expect(cluster.sessions == ["b": 2])
        #expect(cluster.status.first { $0.node.endpoint.host == "b" }?.isListed == false)
        #expect(cluster.countSession(at: .at("b")) == nil)
        onB.removeLast()
        #expect(cluster.sessions == ["b": 1])
        onB = []
        #expect(cluster.status.map(\.node.endpoint.host) == ["a"])
    }

    @Test("It returns with the sessions that it still has")
    func nodeReturns() throws {
        let cluster = Cluster.listing([.at("a", uuid: "ua"), .at("b", uuid: "ub")])
        let onB = open(3, on: "b", of: cluster)
        cluster.replaceList([.at("a", uuid: "ua")], now: .zero)
        cluster.replaceList([.at("a", uuid: "ua"), .at("b", uuid: "ub")], now: .zero)
        let picks = (0..<3).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        #expect(picks.map(\.node.endpoint.host) == ["a", "a", "a"])
        #expect(cluster.sessions == ["a": 3, "b": 3])
        #expect(onB.count == 3)
    }

    @Test("Every node is replaced: old sessions are released on the old nodes, none on the new")
    func allReplaced() throws {
        let cluster = Cluster.listing((0..<5).map { .at("old\($0)") })
        let old = (0..<10).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        cluster.replaceList((0..<5).map { .at("new\($0)") }, now: .zero)
        let new = (0..<10).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        #expect(Set(new.map(\.node.endpoint.host)) == Set((0..<5).map { "new\($0)" }))
        for reservation in old { reservation.release() }
        #expect(cluster.sessions == Dictionary(uniqueKeysWithValues: (0..<5).map { ("new\($0)", 2) }))
    }

    @Test("A node may change kind and placement; later picks go by the new ones")
    func nodeChanges() throws {
        let cluster = Cluster.listing([.at("a", "c.r.a"), .at("b", "c.r.a")])
        let policy = BalancePolicy(mode: .onlyReadReplica, topologyKeys: try TopologyKey.parse("c.r.b"))
        #expect(cluster.pick(policy, now: .zero) == nil)
        let onB = open(1, on: "b", of: cluster)
        cluster.replaceList([.at("a", "c.r.a"), .at("b", "c.r.b", .readReplica)], now: .zero)
        #expect(cluster.pick(policy, now: .zero)?.node.endpoint.host == "b")
        #expect(cluster.sessions == ["b": 1])
        #expect(onB.first?.node.kind == .primary, "a reservation has the node as it was picked")
    }

    @Test("The same uuid at another host is the same node")
    func sameUUIDNewHost() {
        let cluster = Cluster.listing([.at("a", uuid: "ua"), .at("b", uuid: "ub")])
        let onA = open(2, on: "a", of: cluster)
        cluster.replaceList([.at("a2", uuid: "ua"), .at("b", uuid: "ub")], now: .zero)
        #expect(cluster.sessions == ["a2": 2])
        #expect(hosts(cluster) == ["a2", "b"])
        #expect(onA.count == 2)
    }

    @Test("Nodes that swap their hosts keep their sessions")
    func hostsSwapped() {
        let cluster = Cluster.listing([.at("a", uuid: "ua"), .at("b", uuid: "ub")])
        let open = open(1, on: "a", of: cluster) + open(2, on: "b", of: cluster)
        cluster.replaceList([.at("b", uuid: "ua"), .at("a", uuid: "ub")], now: .zero)
        #expect(cluster.sessions == ["b": 1, "a": 2])
        #expect(open.count == 3)
    }

    @Test("Another uuid at the same host is another node, and starts from nothing")
    func sameHostNewUUID() {
        let cluster = Cluster.listing([.at("a", uuid: "ua"), .at("b", uuid: "ub")])
        let onOld = open(3, on: "a", of: cluster)
        cluster.replaceList([.at("a", uuid: "new"), .at("b", uuid: "ub")], now: .zero)
        #expect(cluster.status.first { $0.node.uuid == "new" }?.sessions == 0)
        #expect(cluster.status.first { $0.node.uuid == "ua" }?.sessions == 3)
        let onNew = open(1, on: "a", of: cluster)
        #expect(onNew.first?.node.uuid == "new")
        for reservation in onOld { reservation.release() }
        #expect(cluster.status.map(\.node.uuid).sorted { ($0 ?? "") < ($1 ?? "") } == ["new", "ub"])
        #expect(cluster.sessions == ["a": 1])
    }

    @Test("Of two that stood at one address, a row without a uuid means the one that is listed")
    func listedOneIsMeant() {
        let cluster = Cluster.listing([.at("x"), .at("a", uuid: "old")])
        cluster.replaceList([.at("a", uuid: "old")], now: .zero)
        let onOld = open(3, on: "a", of: cluster)
        cluster.replaceList([.at("a", uuid: "new")], now: .zero)
        let onNew = open(1, on: "a", of: cluster)
        cluster.replaceList([.at("a")], now: .zero)
        #expect(cluster.status.first { $0.isListed }?.sessions == 1)
        #expect(cluster.status.first { !$0.isListed }?.sessions == 3)
        #expect(onOld.count == 3 && onNew.count == 1)
    }

    @Test("A row that repeats a node is ignored")
    func duplicates() {
        let byUUID = Cluster.listing([.at("a", uuid: "ua"), .at("a2", uuid: "ua"), .at("b", uuid: "ub")])
        #expect(hosts(byUUID) == ["a", "b"])
        let byEndpoint = Cluster.listing([.at("a", "c.r.a"), .at("a", "c.r.b"), .at("b")])
        #expect(hosts(byEndpoint) == ["a", "b"])
        #expect(byEndpoint.nodes.first?.placement.zone == "a")
    }

    @Test("A server that was set up anew is listed under both uuids for a while: it gets one share, not two")
    func oneServerTwoUUIDs() {
        let cluster = Cluster.listing([.at("a", uuid: "old"), .at("b", uuid: "ub")])
        cluster.replaceList([.at("a", uuid: "old"), .at("a", uuid: "new"), .at("b", uuid: "ub")], now: .zero)
        let picks = (0..<10).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        #expect(cluster.sessions == ["a": 5, "b": 5])
        #expect(picks.count == 10)
    }

    @Test("Two clouds may have the same private addresses: the public names tell the nodes apart")
    func samePrivateAddress() {
        let cluster = Cluster.listing([
            .at("10.0.0.1", "aws.r.a", publicHost: "aws-1", uuid: "u1"),
            .at("10.0.0.1", "gcp.r.a", publicHost: "gcp-1", uuid: "u2"),
        ])
        #expect(cluster.nodes.map(\.publicHost) == ["aws-1", "gcp-1"])
    }

    @Test("Several servers on one host are told apart by their ports")
    func portsMatter() {
        let nodes = [5433, 5434, 5435].map { port in
            ClusterNode(
                endpoint: Endpoint(host: "a", port: port), placement: Placement(cloud: "c", region: "r", zone: "z"))
        }
        let cluster = Cluster.listing(nodes)
        let picks = (0..<6).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        #expect(cluster.status.map(\.sessions) == [2, 2, 2])
        #expect(picks.count == 6)
    }

    @Test("Columns 9 and 10 appear during an upgrade, and may vanish again: the nodes are the same")
    func uuidsAppear() {
        let eight = [ClusterNode.at("a"), .at("b")]
        let nine = [ClusterNode.at("a", uuid: "ua"), .at("b", uuid: "ub")]
        let ten = [ClusterNode.at("a", uuid: "ua", universe: "U"), .at("b", uuid: "ub", universe: "U")]
        let cluster = Cluster.listing(eight)
        let open = open(1, on: "a", of: cluster) + open(2, on: "b", of: cluster)
        for nodes in [nine, ten, nine, eight, ten, eight, eight] {
            cluster.replaceList(nodes, now: .zero)
            #expect(cluster.sessions == ["a": 1, "b": 2])
            #expect(cluster.nodes.map(\.uuid) == nodes.map(\.uuid))
            #expect(cluster.status.count == 2)
        }
        #expect(cluster.universeUUID == "U")
        #expect(open.count == 3)
    }

    @Test("Empty texts are no names and no identities")
    func emptyTexts() {
        let node = ClusterNode.at("a", publicHost: "", uuid: "", universe: "")
        #expect(node.publicHost == nil && node.uuid == nil && node.universeUUID == nil)
        let cluster = Cluster.listing([node, .at("b", publicHost: "", uuid: "", universe: "")])
        #expect(hosts(cluster) == ["a", "b"])
        #expect(cluster.universeUUID == nil)
    }

    @Test("Nodes come and go for ever: no more places than were ever needed at once")
    func bounded() {
        var state = ClusterState(seed: 1)
        var held: [ClusterState.SlotID] = []
        for round in 0..<300 {
            state.replaceList((0..<10).map { .at("h\(round)-\($0)") })
            for _ in 0..<5 {
                if let counted = state.pick(BalancePolicy(), excluding: [], now: .zero) { held.append(counted.slot) }
            }
            while held.count > 20 { state.release(held.removeFirst()) }
        }
        #expect(state.slots.count <= 10 + 25 + 10)
        for slot in held { state.release(slot) }
        #expect(state.slots.allSatisfy { $0.sessions == 0 })
    }
}
