import ApusCluster
import ApusConnector
import ApusPQ
import Testing

/// One caller refreshes the list; another, for whom the present list is of no use, must wait for it and not ask again
/// and again: where one thread drives both, the first would never get on. No server is needed.
@Suite("Waiting for a list that another caller fetches")
struct WaitingForTheListTests {
    let registry = ClusterRegistry(seed: 1)
    let contactPoints: Set<Endpoint> = [Endpoint(host: "127.0.0.1", port: 1)]
    let options: ConnectionOptions

    init() throws {
        options = try ConnectionOptions(
            "host=127.0.0.1 port=1 load_balance=only-rr", environment: { _ in nil })
    }

    /// The right to refresh; it is an error if the plan is another.
    func ticket(force: Bool) throws -> RefreshTicket {
        let plan = registry.cluster(behind: contactPoints).plan(
            interval: .seconds(300), force: force, now: Monotonic.now)
        guard case .refresh(let ticket) = plan else { throw PQError(.connect, "somebody else refreshes") }
        return ticket
    }

    func finish(_ ticket: RefreshTicket) {
        let primary = ClusterNode(
            endpoint: Endpoint(host: "127.0.0.1", port: 1), placement: Placement(cloud: "c", region: "r", zone: "z"))
        _ = registry.finish(
            ticket, nodes: [primary], from: .contactPoint, contactPoints: contactPoints, now: Monotonic.now)
    }

    @Test(
        "Nobody on the list is eligible: waits once, then tells so", .timeLimit(.minutes(1)), arguments: [true, false])
    func waitsForForcedRefresh(isAnswered: Bool) throws {
        finish(try ticket(force: false))
        let refresh = try ticket(force: true)
        var connect = BalancedConnect(options, registry: registry)
        let wait = try connect.advance(now: Monotonic.now)
        #expect(wait?.descriptor != nil)

        if isAnswered { finish(refresh) } else { refresh.fail("nobody answers", retryAfter: Monotonic.now) }
        do {
            let wait = try connect.advance(now: Monotonic.now)
            Issue.record("still waits: \(String(describing: wait))")
        } catch {
            #expect(error.message.contains("none of the 1 nodes of the cluster is eligible for load_balance=only-rr"))
        }
    }

    @Test("Without any list, the failure of whoever fetched it is everybody's", .timeLimit(.minutes(1)))
    func sharesFailureOfColdStart() throws {
        let refresh = try ticket(force: false)
        var connect = BalancedConnect(options, registry: registry)
        #expect(try connect.advance(now: Monotonic.now)?.descriptor != nil)
        refresh.fail("nobody answers", retryAfter: Monotonic.now)
        do {
            _ = try connect.advance(now: Monotonic.now)
            Issue.record("no error")
        } catch {
            #expect(error.message.contains("nobody answers"))
        }
    }
}
