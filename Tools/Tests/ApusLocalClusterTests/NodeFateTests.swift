import Foundation
import Testing

@testable import ApusLocalCluster

/// Stopped, killed, frozen and delayed nodes.
@Suite(.serialized) struct NodeFateTests {
    @Test func aDeadNodeStaysListedVanishesAndReappears() async throws {
        try await withLocalCluster(.init(nodes: 3, listedTTL: 5)) { cluster in
            try await cluster.kill(2)
            #expect(try cluster.node(2).state == .dead)
            #expect(try cluster.node(2).pid == nil)
            #expect(try await cluster.listed(by: 1) == [1, 2, 3])
            #expect(try await eventually { try await cluster.listed(by: 1) == [1, 3] })
            #expect(try await cluster.listed(by: 3) == [1, 3])
            #expect(try cluster.node(2).isListed == false)
            try await cluster.start(2)
            #expect(try cluster.node(2).state == .running)
            for number in 1...3 { #expect(try await cluster.listed(by: number) == [1, 2, 3]) }
        }
    }

    @Test func aNodeKilledByOthersCountsAsDead() async throws {
        try await withLocalCluster(.init(nodes: 2, listedTTL: 0.5)) { cluster in
            let pid = try #require(try cluster.node(2).pid)
            kill(pid, SIGKILL)
            #expect(try await eventually { try await cluster.listed(by: 1) == [1] })
            #expect(try cluster.node(2).state == .dead)
            try await cluster.start(2)
            #expect(try await cluster.listed(by: 2) == [1, 2])
        }
    }

    @Test func aStoppedNodeRefusesAndIsNotDead() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            try await cluster.stop(1)
            #expect(try cluster.node(1).state == .stopped)
            let error = await failure { _ = try await cluster.ask(1, "SELECT 1") }
            #expect(error?.message.contains("Connection refused") == true)
            try await cluster.stop(1)
            try await cluster.start(1)
            try await cluster.start(1)
            #expect(try await cluster.ask(1, "SELECT 1") == ["1"])
        }
    }

    @Test func killEndsEverySessionAtOnce() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            async let session = failure { _ = try await cluster.ask(1, "SELECT pg_sleep(30)") }
            let processes = ServerProcesses(dataFolder: try cluster.node(1).dataDirectory)
            #expect(try await eventually { try await cluster.sessions(1, running: "sleep(30)") == 1 })
            try await cluster.kill(1)
            #expect(processes.all().isEmpty)
            #expect(await session?.message.contains("server closed the connection unexpectedly") == true)
        }
    }

    @Test func aFrozenNodeAcceptsAndNeverAnswers() async throws {
        try await withLocalCluster(.init(nodes: 2, listedTTL: 1)) { cluster in
            async let session = cluster.ask(1, "SELECT pg_sleep(1), 'done'")
            #expect(try await eventually { try await cluster.sessions(1, running: "sleep(1)") == 1 })
            try await cluster.freeze(1)
            #expect(try cluster.node(1).state == .frozen)
            let node = try cluster.node(1)
            let descriptor = socket(AF_INET, Int32(streamSocket), 0)
            defer { close(descriptor) }
            let address = try LoopbackAddress(parsing: node.address)
            #expect(address.withSocketAddress(port: node.port) { connect(descriptor, $0, $1) } == 0)
            let connection = try cluster.connectionString(1)
            let error = await failure { _ = try await psql(connection, "SELECT 1", timeout: 2) }
            #expect(error?.message.contains("timeout expired") == true)
            #expect(try await eventually { try await cluster.listed(by: 2) == [2] })
            let start = await failure { try await cluster.start(1) }
            #expect(start?.message == "node 1 is frozen, not down: thaw it")
            try await cluster.thaw(1)
            #expect(try await session == ["|done"])
            #expect(try await cluster.listed(by: 1) == [1, 2])
        }
    }

    @Test(arguments: [false, true])
    func aDelayHoldsBackEveryAnswer(startsDelayable: Bool) async throws {
        try await withLocalCluster(.init(nodes: 2, encryption: .offered, delayable: startsDelayable)) { cluster in
            let before = try cluster.node(1).pid
            try await cluster.delay(1, by: .milliseconds(500))
            #expect(try (cluster.node(1).pid == before) == startsDelayable)
            #expect(try cluster.node(1).delay == .milliseconds(500))
            // TLS passes through the proxy: the answer to the request for it, the handshake, the log-in, the query.
            let start = ContinuousClock.now
            #expect(try await cluster.ask(1, "SELECT 'slow'") == ["slow"])
            #expect(ContinuousClock.now - start >= .seconds(2))

            // An existing session is no longer delayed, and is not interrupted.
            async let session = cluster.ask(1, "SELECT pg_sleep(6), repeat('x', 900000)")
            #expect(try await eventually { try await cluster.sessions(1, running: "sleep(6)") == 1 })
            try await cluster.delay(1, by: .zero)
            for delay in [.init(attoseconds: .max), .seconds(601), .nanoseconds(-1), .init(attoseconds: .min)]
                as [Duration]
            {
                await #expect(throws: LocalClusterError.self) { try await cluster.delay(1, by: delay) }
            }
            #expect(try await session.map(\.utf8.count) == [900_001])
            // A delayed answer never takes less; one without delay does at some time, however busy the machine is.
            let isFast = try await eventually {
                let again = ContinuousClock.now
                let answer = try await cluster.ask(1, "SELECT 'fast'")
                return answer == ["fast"] && ContinuousClock.now - again < .seconds(2)
            }
            #expect(isFast)

            try await cluster.kill(1)
            let error = await failure { _ = try await cluster.ask(1, "SELECT 1") }
            #expect(error?.message.contains("Connection refused") == true)
            try await cluster.start(1)
            #expect(try await cluster.ask(1, "SELECT 1") == ["1"])
            #expect(try await cluster.ask(2, "SELECT 1") == ["1"])
        }
    }

    @Test func threeHundredSessionsFitOnANode() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            let connection = try cluster.connectionString(1)
            let script = "for i in $(seq 300); do psql -XAtqd \"$0\" -c 'SELECT pg_sleep(60)' 2>&1 & done; wait"
            let sessions = Task { try? await Command("sh", ["-c", script, connection]).run() }
            let all = try await eventually { try await cluster.sessions(1, running: "sleep(60)") == 300 }
            #expect(all)
            try await cluster.kill(1)
            _ = await sessions.value
        }
    }
}

#if canImport(Darwin)
private let streamSocket = SOCK_STREAM
#else
private let streamSocket = SOCK_STREAM.rawValue
#endif
