import Testing

@testable import ApusCluster

@Suite("What the registry forgets")
struct BoundedRegistryTests {
    let registry = ClusterRegistry(seed: 1, limit: 4)

    /// The cluster of a contact point, with a list of one node.
    func cluster(_ name: String) throws -> Cluster {
        let contact: Set<Endpoint> = [.at(name)]
        let cluster = registry.cluster(behind: contact)
        guard let ticket = cluster.ticket() else { return cluster }
        return try #require(
            registry.finishRefresh(
                ticket, nodes: [.at("node-of-\(name)")], from: .contactPoint, contactPoints: contact, now: .zero))
    }

    @Test("Contact points that were not used lately are forgotten, and so is their cluster")
    func oldest() throws {
        for name in ["a", "b", "c", "d"] { _ = try cluster(name) }
        _ = registry.cluster(behind: [.at("a")])
        _ = try cluster("e")
        #expect(Set(registry.contactPoints.flatMap(\.contactPoints).map(\.host)) == ["a", "c", "d", "e"])
        for number in 0..<1000 { _ = try cluster("n\(number)") }
        #expect(registry.clusters.count == 4)
        #expect(registry.contactPoints.count == 4)
    }

    @Test("A cluster with sessions is never forgotten, nor are its counts")
    func sessions() throws {
        let reservations = try ["a", "b", "c"].map { name in
            try #require(try cluster(name).pick(BalancePolicy(), now: .zero))
        }
        for number in 0..<1000 { _ = try cluster("n\(number)") }
        #expect(registry.clusters.count == 4 + 3)
        for (name, reservation) in zip(["a", "b", "c"], reservations) {
            let cluster = registry.cluster(behind: [.at(name)])
            #expect(cluster === reservation.cluster)
            #expect(cluster.sessions == ["node-of-\(name)": 1])
            reservation.release()
        }
    }

    @Test("Nor is one that is being refreshed")
    func refresh() throws {
        let contact: Set<Endpoint> = [.at("a")]
        let ticket = try #require(registry.cluster(behind: contact).ticket())
        for number in 0..<100 { _ = try cluster("n\(number)") }
        #expect(registry.cluster(behind: contact).planRefresh(interval: .zero, now: .zero).refresh === ticket.refresh)
        for number in 0..<100 { _ = try cluster("n\(number)") }
        let found = registry.finishRefresh(
            ticket, nodes: [.at("x")], from: .contactPoint, contactPoints: contact, now: .zero)
        #expect(found != nil && registry.cluster(behind: contact) === found)
    }

    @Test("Many ways into one cluster that has sessions do not pile up")
    func aliases() throws {
        let nodes = [ClusterNode.at("x", uuid: "ux")]
        var session: Reservation?
        for number in 0..<1000 {
            let contact: Set<Endpoint> = [.at("way\(number)")]
            guard let ticket = registry.cluster(behind: contact).ticket() else { continue }
            let cluster = registry.finishRefresh(
                ticket, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .zero)
            if session == nil { session = cluster?.pick(BalancePolicy(), now: .zero) }
        }
        #expect(registry.clusters.count == 1)
        #expect(registry.contactPoints[0].contactPoints.count == 4)
        // Others are added in between: the cluster is still known by its last contact point.
        for number in 0..<1000 { _ = try cluster("n\(number)") }
        #expect(registry.cluster(behind: [.at("way999")]) === session?.cluster)
        #expect(registry.clusters.count <= 5)
        session = nil
    }

    @Test("Contact points that were forgotten while their cluster was in use are entered again")
    func forgottenInBetween() throws {
        let contact: Set<Endpoint> = [.at("a")]
        let known = try cluster("a")
        for number in 0..<10 { _ = try cluster("n\(number)") }
        let ticket = try #require(known.ticket(interval: .zero))
        _ = registry.finishRefresh(
            ticket, nodes: [.at("node-of-a")], from: .knownNode, contactPoints: contact, now: .zero)
        #expect(registry.cluster(behind: contact) === known)
    }

    @Test("Policies too are bounded: those that were not asked for lately go")
    func policies() throws {
        for number in 0..<100 {
            registry.recordPolicy(BalancePolicy())
            registry.recordPolicy(BalancePolicy(topologyKeys: try TopologyKey.parse("c.r.z\(number)")))
        }
        #expect(registry.policies.count == 4)
        #expect(registry.policies.contains(BalancePolicy()))
    }

    @Test("Databases whose names Swift takes for equal are two")
    func canonicallyEquivalentDatabases() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        var databases = PlainDatabases()
        databases.record(composed, .seconds(1))
        #expect(databases.found(composed) == .seconds(1))
        #expect(databases.found(decomposed) == nil)
        #expect([databases.shouldWarn(composed), databases.shouldWarn(decomposed)] == [true, true])
    }

    @Test("Databases without yb_servers() too")
    func databases() {
        var databases = PlainDatabases()
        for number in 0..<1000 {
            databases.record("kept", .seconds(number))
            databases.record("db\(number)", .zero)
        }
        #expect(databases.found("kept") == .seconds(999))
        #expect(databases.found("db999") == .zero)
        #expect(databases.found("db0") == nil)
        let found = (0..<1000).filter { databases.found("db\($0)") != nil }
        #expect(found.count == PlainDatabases.limit - 1)
    }
}
