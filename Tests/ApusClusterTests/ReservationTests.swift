import Testing

@testable import ApusCluster

@Suite("Reservations")
struct ReservationTests {
    @Test("A session counts from the pick on, before anybody connects")
    func countsAtOnce() throws {
        let cluster = Cluster.listing([.at("a"), .at("b"), .at("c")])
        let reservations = (0..<300).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        #expect(cluster.sessions == ["a": 100, "b": 100, "c": 100])
        #expect(reservations.count == 300)
    }

    @Test("It is given back exactly once, however often it is asked for, and by letting go")
    func givenBackOnce() throws {
        let cluster = Cluster.listing([.at("a")])
        let kept = try #require(cluster.pick(BalancePolicy(), now: .zero))
        do {
            let other = try #require(cluster.pick(BalancePolicy(), now: .zero))
            #expect(cluster.sessions == ["a": 2])
            other.release()
            other.release()
            #expect(cluster.sessions == ["a": 1])
        }
        #expect(cluster.sessions == ["a": 1])
        kept.release()
        #expect(cluster.sessions == [:])
    }

    @Test("Releasing the last reference releases the session")
    func givenBackByDeinit() throws {
        let cluster = Cluster.listing([.at("a")])
        var reservation = cluster.pick(BalancePolicy(), now: .zero)
        #expect(reservation != nil)
        #expect(cluster.sessions == ["a": 1])
        reservation = nil
        #expect(cluster.sessions == [:])
    }

    @Test("Many threads release the same one: it counts once")
    func releasedByManyThreads() throws {
        let cluster = Cluster.listing([.at("a")])
        let kept = try #require(cluster.pick(BalancePolicy(), now: .zero))
        for _ in 0..<20 {
            let shared = try #require(cluster.pick(BalancePolicy(), now: .zero))
            onThreads(16) { _ in shared.release() }
            #expect(cluster.sessions == ["a": 1])
        }
        kept.release()
    }

    @Test("The least loaded node is picked, so released sessions are replaced first")
    func fillsGaps() throws {
        let cluster = Cluster.listing([.at("a"), .at("b"), .at("c")])
        var reservations = (0..<30).compactMap { _ in cluster.pick(BalancePolicy(), now: .zero) }
        reservations.removeAll { $0.node.endpoint.host == "b" }
        #expect(cluster.sessions == ["a": 10, "c": 10])
        for _ in 0..<10 {
            reservations.append(try #require(cluster.pick(BalancePolicy(), now: .zero)))
        }
        #expect(cluster.sessions == ["a": 10, "b": 10, "c": 10])
    }

    @Test("Counts are shared by all policies of a cluster")
    func sharedByPolicies() throws {
        let cluster = Cluster.listing([.at("a", "c.r.a"), .at("b", "c.r.b")])
        let zoneA = BalancePolicy(topologyKeys: try TopologyKey.parse("c.r.a"))
        var reservations = (0..<5).compactMap { _ in cluster.pick(zoneA, now: .zero) }
        for _ in 0..<5 { reservations.append(try #require(cluster.pick(BalancePolicy(), now: .zero))) }
        #expect(cluster.sessions == ["a": 5, "b": 5])
    }

    @Test("Nodes that were tried are not picked again, though they are the least loaded")
    func excluding() throws {
        let cluster = Cluster.listing([.at("a"), .at("b")])
        let first = try #require(cluster.pick(BalancePolicy(), now: .zero))
        first.release()
        let second = try #require(cluster.pick(BalancePolicy(), excluding: [first], now: .zero))
        #expect(second.node.endpoint != first.node.endpoint)
        #expect(cluster.pick(BalancePolicy(), excluding: [first, second, first], now: .zero) == nil)
        // The exclusion applied to that caller only.
        #expect(cluster.pick(BalancePolicy(), now: .zero)?.node.endpoint == first.node.endpoint)
    }

    @Test("A reservation of another cluster excludes no node here, and puts none into quarantine")
    func excludingFromAnotherCluster() throws {
        let large = Cluster.listing((0..<10).map { .at("large\($0)") })
        let small = Cluster.listing([.at("small")])
        var tried: [Reservation] = []
        while let reservation = large.pick(BalancePolicy(), excluding: tried, now: .zero) { tried.append(reservation) }
        #expect(tried.count == 10)
        #expect(small.pick(BalancePolicy(), excluding: tried, now: .zero)?.node.endpoint.host == "small")
    }

    @Test("A session that was opened past the picker counts where its node is known")
    func adopted() throws {
        let cluster = Cluster.listing([.at("a"), .at("b", publicHost: "pub-b"), .at("pub-c", publicHost: "pub-b")])
        let atPrivate = try #require(cluster.countSession(at: .at("a")))
        let atPublic = try #require(cluster.countSession(at: .at("pub-b")))
        #expect(atPrivate.node.endpoint.host == "a")
        #expect(atPublic.node.endpoint.host == "b")
        #expect(cluster.sessions == ["a": 1, "b": 1])
        #expect(cluster.countSession(at: .at("elsewhere")) == nil)
        #expect(cluster.countSession(at: Endpoint(host: "a", port: 5432)) == nil)
        #expect(cluster.countSession(at: Endpoint(host: "pub-b", port: 5432)) == nil)
        atPrivate.release()
        atPublic.release()
        #expect(cluster.sessions == [:])
    }

    @Test("A node's own address goes before another's public one")
    func adoptedAmbiguously() throws {
        let cluster = Cluster.listing([.at("a", publicHost: "x"), .at("x")])
        let adopted = try #require(cluster.countSession(at: .at("x")))
        #expect(adopted.node.endpoint.host == "x")
    }
}
