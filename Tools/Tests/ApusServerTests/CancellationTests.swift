import ApusLocalCluster
import Synchronization
import Testing

@testable import Apus

extension AllTests {
    @Suite struct CancellationTests {
        private final class Counter: Sendable { let value = Atomic(0) }

        private let clock = ContinuousClock()

        /// Cancelling the task stops the statement on the server, and the connection stays usable.
        @Test func cancelledStatementsStopOnTheServer() async throws {
            try await withConnection { connection in
                for _ in 0..<5 {
                    let task = Task { try await connection.execute("SELECT pg_sleep(60)") }
                    try await untilAsleep(connection)
                    let start = clock.now
                    task.cancel()
                    let error = await failure { _ = try await task.value }
                    #expect(error?.code == .cancelled)
                    #expect(error?.sqlState == .queryCanceled)
                    #expect(clock.now - start < .seconds(9))
                    #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
                }
            }
        }

        /// A cancellation at any early moment neither blocks a call nor breaks the connection.
        @Test func cancellationAtAnyMoment() async throws {
            try await withConnection { connection in
                for delay in 0..<60 {
                    let task = Task { try await connection.execute("SELECT pg_sleep(30)", timeout: .seconds(20)) }
                    try await Task.sleep(for: .microseconds(delay * 20))
                    task.cancel()
                    #expect(await failure { _ = try await task.value }?.code == .cancelled)
                }
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
            }
        }

        @Test func neighboursInThePipelineAreUnharmed() async throws {
            try await withConnection { connection in
                for round in 0..<10 {
                    let victim = Task { try await connection.execute("SELECT pg_sleep(30)") }
                    try await untilAsleep(connection)
                    let others = Task {
                        try await withThrowingTaskGroup(of: Int.self) { group in
                            for number in 0..<20 {
                                group.addTask {
                                    let rows = try await connection.query("SELECT \(number), pg_sleep(0.002)::text")
                                    return try await rows.decode((Int, String).self).collect().first?.0 ?? -1
                                }
                            }
                            return try await group.reduce(0, +)
                        }
                    }
                    // Each round cancels at another moment, when more of the others have been sent.
                    try await Task.sleep(for: .milliseconds(round))
                    victim.cancel()
                    #expect(await failure { _ = try await victim.value }?.code == .cancelled)
                    #expect(try await others.value == 190)
                }
            }
        }

        /// A cancel that hits another statement makes it be sent again only if the server rolled it back as a whole.
        @Test(arguments: [true, false]) func aProcedureIsNotExecutedTwice(isProcedure: Bool) async throws {
            // Both statements wait for a lock that this test holds, so that both are executing when the cancel arrives.
            let lock = isProcedure ? 4711 : 4712
            let table = "done_twice_\(lock)"
            try await withConnection { canceler in
                try await canceler.executeScript(
                    """
                    DROP TABLE IF EXISTS \(table); CREATE TABLE \(table) (what text);
                    CREATE OR REPLACE PROCEDURE does_twice_\(lock)() LANGUAGE plpgsql AS $$ BEGIN
                    INSERT INTO \(table) VALUES ('done'); COMMIT; PERFORM pg_advisory_xact_lock(\(lock)); END $$;
                    SELECT pg_advisory_lock(\(lock))
                    """)
                let statement: SQL =
                    isProcedure
                    ? "CALL does_twice_4711()"
                    : "WITH w AS (INSERT INTO done_twice_4712 VALUES ('done') RETURNING 1) SELECT pg_advisory_xact_lock(4712)"
                try await withConnection { connection in
                    let pid = connection.backendPID
                    /// When the statement that waits for the lock began.
                    func waitsSince() async throws -> Double? {
                        try await canceler.first(
                            """
                            SELECT extract(epoch FROM query_start)::float8 FROM pg_stat_activity
                            WHERE pid = \(pid) AND wait_event = 'advisory'
                            """, as: Double.self)
                    }
                    let first = Task { try await connection.execute("SELECT pg_sleep(60)") }
                    try await untilSent(1, on: connection)
                    let hasEnded = Mutex(false)
                    let second = Task {
                        defer { hasEnded.withLock { $0 = true } }
                        return try await connection.execute(statement)
                    }
                    try await untilSent(2, on: connection)
                    first.cancel()
                    #expect(await failure { _ = try await first.value }?.code == .cancelled)
                    // The cancel that is too late for the first statement. On a busy machine the driver's own can be too
                    // late as well, and has canceled the procedure.
                    let isReached = try await eventually {
                        try await waitsSince() != nil || isProcedure && hasEnded.withLock { $0 }
                    }
                    #expect(isReached)
                    let before = try await waitsSince()
                    try await canceler.execute("SELECT pg_cancel_backend(\(pid))")
                    if isProcedure {
                        #expect(await failure { _ = try await second.value }?.sqlState == .queryCanceled)
                    } else {
                        #expect(
                            try await eventually {
                                guard let now = try await waitsSince() else { return false }
                                return now != before
                            }, "it is sent again")
                    }
                    try await canceler.execute("SELECT pg_advisory_unlock(\(lock))")
                    if !isProcedure { _ = try await second.value }
                }
                let done = try await canceler.all("SELECT what FROM \(identifier: table)", as: String.self)
                #expect(done == ["done"])
                try await canceler.executeScript("DROP PROCEDURE does_twice_\(lock)(); DROP TABLE \(table)")
            }
        }

        /// A cancelled task does not wait for the answers to earlier statements of other tasks.
        @Test func cancelledBehindOthers() async throws {
            try await withConnection { connection in
                let slow = Task { try await connection.execute("SELECT pg_sleep(3)") }
                try await untilSent(1, on: connection)
                let behind = Task { try await connection.execute("SELECT 2") }
                try await untilSent(2, on: connection)
                let start = clock.now
                behind.cancel()
                #expect(await failure { _ = try await behind.value }?.code == .cancelled)
                #expect(clock.now - start < .seconds(2))
                // The other statement is not affected.
                let tag = try await slow.value
                #expect(tag.affectedRows == 1)
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
            }
        }

        @Test func deadlinesAreKept() async throws {
            try await withConnection { connection in
                let start = clock.now
                let error = await failure {
                    try await connection.execute("SELECT pg_sleep(60)", timeout: .milliseconds(200))
                }
                #expect(error?.code == .timeout)
                #expect(clock.now - start > .milliseconds(190))
                #expect(clock.now - start < .seconds(9))
                #expect(try await connection.first("SELECT 1", as: Int.self, timeout: .seconds(10)) == 1)

                // Queued behind another and never sent: only this one fails.
                async let slow = connection.execute("SELECT pg_sleep(2)")
                try await untilSent(1, on: connection)
                let waiting = await failure { try await connection.execute("SELECT 1", timeout: .milliseconds(100)) }
                #expect(waiting?.code == .timeout)
                #expect(try await slow.affectedRows == 1)
            }
        }

        @Test func cancellationWhileRowsStream() async throws {
            try await withConnection { connection in
                let received = Counter()
                let task = Task {
                    // Rows as large as the server's buffer, so that each is sent at once.
                    let rows = try await connection.query(
                        "SELECT repeat('x', 8192) || pg_sleep(0.001) FROM generate_series(1, 1000000)")
                    for try await _ in rows { received.value.add(1, ordering: .relaxed) }
                }
                let isStreaming = try await eventually { received.value.load(ordering: .relaxed) > 0 }
                #expect(isStreaming)
                task.cancel()
                #expect(await failure { try await task.value }?.code == .cancelled)
                #expect(try await connection.first("SELECT 1", as: Int.self) == 1)
            }
        }

        @Test func aTaskThatIsCancelledAlreadySendsNothing() async throws {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                let task = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await connection.execute("INSERT INTO t VALUES (1)")
                }
                #expect(await failure { _ = try await task.value }?.code == .cancelled)
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 0)
            }
        }

        /// With a frozen node, connects end at once when cancelled or overdue, and statements at their deadline.
        /// If the server does not stop a statement, only the connection is closed.
        @Test func aFrozenNodeHoldsUpNobody() async throws {
            try await withLocalCluster(.init(nodes: 1)) { cluster in
                let options = try cluster.options([1])
                let connection = try await ApusConnection.connect(options)
                let other = try await ApusConnection.connect(options)
                try await cluster.freeze(1)

                var start = clock.now
                let connect = Task { try await ApusConnection.connect(options) }
                // A sleep, because the frozen server cannot be asked whether the connect waits.
                try await Task.sleep(for: .milliseconds(100))
                connect.cancel()
                #expect(await failure { _ = try await connect.value }?.code == .cancelled)
                #expect(
                    await failure { _ = try await ApusConnection.connect(options, timeout: .milliseconds(300)) }?.code
                        == .timeout)
                #expect(clock.now - start < .seconds(9))

                start = clock.now
                let overdue = await failure { try await connection.execute("SELECT 1", timeout: .milliseconds(200)) }
                #expect(overdue?.code == .timeout)
                #expect(clock.now - start < .seconds(9))

                let task = Task { try await other.execute("SELECT 1") }
                try await untilSent(1, on: other)
                start = clock.now
                task.cancel()
                #expect(await failure { _ = try await task.value }?.code == .connectionLost)
                #expect(clock.now - start < .seconds(20))
                #expect(other.isClosed)
                #expect(try await eventually { connection.isClosed })
                try await cluster.thaw(1)
            }
        }
    }
}
