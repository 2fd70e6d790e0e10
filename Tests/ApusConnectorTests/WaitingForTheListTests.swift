import ApusCluster
import ApusPQ
import ApusWaiting
import Testing

@testable import ApusConnector

/// One caller refreshes the list. Another, which cannot use the present list, has to wait and must not ask repeatedly,
/// because where one thread drives both, the first would never proceed. No server is needed.
@Suite("Waiting for a list that another caller fetches")
struct WaitingForTheListTests {
    let registry = ClusterRegistry(seed: 1)
    let contactPoints: Set<Endpoint> = [Endpoint(host: "127.0.0.1", port: 1)]
    let options: ConnectionOptions

    init() throws {
        options = try ConnectionOptions(
            "host=127.0.0.1 port=1 load_balance=only-rr", environment: { _ in nil })
    }

    /// The ticket to refresh; another plan is an error.
    func ticket(force: Bool) throws -> RefreshTicket {
        let plan = registry.cluster(behind: contactPoints).planRefresh(
            interval: .seconds(300), force: force, now: Monotonic.now)
        guard case .refresh(let ticket) = plan else { throw PQError(.connect, "somebody else refreshes") }
        return ticket
    }

    func finish(_ ticket: RefreshTicket) {
        let primary = ClusterNode(
            endpoint: Endpoint(host: "127.0.0.1", port: 1), placement: Placement(cloud: "c", region: "r", zone: "z"))
        _ = registry.finishRefresh(
            ticket, nodes: [primary], from: .contactPoint, contactPoints: contactPoints, now: Monotonic.now)
    }

    @Test(
        "No node on the list is eligible: waits once, then fails with that reason", .timeLimit(.minutes(1)),
        arguments: [true, false])
    func waitsForForcedRefresh(isAnswered: Bool) throws {
        finish(try ticket(force: false))
        let refresh = try ticket(force: true)
        var connect = BalancedConnect(options, registry: registry)
        let wait = try connect.advance(now: Monotonic.now)
        #expect(wait?.descriptor != nil)

        if isAnswered { finish(refresh) } else { refresh.fail("no node answers", retryAfter: Monotonic.now) }
        do {
            let wait = try connect.advance(now: Monotonic.now)
            Issue.record("still waits: \(String(describing: wait))")
        } catch {
            #expect(error.message.contains("none of the 1 nodes of the cluster is eligible for load_balance=only-rr"))
        }
    }

    @Test(
        "Without any list, the failure of the caller that fetched it is every waiting caller's", .timeLimit(.minutes(1))
    )
    func sharesFailureOfColdStart() throws {
        let refresh = try ticket(force: false)
        var connect = BalancedConnect(options, registry: registry)
        #expect(try connect.advance(now: Monotonic.now)?.descriptor != nil)
        refresh.fail("no node answers", retryAfter: Monotonic.now)
        do {
            _ = try connect.advance(now: Monotonic.now)
            Issue.record("no error")
        } catch {
            #expect(error.message.contains("no node answers"))
        }
    }
}

/// A refresh that its caller does not advance must not block other callers for long.
@Suite("Waiting for a caller who does not come")
struct PatienceTests {
    static let start: Duration = .seconds(1000)
    let registry = ClusterRegistry(seed: 1)

    /// An asynchronous connection that is never polled has the ticket to refresh.
    @Test("The waiter waits for a moment, then fetches the list itself", arguments: [(2, 2), (10, 3)])
    func takesOver(_ timeout: Int, _ patience: Int) throws {
        let server = try FakeServer()
        let dsn = "host=127.0.0.1 port=\(server.port) load_balance=any connect_timeout=\(timeout)"
        var forgotten = try ClockedConnect(dsn, registry)
        try forgotten.advance(Self.start)
        #expect(server.clientCount() == 1)

        var waiter = try ClockedConnect(dsn, registry)
        try waiter.advance(Self.start + .milliseconds(100))
        #expect(server.clientCount() == 1)
        let deadline = Self.start + .seconds(patience)
        #expect(waiter.wait?.deadline == deadline)
        var second = try ClockedConnect(dsn, registry)
        try second.advance(Self.start + .milliseconds(200))
        try waiter.advance(deadline)
        #expect(server.clientCount() == 2, "asked for the list once more")
        // The other waiter waits for that refresh, because only one takes over at a time.
        try second.advance(deadline)
        #expect(server.clientCount() == 2)
        server.sendLogin(to: 1)
        server.sendReady(to: 1)
        try waiter.advance(deadline)
        server.sendList([server.node], to: 1)
        try waiter.advance(deadline)
        server.sendLogin(to: 2)
        server.sendReady(to: 2)
        #expect(try waiter.advance(deadline))
        try second.advance(deadline)
        server.sendLogin(to: 3)
        server.sendReady(to: 3)
        #expect(try second.advance(deadline))
        #expect(registry.sessions == 2)

        // The first one can still proceed, and its list, which is older, is discarded.
        server.sendLogin(to: 0)
        server.sendReady(to: 0)
        let late = deadline + .milliseconds(50)
        try forgotten.advance(late)
        let stranger = try FakeServer()
        server.sendList([server.node, stranger.node], to: 0)
        try forgotten.advance(late)
        #expect(registry.clusters.first?.nodes == [server.node])
        server.sendLogin(to: 4)
        server.sendReady(to: 4)
        #expect(try forgotten.advance(late))
        #expect(registry.sessions == 3)
    }

    @Test("With no connect_timeout the wait is bounded too")
    func withoutTimeout() throws {
        let server = try FakeServer()
        let dsn = "host=127.0.0.1 port=\(server.port) load_balance=any connect_timeout=0"
        var forgotten = try ClockedConnect(dsn, registry)
        try forgotten.advance(Self.start)
        var waiter = try ClockedConnect(dsn, registry)
        try waiter.advance(Self.start)
        #expect(waiter.wait?.deadline == Self.start + .seconds(3))
        try waiter.advance(Self.start + .seconds(3))
        #expect(server.clientCount() == 2)
    }
}
