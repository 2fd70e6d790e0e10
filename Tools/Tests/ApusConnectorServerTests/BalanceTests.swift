import ApusCluster
import ApusLocalCluster
import ApusPQ
import Synchronization
import Testing

@testable import ApusConnector

@Suite(.serialized) struct BalanceTests {
    @Test func uniformConnectionsSpreadEvenly() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let sessions = try driver.open(12, cluster.dsn())
            #expect(
                distribution(sessions) == Dictionary(uniqueKeysWithValues: (1...3).map { (cluster.address($0), 4) }))
            #expect(driver.counts.values.allSatisfy { $0 == 4 })
            sessions.forEach { $0.close() }
            #expect(driver.total == 0)
        }
    }

    /// From a cold start by 64 threads: exact, and with one control connection.
    @Test func threeHundredConnectionsByManyThreads() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let before = try await cluster.settledSessionsSeen(atLeast: 0)
            let dsn = try cluster.dsn()
            let open = Mutex<[OpenSession]>([])
            let next = Atomic<Int>(0)
            let work = Work(next: next)
            let errors = await onThreads(64) { _ in
                while work.next.add(1, ordering: .relaxed).oldValue < 300 {
                    let session = try driver.open(dsn)
                    open.withLock { $0.append(session) }
                }
            }
            #expect(errors.isEmpty, "\(errors)")
            let sessions = open.withLock { $0 }
            #expect(distribution(sessions).values.sorted() == [100, 100, 100])
            #expect(driver.counts.values.sorted() == [100, 100, 100])
            for session in sessions { session.close() }
            open.withLock { $0 = [] }
            #expect(driver.total == 0)
            #expect(try await cluster.settledSessionsSeen(atLeast: before + 301) == before + 301)
        }
    }
}

private final class Work: Sendable {
    let next: Atomic<Int>
    init(next: consuming Atomic<Int>) { self.next = next }
}
