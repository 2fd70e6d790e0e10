import Testing

@testable import ApusCluster

@Suite("Whose list is it? Two clusters never mix")
struct IdentityTests {
    var registry = ClusterRegistry(seed: 1)

    /// Refreshes from a contact point, which answers with this list.
    @discardableResult
    func ask(
        _ contact: String..., answer: [ClusterNode], from source: ClusterRegistry.SourceKind = .contactPoint
    ) throws -> Cluster? {
        let contactPoints = Set(contact.map(Endpoint.at))
        let ticket = try #require(registry.cluster(behind: contactPoints).ticket(interval: .zero))
        defer { ticket.abandon() }
        return registry.finishRefresh(ticket, nodes: answer, from: source, contactPoints: contactPoints, now: .zero)
    }

    static func cluster(_ name: String, uuids: Bool = true, universe: Bool = false) -> [ClusterNode] {
        (1...3).map {
            .at(
                "\(name)\($0)", uuid: uuids ? "uuid-\(name)\($0)" : nil,
                universe: universe ? "universe-\(name)" : nil)
        }
    }

    @Test("Contact points are a set: their order does not matter, and they are known again")
    func contactPoints() {
        let cluster = registry.cluster(behind: [.at("a1"), .at("a2")])
        #expect(registry.cluster(behind: [.at("a2"), .at("a1")]) === cluster)
        #expect(registry.cluster(behind: [.at("a1")]) !== cluster)
        #expect(registry.clusters.count == 2)
    }

    @Test("Hosts that Unicode calls equivalent are two: a file system and DNS know them by their bytes")
    func equivalentHosts() throws {
        let composed = Endpoint(host: "/run/\u{E9}", port: 5433),
            decomposed = Endpoint(host: "/run/e\u{301}", port: 5433)
        #expect(composed.host == decomposed.host && composed != decomposed)
        #expect(registry.cluster(behind: [composed]) !== registry.cluster(behind: [decomposed]))
        let node = ClusterNode(
            endpoint: composed, publicHost: "\u{E9}", placement: Placement(cloud: "c", region: "r", zone: "z"))
        #expect(!node.answers(at: decomposed) && node.answers(at: composed))
        #expect(!node.answers(at: Endpoint(host: "e\u{301}", port: 5433)))
        #expect(node.answers(at: Endpoint(host: "\u{E9}", port: 5433)))
    }

    @Test("Other contact points of a known cluster join it: by the universe's uuid, or by a node's")
    func join() throws {
        for universe in [true, false] {
            let registry = ClusterRegistry(seed: 1)
            let test = IdentityTests(registry: registry)
            let nodes = Self.cluster("a", universe: universe)
            let cluster = try #require(try test.ask("a1", answer: nodes))
            let session = try #require(cluster.pick(BalancePolicy(), now: .zero))
            #expect(try test.ask("a2", "a3", answer: nodes) === cluster)
            #expect(registry.cluster(behind: [.at("a3"), .at("a2")]) === cluster)
            #expect(registry.clusters.count == 1)
            #expect(cluster.sessions.values.reduce(0, +) == 1)
            session.release()
        }
    }

    @Test("A universe is the same though all its nodes were replaced")
    func universeBeforeNodes() throws {
        let cluster = try ask("a1", answer: Self.cluster("a", universe: true))
        let renewed = (1...3).map { ClusterNode.at("n\($0)", uuid: "n\($0)", universe: "universe-a") }
        #expect(try ask("a1", answer: renewed) === cluster)
        #expect(try ask("n1", answer: renewed) === cluster)
        #expect(cluster?.nodes == renewed)
    }

    @Test("One node in common is enough, where there is no universe's uuid")
    func oneInCommon() throws {
        let cluster = try ask("a1", answer: Self.cluster("a"))
        let grown = [ClusterNode.at("n1", uuid: "n1"), .at("a3", uuid: "uuid-a3")]
        #expect(try ask("n1", answer: grown) === cluster)
        #expect(Set(cluster?.nodes ?? []) == Set(grown))
    }

    @Test("Universes that differ are different clusters, though a node's uuid should repeat")
    func universesDiffer() throws {
        let first = try ask("a1", answer: [.at("x", uuid: "same", universe: "U1")])
        let second = try ask("b1", answer: [.at("x", uuid: "same", universe: "U2")])
        #expect(first !== second)
        #expect(registry.clusters.count == 2)
    }

    @Test("Without any uuid the contact points decide: two clusters may have the same addresses")
    func noUUIDs() throws {
        let nodes = Self.cluster("a", uuids: false)
        let first = try ask("a1", answer: nodes)
        let second = try ask("a2", answer: nodes)
        #expect(first !== second)
        #expect(try ask("a1", answer: Self.cluster("b", uuids: false)) === first)
    }

    @Test("uuids appear during an upgrade: 8, 9, 10 columns are one cluster")
    func upgrade() throws {
        let eight = Self.cluster("a", uuids: false)
        let cluster = try ask("a1", answer: eight)
        for answer in [Self.cluster("a"), Self.cluster("a", universe: true), Self.cluster("a"), eight] {
            #expect(try ask("a1", answer: answer) === cluster)
            #expect(try ask("a1", answer: answer, from: .knownNode) === cluster)
        }
    }

    @Test("A contact point that leads to another cluster now: the caller goes there, others stay")
    func contactPointLeadsElsewhere() throws {
        for universe in [true, false] {
            let test = IdentityTests(registry: ClusterRegistry(seed: 1))
            let (a, b) = (Self.cluster("a", universe: universe), Self.cluster("b", universe: universe))
            let first = try #require(try test.ask("balancer", answer: a))
            #expect(try test.ask("a1", answer: a) === first)
            let held = try #require(first.pick(BalancePolicy(), now: .zero))

            let second = try #require(try test.ask("balancer", answer: b))
            #expect(second !== first)
            #expect(second.nodes == b)
            #expect(second.sessions == [:])
            #expect(first.nodes == a)
            #expect(first.sessions == [held.node.endpoint.host: 1])
            #expect(test.registry.cluster(behind: [.at("balancer")]) === second)
            #expect(test.registry.cluster(behind: [.at("a1")]) === first)
            #expect(first.ticket(interval: .zero) != nil, "the former's refresh is over")

            // And back again, to the known one.
            #expect(try test.ask("balancer", answer: a) === first)
            #expect(test.registry.cluster(behind: [.at("balancer")]) === first)
        }
    }

    @Test("A contact point may lead to another cluster that is known already")
    func contactPointLeadsToKnown() throws {
        let a = try ask("a1", answer: Self.cluster("a"))
        let b = try ask("b1", answer: Self.cluster("b"))
        #expect(try ask("a1", answer: Self.cluster("b")) === b)
        #expect(registry.cluster(behind: [.at("a1")]) === b)
        #expect(registry.cluster(behind: [.at("b1")]) === b)
        #expect(a !== b)
    }

    @Test("A name is switched to another cluster and back: sessions that lived on are still counted")
    func switchedAndBack() throws {
        var session = try ask("balancer", answer: Self.cluster("a"))?.pick(BalancePolicy(), now: .zero)
        let host = try #require(session).node.endpoint.host
        try ask("balancer", answer: Self.cluster("b"))
        #expect(registry.clusters.count == 2)
        #expect(try ask("balancer", answer: Self.cluster("a"))?.sessions == [host: 1])
        #expect(registry.clusters.count == 1, "no session is open on the other")
        try ask("balancer", answer: Self.cluster("b"))
        session = nil
        #expect(registry.clusters.map { Set($0.nodes) } == [Set(Self.cluster("b"))], "nor on this one now")
    }

    @Test("A list from a known node's address that another cluster uses now is refused")
    func knownNodeLeadsElsewhere() throws {
        for universe in [true, false] {
            let test = IdentityTests(registry: ClusterRegistry(seed: 1))
            let contact: Set<Endpoint> = [.at("a1")]
            let nodes = Self.cluster("a", universe: universe)
            let cluster = try #require(try test.ask("a1", answer: nodes))
            let ticket = try #require(cluster.ticket(interval: .zero))
            let strangers = Self.cluster("b", universe: universe)
            #expect(
                test.registry.finishRefresh(
                    ticket, nodes: strangers, from: .knownNode, contactPoints: contact, now: .zero)
                    == nil)
            #expect(ticket.refresh.outcome == nil, "the ticket is still open, for the next source")
            #expect(cluster.nodes == nodes)
            #expect(
                test.registry.finishRefresh(ticket, nodes: nodes, from: .knownNode, contactPoints: contact, now: .zero)
                    === cluster)
        }
    }

    @Test("Who waits on contact points that turn out to be known finds the cluster by asking again")
    func waitersFollow() throws {
        let cluster = try ask("a1", answer: Self.cluster("a"))
        let contact: Set<Endpoint> = [.at("a2")]
        let unknown = registry.cluster(behind: contact)
        let ticket = try #require(unknown.ticket())
        let refresh = try #require(unknown.planRefresh(interval: .zero, now: .zero).refresh)
        let joined = registry.finishRefresh(
            ticket, nodes: Self.cluster("a"), from: .contactPoint, contactPoints: contact, now: .zero)
        #expect(joined === cluster)
        guard case .refreshed = refresh.outcome else { throw Unexpected(refresh.outcome) }
        #expect(registry.cluster(behind: contact) === cluster)
        #expect(unknown.nodes.isEmpty)
    }

    @Test("Joining refreshes the cluster that is joined")
    func joiningRefreshes() throws {
        let cluster = try #require(try ask("a1", answer: Self.cluster("a")))
        let contact: Set<Endpoint> = [.at("a2")]
        let ticket = try #require(registry.cluster(behind: contact).ticket(now: .seconds(200)))
        let grown = Self.cluster("a") + [.at("a4", uuid: "uuid-a4")]
        #expect(
            registry.finishRefresh(
                ticket, nodes: grown, from: .contactPoint, contactPoints: contact, now: .seconds(200))
                === cluster)
        #expect(cluster.nodes.count == 4)
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(400)).isPick)
    }
}
