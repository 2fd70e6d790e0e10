import Testing

@testable import Apus

extension AllTests {
    @Suite struct PreparedTests {
        /// The names of the statements that the server keeps for a connection.
        private func names(_ connection: ApusConnection) async throws -> [String] {
            // The text is always different, so that it is not prepared itself.
            let mark = Int.random(in: 0...Int.max)
            return try await connection.all(
                "SELECT name FROM pg_prepared_statements WHERE \(unescaped: String(mark)) >= 0 ORDER BY name",
                as: String.self)
        }

        @Test func theSecondUsePrepares() async throws {
            try await withConnection { connection in
                func run(_ number: Int) async throws {
                    #expect(try await connection.first("SELECT \(number) + 1", as: Int.self) == number + 1)
                }
                try await run(1)
                #expect(try await names(connection).isEmpty)
                try await run(2)
                #expect(try await names(connection).count == 1)
                for number in 3..<50 { try await run(number) }
                // Another type is another statement.
                for _ in 0..<2 { #expect(try await connection.first("SELECT \(1.5) + 1", as: Double.self) == 2.5) }
                #expect(try await names(connection).count == 2)
                // Rows stream from prepared statements, too, and from the one that prepares.
                for _ in 0..<3 {
                    let rows = try await connection.query("SELECT generate_series(1, \(50_000)::int8)")
                    #expect(try await rows.collect().count == 50_000)
                }
            }
        }

        @Test func manyTasksAtOnce() async throws {
            try await withConnection { connection in
                for round in 0..<5 {
                    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                        for number in 0..<100 {
                            group.addTask { try await connection.first("SELECT \(number)::int8", as: Int.self) ?? 0 }
                        }
                        return try await group.reduce(0, +)
                    }
                    #expect(sum == 4_950, "\(round)")
                }
            }
        }

        @Test func errorsDoNotPrepare() async throws {
            try await withConnection { connection in
                for _ in 0..<3 {
                    #expect(
                        await failure { try await connection.execute("SELECT * FROM nowhere") }?.sqlState
                            == .undefinedTable
                    )
                }
                #expect(try await names(connection).isEmpty)
                for _ in 0..<3 {
                    #expect(await failure { try await connection.execute("SELECT 1 / \(0)") }?.sqlState == "22012")
                }
                try await connection.execute("CREATE TEMP TABLE nowhere (id int)")
                try await connection.execute("SELECT * FROM nowhere")
            }
        }

        @Test func whatTheServerForgetsIsSentAgain() async throws {
            try await withConnection { connection in
                func run() async throws { #expect(try await connection.first("SELECT \(1) + 1", as: Int.self) == 2) }
                for _ in 0..<3 { try await run() }
                try await connection.execute("DEALLOCATE ALL")
                for _ in 0..<3 { try await run() }
                #expect(try await names(connection).count == 1)
                // The driver does not notice it.
                try await connection.executeScript("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
                for _ in 0..<3 { try await run() }
            }
        }

        /// A table that changes under a prepared statement.
        @Test func tablesMayChange() async throws {
            try await withConnection { connection in
                try await connection.executeScript("CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1)")
                for _ in 0..<3 { #expect(try await connection.query("SELECT * FROM t").collect().count == 1) }
                try await connection.execute("ALTER TABLE t ADD COLUMN word text DEFAULT 'w'")
                for _ in 0..<3 {
                    let rows = try await connection.all("SELECT * FROM t", as: (Int, String).self)
                    #expect(rows.first?.1 == "w")
                }
            }
        }

        @Test func theCacheIsBounded() async throws {
            var options = try await Servers.options
            options.preparedStatements = 5
            try await withConnection(options) { connection in
                for round in 0..<3 {
                    for number in 0..<20 {
                        for _ in 0..<2 { try await connection.execute("SELECT \(unescaped: String(number)), \(round)") }
                    }
                }
                try await connection.execute("SELECT 'so that the last ones are deallocated'")
                #expect(try await names(connection).count <= 5)
            }
            options.preparedStatements = 0
            try await withConnection(options) { connection in
                for _ in 0..<5 { try await connection.execute("SELECT \(1)") }
                #expect(try await names(connection).isEmpty)
            }
        }
    }
}
