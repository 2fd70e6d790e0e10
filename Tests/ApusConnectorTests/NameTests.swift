import ApusCluster
import ApusPQ
import ApusWaiting
import Synchronization
import Testing

@testable import ApusConnector

/// Names are resolved under the deadline, and never on the thread that advances the connect.
@Suite("Names that take long to resolve")
struct NameTests {
    static let start: Duration = .seconds(1000)

    /// A resolver that answers for one name when `finish` is called, and at once for others.
    final class SlowResolver: Sendable {
        private let answer = Mutex<HostLookup.Outcome?>(nil)
        private let asked = Atomic(0)

        var timesAsked: Int { asked.load(ordering: .sequentiallyConsistent) }

        func finish(_ outcome: HostLookup.Outcome) { answer.withLock { $0 = outcome } }

        func resolve(_ name: String) -> HostLookup.Outcome {
            if name != "slow.test" { return .addresses(["127.0.0.1"]) }
            asked.add(1, ordering: .sequentiallyConsistent)
            while true {
                if let outcome = answer.withLock({ $0 }) { return outcome }
                _ = BlockingWaiter.wait(for: Wait(descriptor: nil, interest: []), slice: .milliseconds(5))
            }
        }
    }

    let registry = ClusterRegistry(seed: 1)
    let resolver = SlowResolver()
    let lookups: HostLookups

    init() {
        let resolver = resolver
        lookups = HostLookups { resolver.resolve($0) }
    }

    func node(_ host: String, _ port: Int, publicHost: String? = nil) -> ClusterNode {
        ClusterNode(
            endpoint: Endpoint(host: host, port: port), publicHost: publicHost,
            placement: Placement(cloud: "c", region: "r", zone: "z"))
    }

    @Test("The only node's name is not resolved: the connect ends at its deadline", .timeLimit(.minutes(1)))
    func deadline() throws {
        defer { resolver.finish(.failed("no")) }
        let contact = Endpoint(host: "slow.test", port: 1)
        registry.enter([node("slow.test", 1)], behind: contact, now: Self.start)
        var connect = try ClockedConnect(
            "host=slow.test port=1 load_balance=any connect_timeout=1", registry, lookups: lookups)
        var now = Self.start
        let begin = Monotonic.now
        var error = connect.failure(now)
        while error == nil, let deadline = connect.wait?.deadline, deadline > now {
            #expect(connect.wait?.descriptor != nil, "Ctrl-C and event loops end this wait")
            now = deadline
            error = connect.failure(now)
        }
        #expect(now - Self.start <= .seconds(3))
        #expect(Monotonic.now - begin < .seconds(30))
        #expect(
            error?.message.contains("could not translate host name \"slow.test\"") == true,
            "\(String(describing: error))")
        #expect(registry.sessions == 0)
        #expect(resolver.timesAsked == 1, "one thread a name, however often it is asked for")
    }

    @Test("Another node is tried meanwhile")
    func overlap() throws {
        defer { resolver.finish(.failed("no")) }
        let server = try FakeServer()
        let nodes = [node("slow.test", 1), node("quick.test", server.port)]
        registry.enter(nodes, behind: server.endpoint, now: Self.start)
        // Make the slow one the least loaded.
        let held = try #require(registry.clusters.first?.countSession(at: nodes[1].endpoint))
        var connect = try ClockedConnect(
            "host=127.0.0.1 port=\(server.port) load_balance=any", registry, lookups: lookups)
        try connect.advance(Self.start)
        #expect(server.clientCount() == 0)
        try connect.advance(Self.start + .milliseconds(400))
        #expect(server.clientCount() == 1)
        server.sendLogin()
        server.sendReady()
        #expect(try connect.advance(Self.start + .milliseconds(410)))
        #expect(connect.machine.reservation?.node == nodes[1])
        held.release()
    }

    @Test("All addresses of a name are tried, and the error of a name that has none says so")
    func addresses() throws {
        let server = try FakeServer()
        let refused = try #require(try? FakeServer()).port
        let contact = Endpoint(host: "contact", port: refused)
        registry.enter([node("slow.test", server.port)], behind: contact, now: Self.start)
        // Nothing listens at 127.0.0.2, so that it refuses.
        resolver.finish(.addresses(["127.0.0.2", "127.0.0.1"]))
        var connect = try ClockedConnect(
            "host=contact port=\(refused) load_balance=only-primary", registry, lookups: lookups)
        try connect.advance(Self.start)
        #expect(server.clientCount() == 1)
        server.sendLogin()
        server.sendReady()
        #expect(try connect.advance(Self.start))
        guard let session = connect.machine.takeConnection() else { throw PQError(.usage, "there is no connection") }
        let (host, address) = (session.host, session.hostAddress)
        #expect(host == "slow.test", "TLS checks the name")
        #expect(address == "127.0.0.1")

        let other = NameTests()
        other.resolver.finish(.failed("Name or service not known"))
        other.registry.enter([node("slow.test", 1)], behind: contact, now: Self.start)
        var failing = try ClockedConnect(
            "host=127.0.0.1 port=\(refused) load_balance=only-primary", other.registry, lookups: other.lookups)
        other.registry.enter(
            [node("slow.test", 1)], behind: Endpoint(host: "127.0.0.1", port: refused), now: Self.start)
        let error = failing.failure(Self.start)
        #expect(
            error?.message.contains(
                "could not translate host name \"slow.test\" to address: Name or service not known") == true)
    }

    @Test("Addresses that are left are tried though the list comes at the moment when the one before them fails")
    func listBetweenAddresses() throws {
        defer { resolver.finish(.failed("no")) }
        let (server, contact) = (try FakeServer(), try FakeServer())
        let nodes = [node("slow.test", server.port)]
        registry.enter(nodes, behind: contact.endpoint, now: Self.start)
        var connect = try ClockedConnect(
            "host=127.0.0.1 port=\(contact.port) load_balance=only-primary", registry, lookups: lookups)
        // The node is silent, so the list is fetched again beside it.
        try connect.advance(Self.start)
        try connect.advance(Self.start + .milliseconds(400))
        #expect(contact.clientCount() == 1)
        contact.sendLogin()
        contact.sendReady()
        try connect.advance(Self.start + .milliseconds(410))
        // Nothing listens at 127.0.0.2, so that it refuses.
        resolver.finish(.addresses(["127.0.0.2", "127.0.0.1"]))
        func awaitReadiness(_ waits: [Wait]) throws {
            for wait in waits {
                let look = Wait(descriptor: wait.descriptor, interest: wait.interest)
                try #require(BlockingWaiter.wait(for: look, slice: .seconds(20)) == .ready)
            }
        }
        try awaitReadiness(connect.machine.sessions.waits)
        _ = try connect.machine.advance(now: Self.start + .milliseconds(420))
        contact.sendList(nodes)
        try awaitReadiness(connect.machine.sessions.waits)
        if case .fetched(let refresh, _) = connect.machine.list { try awaitReadiness(refresh.waits) }
        try connect.advance(Self.start + .milliseconds(430))
        #expect(server.clientCount() == 1)
        server.sendLogin()
        server.sendReady()
        #expect(try connect.advance(Self.start + .milliseconds(440)))
    }

    @Test("Names that Swift takes for equal are asked for one by one")
    func canonicallyEquivalentNames() throws {
        let (composed, decomposed) = ("caf\u{E9}.test", "cafe\u{301}.test")
        let asked = Mutex<[[UInt8]]>([])
        let resolver = resolver
        let lookups = HostLookups { name in
            asked.withLock { $0.append(Array(name.utf8)) }
            return resolver.resolve("slow.test")
        }
        let first = try #require(lookups.lookup(composed))
        let second = try #require(lookups.lookup(decomposed))
        #expect(first !== second)
        resolver.finish(.failed("no"))
        for lookup in [first, second] {
            _ = BlockingWaiter.wait(for: lookup.wait, slice: .seconds(20))
            #expect(lookup.outcome == .failed("no"))
        }
        #expect(Set(asked.withLock { $0 }) == [Array(composed.utf8), Array(decomposed.utf8)])
        let targets = [composed, decomposed].map { Target(host: $0, port: 5433) }
        #expect(Set(targets).count == 2, "one that was tried is not the other")
    }

    @Test("A node's public address is tried beside a silent private one, and what worked is kept")
    func publicAddress() throws {
        // 192.0.2.1 is reserved for documentation. The test never waits for it, and resolves no name.
        let (own, other) = (try FakeServer(), try FakeServer())
        #expect(own.port != other.port)
        let node = ClusterNode(
            endpoint: Endpoint(host: "slow.test", port: other.port), publicHost: "127.0.0.1",
            placement: Placement(cloud: "c", region: "r", zone: "z"))
        registry.enter([node], behind: own.endpoint, now: Self.start)
        var connect = try ClockedConnect(
            "host=127.0.0.1 port=\(own.port) load_balance=any", registry, lookups: lookups)
        try connect.advance(Self.start)
        #expect(other.clientCount() == 0)
        try connect.advance(Self.start + .milliseconds(400))
        #expect(other.clientCount() == 1 && registry.sessions == 1, "one node, one session")
        other.sendLogin()
        other.sendReady()
        #expect(try connect.advance(Self.start + .milliseconds(410)))
        #expect(registry.clusters.first?.addressing == .publicHost)
        #expect(registry.down(Self.start + .milliseconds(410)) == [])
        resolver.finish(.failed("no"))
    }
}
