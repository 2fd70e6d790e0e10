import ApusLocalCluster
import Testing

@testable import Apus

extension AllTests {
    @Suite struct TransactionTests {
        private struct Regret: Error {}

        private func withTable(_ body: (ApusConnection) async throws -> Void) async throws {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                try await body(connection)
            }
        }

        private func count(_ connection: ApusConnection) async throws -> Int? {
            try await connection.first("SELECT count(*) FROM t", as: Int.self)
        }

        @Test func commitsAndRollsBack() async throws {
            try await withTable { connection in
                let result = try await connection.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    return try await transaction.first("SELECT 42", as: Int.self)
                }
                #expect(result == 42)
                #expect(try await count(connection) == 1)
                await #expect(throws: Regret.self) {
                    try await connection.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (2)")
                        throw Regret()
                    }
                }
                #expect(try await count(connection) == 1)
            }
        }

        @Test func levelsAndModes() async throws {
            try await withTable { connection in
                let setting = try await connection.transaction(
                    isolation: .serializable, readOnly: true, deferrable: true
                ) {
                    try await $0.first(
                        "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')",
                        as: (String, String).self)
                }
                #expect(setting! == ("serializable", "on"))
                let error = await failure {
                    _ = try await connection.transaction(readOnly: true) {
                        try await $0.execute("CREATE TABLE never (id int)")
                    }
                }
                #expect(error?.sqlState == "25006")
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
            }
        }

        /// If the closure hides an error, the call does not report a commit that did not happen.
        @Test func hiddenErrorsAreNotCommits() async throws {
            try await withTable { connection in
                let error = await failure {
                    try await connection.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        _ = try? await transaction.execute("SELECT 1/0")
                    }
                }
                #expect(error?.code == .transaction)
                let left = try await count(connection)
                #expect(left == 0)
            }
        }

        @Test func othersWaitUntilItEnds() async throws {
            try await withTable { connection in
                let inside = AsyncStream.makeStream(of: Void.self)
                let transaction = Task {
                    try await connection.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        inside.continuation.yield()
                        // The statement outside is queued.
                        #expect(try await eventually { connection.core.state.withLock { !$0.waiting.isEmpty } })
                        // On the connection itself, and from a child task: part of the transaction.
                        async let own = connection.execute("INSERT INTO t VALUES (2)")
                        _ = try await own
                        throw Regret()
                    }
                }
                for await _ in inside.stream { break }
                // Not part of the transaction, so that it must not be rolled back.
                try await connection.execute("INSERT INTO t VALUES (3)")
                await #expect(throws: Regret.self) { try await transaction.value }
                #expect(try await connection.all("SELECT id FROM t", as: Int.self) == [3])
            }
        }

        @Test func transactionsTakeTurns() async throws {
            try await withTable { connection in
                try await connection.execute("INSERT INTO t VALUES (0)")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            try await connection.transaction { transaction in
                                let now = try await transaction.first("SELECT id FROM t", as: Int.self) ?? 0
                                await Task.yield()
                                try await transaction.execute("UPDATE t SET id = \(now + 1)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await connection.first("SELECT id FROM t", as: Int.self) == 20)
            }
        }

        @Test func savepointsUndoAPart() async throws {
            try await withTable { connection in
                try await connection.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    try await transaction.savepoint { part in
                        try await part.execute("INSERT INTO t VALUES (2)")
                        await #expect(throws: ApusError.self) {
                            try await part.savepoint { inner in
                                try await inner.execute("INSERT INTO t VALUES (3)")
                                try await inner.execute("SELECT 1/0")
                            }
                        }
                        try await part.execute("INSERT INTO t VALUES (4)")
                    }
                }
                #expect(try await connection.all("SELECT id FROM t ORDER BY id", as: Int.self) == [1, 2, 4])
            }
        }

        @Test func misuseIsAnError() async throws {
            try await withTable { connection in
                let nested = await failure {
                    try await connection.transaction { _ in try await connection.transaction { _ in } }
                }
                #expect(nested?.code == .usage)
                var kept: ApusTransaction?
                try await connection.transaction { kept = $0 }
                #expect(await failure { try await kept?.execute("SELECT 1") }?.code == .usage)
            }
        }

        /// After a cancellation the transaction is rolled back, and the connection can be used.
        @Test func cancellationRollsBack() async throws {
            try await withTable { connection in
                let task = Task {
                    try await connection.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        try await transaction.execute("SELECT pg_sleep(60)")
                    }
                }
                try await untilAsleep(connection)
                task.cancel()
                #expect(await failure { try await task.value }?.code == .cancelled)
                #expect(try await count(connection) == 0)
                let waited = await failure {
                    try await connection.transaction { transaction in
                        try await transaction.execute("INSERT INTO t VALUES (1)")
                        try await transaction.execute("SELECT pg_sleep(60)", timeout: .milliseconds(100))
                    }
                }
                #expect(waited?.code == .timeout)
                #expect(try await count(connection) == 0)
            }
        }
    }
}
