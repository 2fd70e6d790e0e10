import ApusCluster
import ApusLocalCluster
import ApusPQ
import Synchronization
import Testing

@testable import ApusConnector

@Suite(.serialized) struct FailureTests {
    /// D1, P1: a wrong password is a mistake of the caller, not of the node.
    @Test func aWrongPasswordQuarantinesNobody() async throws {
        try await withLocalCluster(.init(nodes: 3, authentication: .scram)) { cluster in
            let driver = Driver()
            let open = try driver.open(3, cluster.dsn())
            for _ in 0..<3 {
                let error = #expect(throws: PQError.self) { try driver.open(cluster.dsn(), ["password": "wrong"]) }
                #expect(error?.sqlState == .invalidPassword)
                #expect(error?.message.contains("password authentication failed for user \"yugabyte\"") == true)
                #expect(error?.message.contains("28P01") == false)
            }
            let missing = #expect(throws: PQError.self) { try driver.open(cluster.dsn(), ["dbname": "nowhere"]) }
            #expect(missing?.sqlState == .invalidCatalogName)
            #expect(driver.counts.values.allSatisfy { $0 == 1 })
            #expect(driver.registry.clusters.flatMap(\.status).allSatisfy { $0.downUntil == nil })
            let more = try driver.open(3, cluster.dsn())
            #expect(distribution(open + more).values.allSatisfy { $0 == 2 })
        }
    }

    /// On a cold start too: one login is tried, and the next caller does not wait.
    @Test func aWrongPasswordOnAColdStart() async throws {
        try await withLocalCluster(.init(nodes: 2, authentication: .scram)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn()
            let errors = await onThreads(16) { index in
                _ = try driver.open(dsn, index % 2 == 0 ? ["password": "wrong"] : [:])
            }
            #expect(errors.count == 8)
            #expect(errors.allSatisfy { ($0 as? PQError)?.sqlState == .invalidPassword })
            #expect(driver.total == 0)
        }
    }

    /// D2: the contact point is only needed once.
    @Test func theContactPointMayDie() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let first = try driver.open(cluster.dsn([1], "load_balance=any yb_servers_refresh_interval=0"))
            try await cluster.kill(1)
            let sessions = try driver.open(6, cluster.dsn([1], "load_balance=any yb_servers_refresh_interval=0"))
            #expect(Set(distribution(sessions).keys) == [cluster.address(2), cluster.address(3)])
            _ = first
        }
    }

    /// D21, P2: a node is picked again as soon as its quarantine is over, without a refresh; D22: not once it left.
    @Test func aNodeThatComesBackIsUsedAgain() async throws {
        try await withLocalCluster(.init(nodes: 3, listedTTL: 1)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1], "load_balance=any failed_host_ttl_seconds=60")
            let before = try driver.open(3, dsn)
            try await cluster.stop(3)
            let during = try driver.open(6, dsn)
            #expect(distribution(during)[cluster.address(3)] == nil)
            try await cluster.start(3)
            driver.moveClock(by: .seconds(30))
            #expect(try distribution(driver.open(1, dsn))[cluster.address(3)] == nil)
            driver.moveClock(by: .seconds(31))
            let after = try driver.open(6, dsn)
            #expect((distribution(after)[cluster.address(3)] ?? 0) >= 3)
            _ = before
        }
    }

    @Test func aNodeThatLeftTheListIsNotPicked() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1], "load_balance=any yb_servers_refresh_interval=0")
            let before = try driver.open(3, dsn)
            let address = cluster.address(3)
            try await cluster.removeNode(3)
            let after = try driver.open(6, dsn)
            #expect(distribution(after)[address] == nil)
            _ = before
        }
    }

    /// The only node that is up is in quarantine, and is used nevertheless.
    @Test func quarantineIsNotAWallWhenNobodyElseIsLeft() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1], "load_balance=any failed_host_ttl_seconds=60")
            _ = try driver.open(2, dsn)
            try await cluster.stop(1)
            _ = try driver.open(2, dsn)
            try await cluster.start(1)
            try await cluster.stop(2)
            let session = try driver.open(dsn)
            #expect(session.address == cluster.address(1))
        }
    }

    /// D30: the error names every node tried and why.
    @Test func whenNobodyIsLeftTheErrorNamesAll() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1, 2])
            _ = try driver.open(dsn)
            for number in 1...3 { try await cluster.kill(number) }
            let error = #expect(throws: PQError.self) { try driver.open(dsn) }
            for number in 1...3 {
                #expect(error?.message.contains("\(cluster.address(number)):") == true, "\(error?.message ?? "")")
            }
            #expect(error?.message.contains("refused") == true)
            #expect(driver.total == 0)
        }
    }

    /// Too many connections: the next node, and no quarantine.
    @Test func aFullNodeIsPassedOver() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            let node = "host=\(cluster.address(1)) port=5433 user=yugabyte dbname=postgres"
            let limit = try Driver().open(node)
            _ = try limit.value("ALTER ROLE yugabyte CONNECTION LIMIT -1")
            _ = try limit.value("CREATE ROLE guest LOGIN CONNECTION LIMIT 0")
            let other = try Driver().open("host=\(cluster.address(2)) port=5433 user=yugabyte dbname=postgres")
            _ = try other.value("CREATE ROLE guest LOGIN")
            let driver = Driver()
            let sessions = try driver.open(4, cluster.dsn([2]), ["user": "guest"])
            #expect(distribution(sessions) == [cluster.address(2): 4])
            #expect(driver.registry.clusters.flatMap(\.status).allSatisfy { $0.downUntil == nil })
        }
    }

    /// A node that is frozen accepts and never answers.
    @Test func aFrozenNodeHoldsUpNobodyElse() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1], "load_balance=any connect_timeout=2 failed_host_ttl_seconds=30")
            let warm = try driver.open(3, dsn)
            try await cluster.freeze(2)
            // The frozen node becomes the least loaded one, so that the first caller tries it.
            let frozen = warm.first { $0.address == cluster.address(2) }
            frozen?.reservation?.release()
            let clock = ContinuousClock()
            let heldUp = Mutex(0)
            let errors = await onThreads(6) { _ in
                let started = clock.now
                let session = try driver.open(dsn)
                let took = clock.now - started
                if took >= .milliseconds(300) { heldUp.withLock { $0 += 1 } }
                #expect(took < .milliseconds(1900), "not its whole time-out")
                #expect(session.address != cluster.address(2))
            }
            #expect(errors.isEmpty, "\(errors)")
            // Only callers that tried the frozen node before it was known to be silent have waited.
            #expect((1..<6).contains(heldUp.withLock { $0 }))
            // From then on it is in quarantine and is not tried.
            let isDown = driver.registry.clusters.flatMap(\.status).filter { $0.downUntil != nil }
            #expect(isDown.map(\.node.endpoint.host) == [cluster.address(2)])
            let after = try driver.open(6, dsn)
            #expect(distribution(after)[cluster.address(2)] == nil)
            try await cluster.thaw(2)
        }
    }

    @Test func nodesKilledAtRandomUnderManyThreads() async throws {
        try await withLocalCluster(.init(nodes: 3, listedTTL: 2)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn(
                [1, 2, 3], "load_balance=any yb_servers_refresh_interval=1 failed_host_ttl_seconds=1")
            _ = try driver.open(dsn)
            let stop = Flag()
            let opened = Mutex(0)
            async let errors = onThreads(16) { _ in
                while !stop.isRaised {
                    // A node may die between the connect and the query; only the connect must not fail.
                    let session = try driver.open(dsn)
                    _ = try? session.value("SELECT 1")
                    opened.withLock { $0 += 1 }
                }
            }
            // Nodes are up and down for a while, so that no event ends these sleeps.
            for number in [1, 2, 3, 1, 3] {
                try await Task.sleep(for: .milliseconds(500))
                try await cluster.kill(number)
                try await Task.sleep(for: .milliseconds(700))
                try await cluster.start(number)
            }
            stop.raise()
            let failures = await errors
            #expect(failures.isEmpty, "\(failures)")
            #expect(opened.withLock { $0 } > 50)
            #expect(driver.total == 0)
        }
    }
}

final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)
    var isRaised: Bool { raised.load(ordering: .relaxed) }
    func raise() { raised.store(true, ordering: .relaxed) }
}
