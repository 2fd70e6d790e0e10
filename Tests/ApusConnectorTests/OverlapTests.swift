import ApusCluster
import ApusPQ
import Testing

@testable import ApusConnector

/// While a node is silent, the next is tried at the same time. Servers and clock are fakes.
@Suite("Attempts that overlap")
struct OverlapTests {
    static let start: Duration = .seconds(1000)
    let registry = ClusterRegistry(seed: 1)

    static func moment(_ milliseconds: Int) -> Duration { start + .milliseconds(milliseconds) }

    /// A connect to a cluster whose list is known.
    func connect(_ servers: [FakeServer], _ more: String = "") throws -> ClockedConnect {
        registry.enter(servers.map(\.node), behind: servers[0].endpoint, now: Self.start)
        return try ClockedConnect("host=127.0.0.1 port=\(servers[0].port) load_balance=any \(more)", registry)
    }

    /// The servers in the order in which they were picked; each has one client at most.
    func order(_ servers: [FakeServer], after first: [FakeServer] = []) -> [FakeServer] {
        first + servers.filter { server in !first.contains { $0 === server } && server.clientCount() > 0 }
    }

    @Test("A silent node costs a moment; another is tried beside it, and wins")
    func silentNode() throws {
        let servers = try (0..<2).map { _ in try FakeServer() }
        var connect = try connect(servers)
        try connect.advance(Self.start)
        let first = order(servers)
        #expect(first.count == 1 && registry.sessions == 1)
        #expect(connect.wait?.deadline == Self.moment(400))
        try connect.advance(Self.moment(399))
        #expect(order(servers).count == 1)

        try connect.advance(Self.moment(400))
        let both = order(servers, after: first)
        #expect(both.count == 2 && registry.sessions == 2)
        both[1].sendLogin()
        both[1].sendReady()
        #expect(try connect.advance(Self.moment(410)))
        #expect(registry.sessions == 1)
        #expect(connect.machine.reservation?.node.endpoint == both[1].endpoint)
        #expect(registry.down(Self.moment(410)) == [both[0].port], "the next caller would wait for it again")
        #expect(registry.down(Self.moment(5410)) == [], "for failed_host_ttl_seconds")
        #expect(both[0].isGone(0), "the silent attempt is dropped")
    }

    @Test("A node that is slower, and makes progress, is not put into quarantine, and may win")
    func slowNode() throws {
        for slowWins in [true, false] {
            let test = OverlapTests()
            let servers = try (0..<2).map { _ in try FakeServer() }
            var connect = try test.connect(servers)
            try connect.advance(Self.start)
            let first = test.order(servers)
            for step in 1...3 {
                if step == 1 { first[0].sendLogin() } else { first[0].sendParameter() }
                try connect.advance(Self.moment(step * 300))
                #expect(test.order(servers).count == 1, "it answers every 300 ms")
            }
            try connect.advance(Self.moment(1300))
            let both = test.order(servers, after: first)
            #expect(both.count == 2, "400 ms after its last answer")
            both[0].sendParameter()
            try connect.advance(Self.moment(1350))
            let winner = both[slowWins ? 0 : 1]
            if !slowWins { winner.sendLogin() }
            winner.sendReady()
            #expect(try connect.advance(Self.moment(1400)))
            #expect(connect.machine.reservation?.node.endpoint == winner.endpoint)
            #expect(test.registry.sessions == 1)
            #expect(test.registry.down(Self.moment(1400)) == [])
        }
    }

    @Test("A node that answers other callers is alive: a busy one is not taken for a frozen one")
    func busyNode() throws {
        let servers = try (0..<2).map { _ in try FakeServer() }
        var connect = try connect(servers)
        try connect.advance(Self.start)
        let node = try #require(order(servers).first)
        let other = try #require(registry.clusters.first?.countSession(at: node.endpoint))
        other.markAnswered(at: Self.moment(300))
        try connect.advance(Self.moment(600))
        #expect(order(servers).count == 1)
        try connect.advance(Self.moment(700))
        #expect(order(servers).count == 2)
    }

    @Test("Where servers usually need their time, it is given to them")
    func usualSilence() throws {
        let servers = try (0..<2).map { _ in try FakeServer() }
        var slow = try connect(servers)
        try slow.advance(Self.start)
        let node = try #require(order(servers).first)
        node.sendLogin()
        try slow.advance(Self.moment(10))
        node.sendReady()
        #expect(try slow.advance(Self.moment(360)))
        var next = try connect(servers)
        try next.advance(Self.moment(1000))
        #expect(next.wait?.deadline == Self.moment(1700), "twice the 350 ms")

        #expect(Race.silence(timeout: .seconds(10), usual: .zero) == .milliseconds(400))
        #expect(Race.silence(timeout: nil, usual: .zero) == .milliseconds(400))
        #expect(Race.silence(timeout: .seconds(1), usual: .zero) == .milliseconds(250))
        #expect(Race.silence(timeout: .seconds(10), usual: .seconds(9)) == .milliseconds(1600), "it has a limit")
        #expect(Race.silence(timeout: .seconds(1), usual: .seconds(9)) == .seconds(1))
    }

    @Test("A refused login is raised at once, while others are silent; nothing is left")
    func rejected() throws {
        let servers = try (0..<2).map { _ in try FakeServer() }
        var connect = try connect(servers)
        try connect.advance(Self.start)
        let first = order(servers)
        try connect.advance(Self.moment(400))
        order(servers, after: first)[1].sendWrongPassword()
        let error = connect.failure(Self.moment(401))
        #expect(error?.sqlState == .invalidPassword)
        #expect(registry.sessions == 0)
        #expect(registry.down(Self.moment(401)) == [])
        #expect(first[0].isGone(0))
    }

    @Test("A connect that is dropped leaves nothing behind")
    func letGo() throws {
        let servers = try (0..<3).map { _ in try FakeServer() }
        do {
            var connect = try connect(servers)
            for step in 0..<3 { try connect.advance(Self.moment(400 * step)) }
            #expect(registry.sessions == 3)
        }
        #expect(registry.sessions == 0)
        #expect(servers.allSatisfy { $0.isGone(0) })
    }

    @Test("Two hundred mute nodes: the connect as a whole ends after three times connect_timeout, and says so")
    func wholeDeadline() throws {
        let servers = try (0..<200).map { _ in try FakeServer() }
        var connect = try connect(servers, "connect_timeout=1")
        var now = Self.start
        var error: PQError?
        var steps = 0
        while error == nil && steps < 100 {
            error = connect.failure(now)
            if error != nil { break }
            let deadline = try #require(connect.wait?.deadline)
            #expect(deadline > now && deadline <= Self.moment(3000))
            now = deadline
            steps += 1
        }
        #expect(now == Self.moment(3000))
        let tried = servers.filter { $0.clientCount() > 0 }
        #expect(tried.count == 12, "one each 250 ms")
        let message = error?.message ?? ""
        #expect(message.hasPrefix("Could not find a server to connect to. "))
        #expect(message.contains("no session within 3 s, which is 3 times connect_timeout"))
        for server in tried { #expect(message.contains("\n  127.0.0.1:\(server.port) (c.r.z, primary): ")) }
        #expect(error?.kind == .connect)
        #expect(registry.sessions == 0)
        // The next caller begins with other nodes.
        #expect(registry.down(now).count == 12)
    }

    @Test("connect_timeout=0: no deadline, and attempts overlap all the same")
    func noDeadline() throws {
        let servers = try (0..<3).map { _ in try FakeServer() }
        var connect = try connect(servers, "connect_timeout=0")
        for step in 0..<3 { try connect.advance(Self.moment(400 * step)) }
        #expect(servers.allSatisfy { $0.clientCount() == 1 })
        // The contact point is one of the nodes and is already being tried, so there is no other address.
        try connect.advance(Self.moment(1300))
        #expect(connect.wait?.descriptor != nil)
    }

    @Test("The contact points are tried beside nodes that are all silent, once the list was fetched again")
    func contactPointsBesideSilentNodes() throws {
        let (node, contact) = (try FakeServer(), try FakeServer())
        registry.enter([node.node], behind: contact.endpoint, now: Self.start)
        var connect = try ClockedConnect("host=127.0.0.1 port=\(contact.port) load_balance=any", registry)
        try connect.advance(Self.start)
        try connect.advance(Self.moment(400))
        #expect(contact.clientCount() == 1, "asked for the list")
        contact.sendLogin()
        contact.sendReady()
        try connect.advance(Self.moment(410))
        let fresh = try FakeServer()
        contact.sendList([node.node, fresh.node])
        try connect.advance(Self.moment(420))
        #expect(fresh.clientCount() == 1)
        fresh.sendLogin()
        fresh.sendReady()
        #expect(try connect.advance(Self.moment(430)))
        #expect(connect.machine.reservation?.node.endpoint == fresh.endpoint)
        #expect(registry.sessions == 1)
        #expect(registry.down(Self.moment(430)) == [node.port])
    }

    @Test("A cold start: a silent contact point is passed over, and its node is known to be silent")
    func coldStart() throws {
        let (mute, well) = (try FakeServer(), try FakeServer())
        var connect = try ClockedConnect(
            "host=127.0.0.1,127.0.0.1 port=\(mute.port),\(well.port) load_balance=any", registry)
        try connect.advance(Self.start)
        #expect(mute.clientCount() == 1 && well.clientCount() == 0)
        try connect.advance(Self.moment(400))
        #expect(well.clientCount() == 1)
        well.sendLogin()
        well.sendReady()
        try connect.advance(Self.moment(410))
        well.sendList([mute.node, well.node])
        try connect.advance(Self.moment(420))
        #expect(mute.isGone(0))
        #expect(registry.down(Self.moment(420)) == [mute.port])
        #expect(well.clientCount() == 2 && mute.clientCount() == 1)
        well.sendLogin(to: 1)
        well.sendReady(to: 1)
        #expect(try connect.advance(Self.moment(430)))
    }

    @Test("The whole deadline holds while the list is fetched")
    func coldStartDeadline() throws {
        let servers = try (0..<5).map { _ in try FakeServer() }
        let (hosts, ports) = (servers.map { _ in "127.0.0.1" }, servers.map { "\($0.port)" })
        var connect = try ClockedConnect(
            "host=\(hosts.joined(separator: ",")) port=\(ports.joined(separator: ",")) load_balance=any"
                + " connect_timeout=1", registry)
        var now = Self.start
        var error = connect.failure(now)
        while error == nil, let deadline = connect.wait?.deadline, deadline > now {
            now = deadline
            error = connect.failure(now)
        }
        #expect(now <= Self.moment(3000))
        let message = error?.message ?? ""
        #expect(message.hasPrefix("Could not find a server to connect to. "), "\(message)")
        for server in servers { #expect(message.contains("127.0.0.1:\(server.port) (contact point)")) }
        #expect(error?.kind == .connect)
    }

    @Test("A server without yb_servers() is believed for the database that was asked, and for no other")
    func plainServerByDatabase() throws {
        let server = try FakeServer()
        let dsn = "host=127.0.0.1 port=\(server.port) load_balance=any"
        func answerList(_ client: Int, _ connect: inout ClockedConnect) throws {
            server.sendLogin(to: client)
            server.sendReady(to: client)
            try connect.advance(Self.start)
        }
        var plain = try ClockedConnect(dsn, registry)
        try plain.advance(Self.start)
        try answerList(0, &plain)
        server.sendNoFunction(to: 0)
        try plain.advance(Self.start)
        #expect(server.clientCount() == 2, "connected to without balancing")
        #expect(plain.machine.warnings.count == 1)

        let options = try ConnectionOptions(
            dsn + " user=u dbname=other sslmode=disable gssencmode=disable", environment: { _ in nil })
        var other = BalancedConnect(options, registry: registry, lookups: HostLookups())
        _ = try other.advance(now: Self.start)
        if case .fetched = other.list {} else { Issue.record("the other database is not asked: \(other.list)") }

        var again = try ClockedConnect(dsn, registry)
        try again.advance(Self.start)
        if case .absent = again.machine.list {} else { Issue.record("the database is asked again") }
    }
}

extension OverlapTests {
    @Test("A program that comes late to its connection has its time all the same")
    func late() throws {
        let servers = try (0..<2).map { _ in try FakeServer() }
        var connect = try connect(servers, "connect_timeout=1")
        try connect.advance(Self.start)
        let first = order(servers)
        // After an hour of other work the node is tried again, or another; the connect does not fail.
        let late = Self.start + .seconds(3600)
        try connect.advance(late)
        let both = order(servers, after: first)
        #expect(both.count == 2)
        both[1].sendLogin()
        both[1].sendReady()
        #expect(try connect.advance(late + .milliseconds(10)))
        #expect(registry.clusters.first?.usualSilence == .zero, "the silence was the program's")
    }

    @Test("Whatever has arrived counts, however late the program looks at it", arguments: 0..<5, [true, false])
    func lateToAnAnswer(_ lateStep: Int, _ balances: Bool) throws {
        let server = try FakeServer()
        let dsn = "host=127.0.0.1 port=\(server.port) connect_timeout=1 load_balance=\(balances)"
        var connect = try ClockedConnect(dsn, registry)
        var now = Self.start
        var step = 0
        /// The program advances the connect at once, or an hour after the server answered.
        func come() throws -> Bool {
            now += step == lateStep ? .seconds(3600) : .milliseconds(10)
            step += 1
            return try connect.advance(now)
        }
        try connect.advance(now)
        if balances {
            server.sendLogin(to: 0)
            #expect(try !come())
            server.sendReady(to: 0)
            #expect(try !come())
            server.sendList([server.node], to: 0)
            #expect(try !come())
        }
        let session = balances ? 1 : 0
        server.sendLogin(to: session)
        #expect(try !come())
        server.sendReady(to: session)
        #expect(try come())
        #expect(server.clientCount() == session + 1, "no server was asked twice")
    }

    @Test("A server that answers a little at a time does not have more time for it")
    func littleByLittle() throws {
        let server = try FakeServer()
        var connect = try ClockedConnect("host=127.0.0.1 port=\(server.port) connect_timeout=1", registry)
        try connect.advance(Self.start)
        server.sendLogin()
        var error: PQError?
        for step in 1...30 where error == nil {
            server.sendParameter()
            error = connect.failure(Self.moment(step * 90))
            if error != nil { #expect(step * 90 >= 1000) }
        }
        #expect(error?.message.contains("timeout expired") == true)
    }
}
