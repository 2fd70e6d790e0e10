import ApusLocalCluster
import Testing

@testable import Apus

extension AllTests {
    @Suite struct QueryTests {
        @Test func rowsAsTuples() async throws {
            try await withConnection { connection in
                let rows = try await connection.query(
                    "SELECT n::int4 AS id, 'name ' || n AS name FROM generate_series(1, \(3)) n")
                #expect(rows.columns.map(\.name) == ["id", "name"])
                #expect(rows.columns.map(\.type) == [.int4, .text])
                var seen: [String] = []
                for try await (id, name) in rows.decode((Int, String).self) { seen.append("\(id) \(name)") }
                #expect(seen == ["1 name 1", "2 name 2", "3 name 3"])

                let row = try #require(
                    try await connection.query("SELECT 5 AS five, NULL::text AS none").collect().first)
                #expect(try row.decode(Int.self, at: "five") == 5)
                #expect(try row.decode(String?.self, at: 1) == nil)
                #expect(throws: ApusError.self) { try row.decode(Int.self, at: "six") }
                #expect(throws: ApusError.self) { try row.decode(Int.self, at: 2) }
            }
        }

        @Test func commandTags() async throws {
            try await withConnection { connection in
                #expect(
                    try await connection.execute("CREATE TEMP TABLE t (id int PRIMARY KEY, word text)").affectedRows
                        == nil)
                let insert = try await connection.execute("INSERT INTO t SELECT n, 'w' FROM generate_series(1, 10) n")
                #expect(insert.text == "INSERT 0 10")
                #expect(insert.affectedRows == 10)
                #expect(try await connection.execute("UPDATE t SET word = \("x") WHERE id > \(7)").affectedRows == 3)
                #expect(try await connection.execute("").text == "")
                let tag = try await connection.query("DELETE FROM t WHERE id < 3 RETURNING id").drain()
                #expect(tag.text == "DELETE 2")
            }
        }

        @Test func everyFieldOfAnError() async throws {
            try await withConnection { connection in
                try await connection.executeScript(
                    """
                    CREATE TEMP TABLE parent (id int PRIMARY KEY);
                    CREATE TEMP TABLE child (id int CONSTRAINT has_parent REFERENCES parent);
                    """)
                let line = #line + 1
                let error = try #require(
                    await failure {
                        try await connection.execute("INSERT INTO child VALUES (\(1))")
                    })
                #expect(error.code == .server)
                #expect(error.sqlState == .foreignKeyViolation)
                #expect(error.server?.constraintName == "has_parent")
                #expect(error.server?.tableName == "child")
                #expect(error.server?.detail?.contains("(id)=(1)") == true)
                #expect(error.server?.severityNonlocalized == "ERROR")
                #expect(error.line == line)
                #expect(error.file.hasSuffix("QueryTests.swift"))
                #expect(error.description.contains("detail: Key (id)=(1) is not present"))
                #expect(error.description.contains("23503"))

                do {
                    try await connection.execute("INSERT INTO child VALUES (1)")
                    Issue.record("it must fail")
                } catch SQLState.integrityConstraintViolation {}
                do {
                    try await connection.execute("SELECT nothing_of_that_name")
                    Issue.record("it must fail")
                } catch SQLState.undefinedColumn {}
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
            }
        }

        /// An error after the first rows is thrown where the rows are read.
        @Test func errorsInMidStream() async throws {
            try await withConnection { connection in
                let rows = try await connection.query("SELECT 1000 / (50000 - n) FROM generate_series(1, 60000) n")
                var count = 0
                let error = await failure { for try await _ in rows { count += 1 } }
                #expect(error?.sqlState == "22012")
                #expect(count == 49_999)
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
            }
        }

        @Test func manyRowsStreamInOrder() async throws {
            try await withConnection { connection in
                var expected = 1
                let rows = try await connection.query("SELECT n, repeat('x', n % 50) FROM generate_series(1, 300000) n")
                for try await (number, text) in rows.decode((Int, String).self) {
                    guard number == expected, text.utf8.count == number % 50 else {
                        Issue.record("row \(number) in place of \(expected)")
                        return
                    }
                    expected += 1
                }
                #expect(expected == 300_001)
            }
        }

        /// If a reader is slow, the server is blocked, and memory does not grow.
        @Test func readersThatDawdleHoldTheServerBack() async throws {
            try await withConnection { connection in
                let rows = try await connection.query("SELECT repeat('x', 10000) FROM generate_series(1, 20000)")
                var iterator = rows.makeAsyncIterator()
                _ = try await iterator.next()
                #expect(try await eventually { connection.core.state.withLock { $0.isPaused } })
                let held = connection.core.state.withLock { state in
                    state.inFlight.first.map { $0.batches.all.reduce(0) { $0 + $1.size } } ?? 0
                }
                #expect(held < 4_000_000)
                var count = 1
                while try await iterator.next() != nil { count += 1 }
                #expect(count == 20_000)
            }
        }

        /// If a reader stops, the server is blocked, also while another task waits for the transaction to end.
        @Test func readersInATransactionHoldTheServerBack() async throws {
            try await withConnection { connection in
                try await connection.transaction { transaction in
                    let rows = try await transaction.query("SELECT repeat('x', 10000) FROM generate_series(1, 10000)")
                    var iterator = rows.makeAsyncIterator()
                    _ = try await iterator.next()
                    let other = Task.detached { try await connection.execute("SELECT 1") }
                    #expect(try await eventually { connection.core.state.withLock { $0.waiting.count == 1 } })
                    #expect(try await eventually { connection.core.state.withLock { $0.isPaused } })
                    let held = connection.core.state.withLock { state in
                        state.inFlight.first.map { $0.batches.all.reduce(0) { $0 + $1.size } } ?? 0
                    }
                    #expect(held < 4_000_000)
                    // A statement of the transaction itself does not wait for the reader.
                    #expect(try await transaction.first("SELECT 7", as: Int.self, timeout: .seconds(20)) == 7)
                    var count = 1
                    while try await iterator.next() != nil { count += 1 }
                    #expect(count == 10_000)
                    other.cancel()
                    _ = await other.result
                }
            }
        }

        /// A statement inside a loop over the rows of another, on the same connection, does not deadlock.
        @Test func statementsWithinALoopOverRows() async throws {
            try await withConnection { connection in
                var sum = 0
                let rows = try await connection.query("SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n")
                for try await (number, _) in rows.decode((Int, String).self) where number % 5_000 == 0 {
                    sum += try await connection.first("SELECT \(number) * 2", as: Int.self) ?? 0
                }
                #expect(sum == 100_000)
            }
        }

        /// The reader has stopped, the server is blocked, and then another task submits a statement.
        @Test func statementsBehindAReaderThatDawdles() async throws {
            try await withConnection { connection in
                let rows = try await connection.query("SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n")
                var iterator = rows.decode((Int, String).self).makeAsyncIterator()
                _ = try await iterator.next()
                #expect(try await eventually { connection.core.state.withLock { $0.isPaused } })
                #expect(try await connection.first("SELECT 7", as: Int.self, timeout: .seconds(20)) == 7)
                var last = 0
                while let (number, _) = try await iterator.next() { last = number }
                #expect(last == 30_000)
            }
        }

        /// When the reader continues, the rest of the answer may have been read from the socket already. No wait
        /// follows then, and the answer to the next statement must be read all the same.
        @Test func pausesNearTheEndOfAnAnswer() async throws {
            try await withConnection { connection in
                var pauses = 0
                for count in stride(from: 256, through: 400, by: 4) {
                    let rows = try await connection.query("SELECT repeat('x', 1000) FROM generate_series(1, \(count))")
                    var iterator = rows.makeAsyncIterator()
                    _ = try await iterator.next()
                    #expect(
                        try await eventually {
                            connection.core.state.withLock { $0.isPaused || $0.inFlight.isEmpty }
                        })
                    pauses += connection.core.state.withLock { $0.isPaused ? 1 : 0 }
                    var read = 1
                    while try await iterator.next() != nil { read += 1 }
                    #expect(read == count)
                    #expect(try await connection.first("SELECT 7", as: Int.self, timeout: .seconds(5)) == 7)
                }
                #expect(pauses > 0)
            }
        }

        /// Rows are also streamed for a statement in the middle of the pipeline.
        @Test func laterStatementsStreamAsWell() async throws {
            try await withConnection { connection in
                for _ in 0..<3 {
                    async let first = connection.first("SELECT 1, pg_sleep(0.05)::text", as: (Int, String).self)
                    let rows = try await connection.query(
                        "SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n")
                    #expect(connection.core.state.withLock { $0.inFlight.first?.isStreaming } == true)
                    #expect(try await rows.collect().count == 20_000)
                    _ = try await first
                }
            }
        }

        @Test func rowsThatNobodyReadsAreDropped() async throws {
            try await withConnection { connection in
                for _ in 0..<3 {
                    let rows = try await connection.query("SELECT repeat('x', 1000) FROM generate_series(1, 50000)")
                    for try await _ in rows { break }
                }
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                do {
                    let rows = try await connection.query("INSERT INTO t SELECT generate_series(1, 30000) RETURNING id")
                    for try await _ in rows { break }
                }
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 30_000)
            }
        }

        @Test func scriptsAndStatementsTakeTurns() async throws {
            try await withConnection { connection in
                try await connection.executeScript(
                    "CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1), (2); SELECT * FROM t")
                async let first = connection.first(
                    "SELECT pg_sleep(0.1)::text, count(*) FROM t", as: (String, Int).self)
                async let script: Void = connection.executeScript("INSERT INTO t VALUES (3); INSERT INTO t VALUES (4)")
                async let other = connection.execute("INSERT INTO t VALUES (5)")
                _ = try await (first, script, other)
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 5)
                let error = await failure { try await connection.executeScript("INSERT INTO t VALUES (6); SELECT 1/0") }
                #expect(error?.sqlState == "22012")
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 5)
            }
        }

        @Test func noticesReachTheirHandler() async throws {
            let keeper = LogKeeper()
            try await withConnection(logger: keeper.logger) { connection in
                try await connection.executeScript("DO $$ BEGIN RAISE NOTICE 'swifts sleep on the wing'; END $$")
                #expect(keeper.all.contains { $0.hasPrefix("debug") && $0.contains("swifts sleep on the wing") })
                try await connection.executeScript("LISTEN colony; NOTIFY colony, 'arrived'")
                #expect(
                    try await eventually { keeper.all.contains { $0.contains("colony") && $0.contains("arrived") } })
            }
            var options = try await Servers.options
            let words = LogKeeper()
            let logger = words.logger
            options.onNotice = { logger.info("\($0.primary ?? "")") }
            try await withConnection(options) { connection in
                try await connection.executeScript("DO $$ BEGIN RAISE WARNING 'rain'; END $$")
                #expect(words.all.contains { $0.contains("rain") })
            }
        }

        /// COPY cannot be executed as a statement. It fails at once with a clear error, and no call hangs.
        @Test(arguments: ["COPY pg_class TO STDOUT", "CREATE TEMP TABLE t (id int); COPY t FROM STDIN"])
        func copyIsRefused(_ text: String) async throws {
            try await withConnection { connection in
                let error = await failure { try await connection.executeScript(text, timeout: .seconds(10)) }
                #expect(error?.code == .usage)
            }
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                let sql: SQL = text.hasSuffix("STDIN") ? "COPY t FROM STDIN" : "COPY pg_class TO STDOUT"
                let error = await failure { try await connection.execute(sql, timeout: .seconds(10)) }
                #expect(error?.code == .usage)
            }
        }
    }
}
