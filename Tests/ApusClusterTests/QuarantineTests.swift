import Testing

@testable import ApusCluster

@Suite("Quarantine")
struct QuarantineTests {
    let cluster = Cluster.listing([.at("a"), .at("b"), .at("c")])

    /// Picks until the host is this one, and keeps the sessions of the others meanwhile.
    func reservation(on host: String, now: Duration = .zero) throws -> Reservation {
        var others: [Reservation] = []
        while true {
            let picked = try #require(cluster.pick(BalancePolicy(), excluding: others, now: now))
            if picked.node.endpoint.host == host { return picked }
            others.append(picked)
        }
    }

    func downUntil(_ host: String) -> Duration? {
        cluster.status.first { $0.node.endpoint.host == host }?.downUntil
    }

    @Test("A node in quarantine is not picked until its end, to the moment")
    func checkedAtPickTime() throws {
        try reservation(on: "b").markUnreachable(until: .seconds(5))
        for now in [Duration.zero, .seconds(1), .seconds(5) - .nanoseconds(1)] {
            for _ in 0..<20 {
                #expect(cluster.pick(BalancePolicy(), now: now)?.node.endpoint.host != "b")
            }
        }
        let picks = (0..<3).compactMap { _ in cluster.pick(BalancePolicy(), now: .seconds(5)) }
        #expect(Set(picks.map(\.node.endpoint.host)) == ["a", "b", "c"])
        #expect(downUntil("b") == nil)
    }

    @Test("Quarantines end one by one")
    func severalEnds() throws {
        for (host, end) in [("a", 3), ("b", 1), ("c", 2)] { cluster.quarantine(.at(host), until: .seconds(end)) }
        #expect(cluster.pick(BalancePolicy(), now: .seconds(1))?.node.endpoint.host == "b")
        let two = (0..<20).compactMap { _ in cluster.pick(BalancePolicy(), now: .seconds(2)) }
        #expect(Set(two.map(\.node.endpoint.host)) == ["b", "c"])
        let three = (0..<20).compactMap { _ in cluster.pick(BalancePolicy(), now: .seconds(3)) }
        #expect(three.contains { $0.node.endpoint.host == "a" })
    }

    @Test("Success ends it at once")
    func clearedBySuccess() throws {
        let reservation = try reservation(on: "b")
        reservation.markUnreachable(until: .seconds(60))
        reservation.markReached()
        #expect(downUntil("b") == nil)
        reservation.release()
        let picks = (0..<3).compactMap { _ in cluster.pick(BalancePolicy(), now: .seconds(1)) }
        #expect(picks.contains { $0.node.endpoint.host == "b" })
    }

    @Test("A time to live of zero is no quarantine")
    func zero() throws {
        cluster.quarantine(.at("a"), until: .seconds(7))
        cluster.quarantine(.at("b"), until: .seconds(7))
        try reservation(on: "c", now: .seconds(7)).markUnreachable(until: .seconds(7))
        let picks = (0..<3).compactMap { _ in cluster.pick(BalancePolicy(), now: .seconds(7)) }
        #expect(Set(picks.map(\.node.endpoint.host)) == ["a", "b", "c"])
    }

    @Test("A later failure makes it longer, an earlier end never shorter")
    func longestCounts() throws {
        let reservation = try reservation(on: "b")
        reservation.markUnreachable(until: .seconds(10))
        reservation.markUnreachable(until: .seconds(5))
        #expect(downUntil("b") == .seconds(10))
        reservation.markUnreachable(until: .seconds(15))
        #expect(downUntil("b") == .seconds(15))
    }

    @Test("When all are in quarantine: whose ends first, then whose sessions are fewest")
    func lastResort() throws {
        cluster.quarantine(.at("a"), until: .seconds(9))
        cluster.quarantine(.at("b"), until: .seconds(8))
        cluster.quarantine(.at("c"), until: .seconds(9))
        let onA = try #require(cluster.countSession(at: .at("a")))
        #expect(cluster.hostsInOrder(now: .seconds(1)) == ["b", "c", "a"])
        onA.release()
    }

    @Test("A node that is up in a worse place goes before one in quarantine in a better")
    func tiersBeforeQuarantine() throws {
        let cluster = Cluster.listing([.at("near", "c.r.a"), .at("far", "c.s.a")])
        let policy = BalancePolicy(topologyKeys: try TopologyKey.parse("c.r.a"))
        cluster.quarantine(.at("near"), until: .seconds(5))
        #expect(cluster.hostsInOrder(policy, now: .seconds(1)) == ["far", "near"])
        #expect(cluster.hostsInOrder(policy, now: .seconds(5)) == ["near", "far"])
    }

    @Test("Sessions keep counting in quarantine: a node comes back with what it has")
    func countsInQuarantine() throws {
        let kept = try [reservation(on: "b"), reservation(on: "b"), reservation(on: "b")]
        kept[0].markUnreachable(until: .seconds(5))
        kept[1].release()
        #expect(cluster.sessions == ["b": 2])
        let others = (0..<2).compactMap { _ in cluster.pick(BalancePolicy(), now: .seconds(6)) }
        #expect(cluster.sessions == ["a": 1, "b": 2, "c": 1])
        #expect(others.count == 2 && kept.count == 3)
    }

    @Test("By address: the node's own or its public one")
    func byEndpoint() {
        let cluster = Cluster.listing([.at("a", publicHost: "pub-a"), .at("b")])
        cluster.quarantine(.at("pub-a"), until: .seconds(5))
        #expect(cluster.hostsInOrder(now: .seconds(1)) == ["b", "a"])
        cluster.quarantine(.at("nobody"), until: .seconds(5))
        #expect(cluster.status.filter { $0.downUntil != nil }.count == 1)
    }

    @Test("A verdict on a node that is gone does not hit the one that has its place")
    func verdictOnOneWhoLeft() throws {
        let reservation = try reservation(on: "b")
        reservation.release()
        cluster.replaceList([.at("a"), .at("c")], now: .zero)
        cluster.replaceList([.at("a"), .at("c"), .at("d")], now: .zero)
        reservation.markUnreachable(until: .seconds(5))
        #expect(downUntil("d") == nil)
        cluster.quarantine(.at("d"), until: .seconds(5))
        reservation.markReached()
        #expect(downUntil("d") == .seconds(5))
    }

    @Test("Having tried a node that is gone does not exclude the one that has its place")
    func triedOneWhoLeft() throws {
        let reservation = try reservation(on: "b")
        reservation.release()
        cluster.replaceList([.at("a"), .at("c")], now: .zero)
        cluster.replaceList([.at("d")], now: .zero)
        cluster.replaceList([.at("a"), .at("c"), .at("d"), .at("e")], now: .zero)
        var tried = [reservation]
        while let next = cluster.pick(BalancePolicy(), excluding: tried, now: .zero) { tried.append(next) }
        #expect(Set(tried.dropFirst().map(\.node.endpoint.host)) == ["a", "c", "d", "e"])
    }

    @Test("A node that moved is judged anew: the old address was at fault")
    func movedNode() throws {
        let cluster = Cluster.listing([.at("old", uuid: "u1"), .at("b", uuid: "u2")])
        cluster.quarantine(.at("b"), until: .seconds(1))
        let onOld = try #require(cluster.pick(BalancePolicy(), now: .zero))
        cluster.quarantine(.at("old"), until: .seconds(60))
        cluster.replaceList([.at("new", uuid: "u1"), .at("b", uuid: "u2")], now: .seconds(2))
        #expect(cluster.status.first { $0.node.uuid == "u1" }?.downUntil == nil)
        // A late failure at the old address does not affect the new one, and the caller may pick the node again.
        onOld.markUnreachable(until: .seconds(60))
        #expect(cluster.status.first { $0.node.uuid == "u1" }?.downUntil == nil)
        var tried = [onOld]
        while let next = cluster.pick(BalancePolicy(), excluding: tried, now: .seconds(2)) { tried.append(next) }
        #expect(Set(tried.dropFirst().map(\.node.endpoint.host)) == ["new", "b"])
        #expect(cluster.sessions["new"] == 2)
    }

    @Test("A list that still has the node leaves its quarantine as it is")
    func keptByRefresh() {
        cluster.quarantine(.at("a"), until: .seconds(60))
        cluster.replaceList([.at("c"), .at("b"), .at("a", "c.r.other")], now: .seconds(1))
        #expect(downUntil("a") == .seconds(60))
    }
}
