import ApusLocalCluster
import Testing

@testable import Apus

extension AllTests {
    /// `first` returns one row, and the statement is executed to its end.
    @Suite struct FirstTests {
        /// A statement that fails after its first row has no result.
        @Test func errorsAfterTheFirstRowAreThrown() async throws {
            try await withConnection { connection in
                for last in [10, 100_000] {
                    let error = await failure {
                        _ = try await connection.first(
                            "SELECT 1000 / (\(last)::int4 - n) FROM generate_series(1, \(last)::int4) n", as: Int.self)
                    }
                    #expect(error?.sqlState == "22012")
                }
                // The error of the statement is thrown, not that of decoding the row.
                let both = await failure {
                    _ = try await connection.first("SELECT 1 / (2 - n) FROM generate_series(1, 2) n", as: Bool.self)
                }
                #expect(both?.sqlState == "22012")
                #expect(await failure { _ = try await connection.first("SELECT 1", as: Bool.self) }?.code == .decoding)
                let after = try await connection.first("SELECT 1", as: Int.self)
                #expect(after == 1)
            }
        }

        /// The statement has ended when the call returns.
        @Test func theStatementRunsToItsEnd() async throws {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                let first = try await connection.first(
                    "INSERT INTO t SELECT generate_series(1, 100000) RETURNING id", as: Int.self)
                #expect(first == 1)
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 100_000)
                #expect(try await connection.first("SELECT 1 WHERE false", as: Int.self) == nil)
                #expect(try await connection.first("SELECT 1, 2 WHERE false", as: (Int, Int).self) == nil)
                #expect(try await connection.first("SELECT NULL::int4", as: Int?.self) == .some(nil))
            }
        }

        @Test func deadlinesAndCancellationWhileTheRestIsDropped() async throws {
            try await withConnection { connection in
                let rows: SQL = "SELECT n, pg_sleep(0.001)::text FROM generate_series(1, 1000000) n"
                let overdue = await failure {
                    _ = try await connection.first(rows, as: (Int, String).self, timeout: .milliseconds(500))
                }
                #expect(overdue?.code == .timeout)
                let task = Task { try await connection.first(rows, as: (Int, String).self) }
                #expect(
                    try await eventually {
                        connection.core.state.withLock { $0.inFlight.first?.isAbandoned == true && $0.cancel == nil }
                    })
                task.cancel()
                #expect(await failure { _ = try await task.value }?.code == .cancelled)
                let after = try await connection.first("SELECT 1", as: Int.self)
                #expect(after == 1)
            }
        }
    }
}
