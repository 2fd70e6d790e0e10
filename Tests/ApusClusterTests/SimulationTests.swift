import Testing

@testable import ApusCluster

/// Random histories, compared with a model that is too simple to be wrong.
@Suite("Simulation")
struct SimulationTests {
    /// A node in the model: its row, its sessions, its quarantine.
    struct ModelNode {
        var node: ClusterNode
        var sessions = 0
        var downUntil: Duration?
        var isListed = true
    }

    /// Nodes by uuid. A session is a count, a quarantine is a moment, and a pick is a candidate that no other one
    /// beats.
    struct Model {
        var nodes: [String: ModelNode] = [:]

        mutating func replaceList(_ list: [ClusterNode]) {
            for uuid in nodes.keys { nodes[uuid]?.isListed = false }
            for node in list {
                guard let uuid = node.uuid else { continue }
                if nodes[uuid]?.node.endpoint != node.endpoint { nodes[uuid]?.downUntil = nil }
                nodes[uuid, default: ModelNode(node: node)].node = node
                nodes[uuid]?.isListed = true
            }
            forget()
        }

        /// A node that is not listed and has no session is unknown.
        mutating func forget() { nodes = nodes.filter { $0.value.isListed || $0.value.sessions > 0 } }

        /// The criteria between candidates, most important first; equal for ties.
        func merit(_ uuid: String, _ selection: NaiveSelection) -> [Int]? {
            guard let node = nodes[uuid], node.isListed, let rank = selection.rank(node.node) else { return nil }
            guard let end = node.downUntil else { return [0, rank, node.sessions] }
            return [1, rank, Int(end.components.seconds), node.sessions]
        }
    }

    /// A reservation, and whether the model still counts it.
    struct Held {
        var reservation: Reservation
        var uuid: String
        var endpoint: Endpoint
    }

    static func isBetter(_ a: [Int], _ b: [Int]) -> Bool { a.lexicographicallyPrecedes(b) }

    @Test(
        "Nodes come, go and move, connects fail, the clock jumps: every pick is one that the table allows",
        arguments: 1...12 as ClosedRange<UInt64>)
    func history(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let cluster = Cluster(seed: seed, belongsHere: { true })
        var model = Model()
        var held: [Held] = []
        var now = 1_000
        var born = 0
        var list: [ClusterNode] = []
        let selections = (0..<12).map { _ in NaiveSelection.random(using: &random) }
        let policies = try selections.map { try $0.policy }

        for step in 0..<800 {
            switch random.below(20) {
            case 0, 1:
                list.removeAll { _ in random.chance(0.2) }
                while list.count < 2 || random.chance(0.6) {
                    born += 1
                    list.append(.random("h\(born)", uuid: "u\(born)", using: &random))
                }
                if random.chance(0.4) {
                    born += 1
                    let moved = random.below(list.count)
                    list[moved].endpoint.host = "h\(born)"
                }
                list.shuffle(using: &random)
                cluster.replaceList(list, now: .seconds(now))
                model.replaceList(list)
            case 2, 3, 4, 5:
                if held.isEmpty { continue }
                let gone = held.remove(at: random.below(held.count))
                gone.reservation.release()
                model.nodes[gone.uuid]?.sessions -= 1
                model.forget()
                // It has an effect even if the session was released, as long as the node is there.
                if random.chance(0.2) {
                    gone.reservation.markUnreachable(until: .seconds(now + 5))
                    if let node = model.nodes[gone.uuid], node.node.endpoint == gone.endpoint {
                        model.nodes[gone.uuid]?.downUntil = max(.seconds(now + 5), node.downUntil ?? .zero)
                    }
                }
            case 6, 7, 8:
                guard let failed = held.randomElement(using: &random) else { continue }
                let end = Duration.seconds(now + random.below(60))
                failed.reservation.markUnreachable(until: end)
                if let node = model.nodes[failed.uuid], node.node.endpoint == failed.endpoint {
                    model.nodes[failed.uuid]?.downUntil = max(end, node.downUntil ?? end)
                }
            case 9:
                guard let reached = held.randomElement(using: &random) else { continue }
                reached.reservation.markReached()
                if model.nodes[reached.uuid]?.node.endpoint == reached.endpoint {
                    model.nodes[reached.uuid]?.downUntil = nil
                }
            case 10: now += random.chance(0.2) ? random.below(1_000) : random.below(10)
            case 11: now = max(0, now - random.below(20))
            default:
                for uuid in model.nodes.keys where model.nodes[uuid]?.downUntil.map({ $0 <= .seconds(now) }) ?? false {
                    model.nodes[uuid]?.downUntil = nil
                }
                let which = random.below(policies.count)
                let excluded = random.chance(0.7) ? [] : held.filter { _ in random.chance(0.3) }
                let best = model.nodes.keys
                    .filter { uuid in
                        !excluded.contains { $0.uuid == uuid && $0.endpoint == model.nodes[uuid]?.node.endpoint }
                    }
                    .compactMap { model.merit($0, selections[which]) }.min(by: Self.isBetter)
                let picked = cluster.pick(
                    policies[which], excluding: excluded.map(\.reservation), now: .seconds(now))
                let uuid = picked?.node.uuid
                #expect(uuid.flatMap { model.merit($0, selections[which]) } == best, "step \(step)")
                guard let picked, let uuid else { continue }
                #expect(!excluded.contains { $0.uuid == uuid && $0.endpoint == picked.node.endpoint })
                #expect(picked.node == model.nodes[uuid]?.node)
                model.nodes[uuid]?.sessions += 1
                held.append(Held(reservation: picked, uuid: uuid, endpoint: picked.node.endpoint))
            }

            let status = cluster.status
            try #require(status.count == model.nodes.count, "step \(step)")
            for entry in status {
                let expected = try #require(model.nodes[entry.node.uuid ?? ""], "step \(step)")
                let isSame =
                    entry.node == expected.node && entry.sessions == expected.sessions
                    && entry.downUntil == expected.downUntil && entry.isListed == expected.isListed
                try #require(isSame, "step \(step): \(entry) is to be \(expected)")
            }
        }
        held = []
        #expect(cluster.sessions == [:])
    }

    @Test("Any policy on any cluster in any state: the order of selection is the table's")
    func orderIsTheTables() throws {
        var random = SplitMix64(seed: 99)
        for round in 0..<400 {
            let nodes = (0..<1 + random.below(12)).map { ClusterNode.random("h\($0)", using: &random) }
            let cluster = Cluster.listing(nodes, seed: UInt64(round))
            var model: [String: (node: ClusterNode, isDown: Bool, sessions: Int)] = [:]
            var adopted: [Reservation] = []
            for node in nodes {
                let isDown = random.chance(0.25)
                let sessions = random.below(3)
                if isDown { cluster.quarantine(node.endpoint, until: .seconds(9)) }
                adopted += (0..<sessions).compactMap { _ in cluster.countSession(at: node.endpoint) }
                model[node.endpoint.host] = (node, isDown, sessions)
            }
            let selection = NaiveSelection.random(using: &random)
            let policy = try selection.policy
            let merits = cluster.hostsInOrder(policy, now: .seconds(1)).compactMap { host in
                model[host].map { [$0.isDown ? 1 : 0, selection.rank($0.node) ?? -1, $0.sessions] }
            }
            let expected = model.values.compactMap { entry in
                selection.rank(entry.node).map { [entry.isDown ? 1 : 0, $0, entry.sessions] }
            }
            #expect(merits == expected.sorted(by: Self.isBetter), "\(policy)")
            #expect(adopted.count == model.values.reduce(0) { $0 + $1.sessions })
        }
    }

    @Test("1,000 nodes and 100,000 sessions, opened, closed and opened again as the list changes")
    func large() throws {
        var random = SplitMix64(seed: 7)
        let nodes = (0..<1_000).map { ClusterNode.random("h\($0)", uuid: "u\($0)", using: &random) }
        let cluster = Cluster.listing(nodes, seed: 7)
        var held: [Reservation] = []
        held.reserveCapacity(100_000)
        for _ in 0..<100_000 { held.append(try #require(cluster.pick(BalancePolicy(), now: .zero))) }
        #expect(cluster.status.allSatisfy { $0.sessions == 100 })

        // The test's counts, from the sessions that it holds.
        func counts() -> [String: Int] {
            held.reduce(into: [:]) { counts, reservation in counts[reservation.node.uuid ?? "", default: 0] += 1 }
        }
        func checkCounts() {
            let ours = counts()
            let theirs = cluster.status.filter { $0.sessions > 0 }.map { ($0.node.uuid ?? "", $0.sessions) }
            #expect(ours == Dictionary(uniqueKeysWithValues: theirs))
        }

        // A third, chosen at random, is closed, and a quarter of the nodes leaves.
        held.removeAll { _ in random.chance(0.33) }
        checkCounts()
        cluster.replaceList(Array(nodes.prefix(750)), now: .seconds(1))
        checkCounts()
        let before = counts()
        let opened = held.count
        while held.count < 100_000 { held.append(try #require(cluster.pick(BalancePolicy(), now: .seconds(1)))) }
        checkCounts()
        let after = counts()
        for node in nodes.suffix(250) { #expect(after[node.uuid ?? ""] == before[node.uuid ?? ""]) }
        // The least loaded are filled first: no node got a session while another had two fewer.
        let level = try #require(nodes.prefix(750).map { after[$0.uuid ?? ""] ?? 0 }.min())
        for node in nodes.prefix(750) {
            let (old, new) = (before[node.uuid ?? ""] ?? 0, after[node.uuid ?? ""] ?? 0)
            #expect(new == old || new <= level + 1)
        }
        #expect(opened < 70_000)

        // All come back, each policy sees its own part of them, and nothing remains of it in the end.
        cluster.replaceList(nodes, now: .seconds(2))
        let zone = BalancePolicy(mode: .onlyPrimary, topologyKeys: try TopologyKey.parse("c0.r0.*"))
        for _ in 0..<1_000 {
            let picked = try #require(cluster.pick(zone, now: .seconds(2)))
            #expect(picked.node.kind == .primary && picked.node.placement.region == "r0")
            held.append(picked)
        }
        checkCounts()
        held = []
        #expect(cluster.sessions == [:])
        #expect(cluster.status.count == 1_000)
    }
}
