import Synchronization
import Testing

@testable import ApusCluster

@Suite("One refresh at a time")
struct ListRefreshTests {
    let registry = ClusterRegistry(seed: 1)
    let contact: Set<Endpoint> = [.at("a")]
    let nodes = [ClusterNode.at("a", uuid: "ua"), .at("b", uuid: "ub")]
    var cluster: Cluster { registry.cluster(behind: contact) }

    /// Refreshes, with success.
    func refreshList(at now: Duration, force: Bool = false) throws {
        let ticket = try #require(cluster.ticket(interval: .zero, force: force, now: now))
        let finished = registry.finishRefresh(
            ticket, nodes: nodes, from: .contactPoint, contactPoints: contact, now: now)
        #expect(finished === cluster)
    }

    @Test("A cold start: one refreshes, the others wait for it, and all go on")
    func coldStart() throws {
        let ticket = try #require(cluster.ticket())
        let refresh = try #require(cluster.planRefresh(interval: .seconds(300), now: .zero).refresh)
        #expect(cluster.planRefresh(interval: .zero, now: .zero).refresh === refresh)
        #expect(refresh.outcome == nil)
        let notified = Atomic(0)
        for _ in 0..<3 { refresh.whenEnded { notified.add(1, ordering: .relaxed) } }
        #expect(notified.load(ordering: .relaxed) == 0)
        _ = registry.finishRefresh(ticket, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .zero)
        #expect(notified.load(ordering: .relaxed) == 3)
        guard case .refreshed = refresh.outcome else { throw Unexpected(refresh.outcome) }
        refresh.whenEnded { notified.add(1, ordering: .relaxed) }
        #expect(notified.load(ordering: .relaxed) == 4, "who comes late is called at once")
        #expect(cluster.planRefresh(interval: .seconds(300), now: .zero).isPick)
        #expect(cluster.nodes == nodes)
    }

    @Test("Who is called back may ask the registry and the cluster at once")
    func observersHoldNoLock() throws {
        let ticket = try #require(cluster.ticket())
        let refresh = try #require(cluster.planRefresh(interval: .zero, now: .zero).refresh)
        let picked = Mutex<Reservation?>(nil)
        refresh.whenEnded { [registry, contact] in
            let reservation = registry.cluster(behind: contact).pick(BalancePolicy(), now: .zero)
            picked.withLock { $0 = reservation }
        }
        _ = registry.finishRefresh(ticket, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .zero)
        #expect(picked.withLock { $0 } != nil)
    }

    @Test("A list is fresh for the interval, to the moment; each caller has its own interval")
    func interval() throws {
        try refreshList(at: .seconds(10))
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(310) - .nanoseconds(1)).isPick)
        #expect(cluster.planRefresh(interval: .seconds(600), now: .seconds(310)).isPick)
        #expect(cluster.planRefresh(interval: .seconds(1), now: .seconds(11)).isRefresh)
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(310)).isRefresh)
    }

    @Test("An interval of zero refreshes before every connect, one at a time")
    func intervalZero() throws {
        for _ in 0..<3 { try refreshList(at: .seconds(1)) }
        let ticket = try #require(cluster.ticket(interval: .zero, now: .seconds(1)))
        #expect(cluster.planRefresh(interval: .zero, now: .seconds(1)).isPick, "the last good list serves meanwhile")
        ticket.abandon()
        #expect(cluster.planRefresh(interval: .zero, now: .seconds(1)).isRefresh)
    }

    @Test("While one caller refreshes a stale list, the others use it")
    func othersGoOn() throws {
        try refreshList(at: .zero)
        let ticket = try #require(cluster.ticket(now: .seconds(300)))
        for _ in 0..<10 { #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(400)).isPick) }
        #expect(cluster.pick(BalancePolicy(), now: .seconds(400)) != nil)
        ticket.abandon()
    }

    @Test("Force refreshes a fresh list; a caller that cannot use the list waits for a running refresh")
    func force() throws {
        try refreshList(at: .zero)
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(1)).isPick)
        let ticket = try #require(cluster.ticket(force: true, now: .seconds(1)))
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(1)).isPick)
        let refresh = try #require(cluster.planRefresh(interval: .seconds(300), force: true, now: .seconds(1)).refresh)
        _ = registry.finishRefresh(ticket, nodes: nodes, from: .knownNode, contactPoints: contact, now: .seconds(1))
        guard case .refreshed = refresh.outcome else { throw Unexpected(refresh.outcome) }
    }

    @Test("A refresh that is dropped or abandoned blocks no caller: another one begins")
    func abandoned() throws {
        var ticket = cluster.ticket()
        #expect(ticket != nil)
        let first = try #require(cluster.planRefresh(interval: .zero, now: .zero).refresh)
        let notified = Atomic(0)
        first.whenEnded { notified.add(1, ordering: .relaxed) }
        ticket = nil
        #expect(notified.load(ordering: .relaxed) == 1)
        guard case .abandoned = first.outcome else { throw Unexpected(first.outcome) }

        let second = try #require(cluster.ticket())
        second.abandon()
        second.abandon()
        let third = try #require(cluster.ticket())
        // The former's end is not the latter's.
        second.fail("late", retryAfter: .seconds(9))
        #expect(cluster.planRefresh(interval: .zero, now: .zero).refresh === third.refresh)
        #expect(third.refresh.outcome == nil)
    }

    @Test("A failure without a list is shared with all who wait, and the next caller tries again at once")
    func failedColdStart() throws {
        let ticket = try #require(cluster.ticket())
        let refresh = try #require(cluster.planRefresh(interval: .zero, now: .zero).refresh)
        ticket.fail("a: refused", retryAfter: .seconds(5))
        guard case .failed("a: refused") = refresh.outcome else { throw Unexpected(refresh.outcome) }
        #expect(cluster.planRefresh(interval: .seconds(300), now: .zero).isRefresh)
    }

    @Test("After a failure the last good list serves until the time to retry")
    func failedRefresh() throws {
        try refreshList(at: .zero)
        let ticket = try #require(cluster.ticket(now: .seconds(300)))
        ticket.fail("a: timeout", retryAfter: .seconds(305))
        #expect(cluster.nodes == nodes)
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(305) - .nanoseconds(1)).isPick)
        #expect(cluster.planRefresh(interval: .zero, now: .seconds(304)).isPick)
        let forced = try #require(cluster.ticket(force: true, now: .seconds(304)), "force does not wait for that")
        forced.abandon()
        #expect(
            cluster.planRefresh(interval: .seconds(300), now: .seconds(304)).isPick,
            "giving up is no news of the sources")
        try refreshList(at: .seconds(305))
        #expect(cluster.planRefresh(interval: .seconds(5), now: .seconds(309)).isPick)
        #expect(cluster.planRefresh(interval: .seconds(5), now: .seconds(310)).isRefresh, "success ends the back-off")
    }

    @Test("A list without nodes is no list: the last good one stays, and other sources are to be asked")
    func emptyList() throws {
        let cold = try #require(cluster.ticket())
        #expect(registry.finishRefresh(cold, nodes: [], from: .contactPoint, contactPoints: contact, now: .zero) == nil)
        #expect(cold.refresh.outcome == nil)
        cold.abandon()
        try refreshList(at: .zero)
        for source in [ClusterRegistry.SourceKind.contactPoint, .knownNode] {
            let ticket = try #require(cluster.ticket(now: .seconds(300)))
            #expect(
                registry.finishRefresh(ticket, nodes: [], from: source, contactPoints: contact, now: .seconds(300))
                    == nil)
            #expect(ticket.refresh.outcome == nil, "the ticket is still open")
            #expect(cluster.nodes == nodes)
        }
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(300)).isRefresh, "and it is not fresh")
    }

    @Test("A server without yb_servers(): plain connections until the interval has passed, then it is asked again")
    func plainServer() throws {
        let cold = try #require(cluster.ticket())
        let refresh = try #require(cluster.planRefresh(interval: .seconds(300), now: .zero).refresh)
        cold.reportPlainServer(now: .zero)
        guard case .refreshed = refresh.outcome else { throw Unexpected(refresh.outcome) }
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(299)).isConnectPlainly)
        let ticket = try #require(cluster.ticket(now: .seconds(300)))
        #expect(
            cluster.planRefresh(interval: .seconds(300), now: .seconds(300)).isConnectPlainly, "meanwhile as before")
        ticket.abandon()
        // It has become a cluster.
        try refreshList(at: .seconds(300))
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(300)).isPick)
        #expect(cluster.nodes == nodes)
    }

    @Test("One database without yb_servers() says nothing of another")
    func plainDatabase() throws {
        let cold = try #require(cluster.ticket())
        cold.reportPlainServer("mine", now: .zero)
        #expect(cluster.planRefresh(interval: .seconds(300), database: "mine", now: .zero).isConnectPlainly)
        let plan = cluster.planRefresh(interval: .seconds(300), database: "yours", now: .zero)
        guard case .refresh(let ticket) = plan else { throw Unexpected(plan) }
        #expect([cluster.shouldWarnOfPlainServer("mine"), cluster.shouldWarnOfPlainServer("mine")] == [true, false])
        #expect(cluster.shouldWarnOfPlainServer("yours"))
        // Another caller looks into another database: who knows that there is none in its own does not wait for it.
        #expect(cluster.planRefresh(interval: .seconds(300), database: "mine", now: .zero).isConnectPlainly)
        #expect(cluster.planRefresh(interval: .seconds(300), database: "third", now: .zero).refresh === ticket.refresh)
        ticket.abandon()
    }

    @Test("A refresh that takes too long is done again, and the two do not disturb each other")
    func overtaken() throws {
        let first = try #require(cluster.ticket())
        let waiting = try #require(
            cluster.planRefresh(interval: .zero, patience: .seconds(2), now: .seconds(1)).refresh)
        #expect(waiting === first.refresh)
        let plan = cluster.planRefresh(interval: .zero, patience: .seconds(2), now: .seconds(2))
        guard case .refresh(let second) = plan else { throw Unexpected(plan) }
        // The next caller waits for the second refresh, for its own patience.
        #expect(
            cluster.planRefresh(interval: .zero, patience: .seconds(2), now: .seconds(3)).refresh === second.refresh)

        // The first fails: that is not the last word.
        first.fail("no node answers", retryAfter: .seconds(100))
        guard case .abandoned = waiting.outcome else { throw Unexpected(waiting.outcome) }
        #expect(
            cluster.planRefresh(interval: .zero, patience: .seconds(2), now: .seconds(3)).refresh === second.refresh)
        _ = registry.finishRefresh(second, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .seconds(4))
        #expect(cluster.nodes == nodes)
        #expect(
            cluster.planRefresh(interval: .seconds(1), now: .seconds(5)).isRefresh, "no back-off is left of the first")
    }

    @Test("Of two lists the one counts whose refresh began last, whichever comes in last")
    func olderList() throws {
        let first = try #require(cluster.ticket())
        let plan = cluster.planRefresh(interval: .zero, patience: .seconds(2), now: .seconds(2))
        guard case .refresh(let second) = plan else { throw Unexpected(plan) }
        _ = registry.finishRefresh(second, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .seconds(3))
        let found = registry.finishRefresh(
            first, nodes: [.at("old", uuid: "ua")], from: .contactPoint, contactPoints: contact, now: .seconds(9))
        #expect(found === cluster, "its caller uses the newer list")
        #expect(cluster.nodes == nodes)
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(302)).isPick)
        #expect(cluster.planRefresh(interval: .seconds(300), now: .seconds(303)).isRefresh)
    }

    @Test("A refresh of a stale list that is never ended keeps no other caller from refreshing for ever")
    func neverEnded() throws {
        try refreshList(at: .zero)
        let plan = cluster.planRefresh(interval: .seconds(10), lifetime: .seconds(15), now: .seconds(10))
        guard case .refresh(let forgotten) = plan else { throw Unexpected(plan) }
        #expect(cluster.planRefresh(interval: .seconds(10), now: .seconds(24)).isPick)
        #expect(cluster.planRefresh(interval: .seconds(10), now: .seconds(25)).isRefresh)
        forgotten.abandon()
    }

    @Test("Where there is a list, a server without yb_servers() does not wipe it")
    func plainServerAmongNodes() throws {
        try refreshList(at: .zero)
        try #require(cluster.ticket(now: .seconds(300))).reportPlainServer(now: .seconds(300))
        #expect(cluster.nodes == nodes)
        #expect(cluster.planRefresh(interval: .seconds(400), now: .seconds(301)).isPick)
    }

    @Test("A cluster remembers its addressing and its databases without yb_servers()")
    func remembered() {
        let cluster = cluster
        #expect(cluster.addressing == .undecided)
        cluster.addressing = .publicHost
        #expect(registry.cluster(behind: contact).addressing == .publicHost)
        #expect([cluster.shouldWarnOfPlainServer(), cluster.shouldWarnOfPlainServer()] == [true, false])
    }
}

/// A value that the test did not expect.
struct Unexpected<Value: Sendable>: Error {
    var value: Value
    init(_ value: Value) { self.value = value }
}
