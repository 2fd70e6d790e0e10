import ApusLocalCluster
import Dispatch
import Synchronization
import Testing

@testable import Apus

extension AllTests {
    /// How a transaction, or a part of it, ends after a failure.
    @Suite struct RollbackTests {
        private struct Regret: Error, Equatable {}

        /// The error of the closure is thrown, whether or not the rollback succeeds.
        @Test func theClosuresErrorIsThrownWhenTheRollbackFails() async throws {
            let keeper = LogKeeper()
            try await withConnection(logger: keeper.logger) { connection in
                await #expect(throws: Regret.self) {
                    try await connection.transaction { transaction in
                        try await transaction.savepoint { part in
                            // The savepoint does not exist any more.
                            try await part.execute("ROLLBACK")
                            throw Regret()
                        }
                    }
                }
                #expect(keeper.all.contains { $0.contains("a rollback failed") })
                let after = try await connection.first("SELECT 1", as: Int.self)
                #expect(after == 1)
            }
        }

        @Test func theClosuresErrorIsThrownWhenTheConnectionIsLost() async throws {
            try await withConnection { killer in
                for isPart in [true, false] {
                    let connection = try await ApusConnection.connect(try await Servers.options)
                    await #expect(throws: Regret.self) {
                        try await connection.transaction { transaction in
                            let end = {
                                try await killer.execute("SELECT pg_terminate_backend(\(connection.backendPID))")
                                #expect(try await eventually { connection.isClosed })
                                throw Regret()
                            }
                            if isPart { try await transaction.savepoint { _ in try await end() } }
                            try await end()
                        }
                    }
                    #expect(await failure { try await connection.execute("SELECT 1") }?.code == .connectionLost)
                }
            }
        }

        /// The part of a closure that hid an error is rolled back; the transaction goes on without it.
        @Test func aPartThatHidAnErrorIsUndone() async throws {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                try await connection.transaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    let error = await failure {
                        try await transaction.savepoint { part in
                            try await part.execute("INSERT INTO t VALUES (2)")
                            _ = try? await part.execute("SELECT 1/0")
                        }
                    }
                    #expect(error?.code == .transaction)
                    #expect((error?.underlying as? ApusError)?.sqlState == "25P02")
                    try await transaction.execute("INSERT INTO t VALUES (3)")
                }
                #expect(try await connection.all("SELECT id FROM t ORDER BY id", as: Int.self) == [1, 3])
            }
        }

        @Test func aCommitThatFailsLeavesTheConnectionUsable() async throws {
            try await withConnection { connection in
                try await connection.executeScript(
                    """
                    CREATE TEMP TABLE parent (id int PRIMARY KEY);
                    CREATE TEMP TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
                    """)
                let error = await failure {
                    _ = try await connection.transaction { try await $0.execute("INSERT INTO child VALUES (1)") }
                }
                #expect(error?.sqlState == .foreignKeyViolation)
                _ = try await connection.transaction { try await $0.execute("INSERT INTO parent VALUES (1)") }
                #expect(try await connection.first("SELECT count(*) FROM parent", as: Int.self) == 1)
            }
        }

        /// The caller of `transaction` leaves at its deadline, but the server begins one: the next statements must not
        /// become a part of it, because it would never be committed.
        @Test func aBeginThatCameTooLateIsUndone() async throws {
            try await withLocalCluster(.init(nodes: 1, delayable: true)) { cluster in
                let connection = try await ApusConnection.connect(try cluster.options([1]))
                try await connection.execute("CREATE TABLE kept (id int)")
                try await cluster.delay(1, by: .seconds(1))
                let overdue = await failure {
                    try await connection.transaction(timeout: .milliseconds(200)) { _ in }
                }
                #expect(overdue?.code == .timeout)
                // It waits for the rollback.
                try await connection.execute("INSERT INTO kept VALUES (1)")
                try await cluster.delay(1, by: .zero)
                await connection.close()
                let other = try await ApusConnection.connect(try cluster.options([1]))
                #expect(try await other.first("SELECT count(*) FROM kept", as: Int.self) == 1)
                await other.close()
            }
        }

        /// If the server never answers the rollback, the statements that wait for it must not wait for ever.
        @Test(.timeLimit(.minutes(1))) func aBeginThatCameTooLateAndIsNotUndoneCostsTheConnection() async throws {
            let isOverdue = DispatchSemaphore(value: 0)
            let server = try ScriptedServer { client in
                guard client.readStatement() else { return }
                isOverdue.wait()
                client.send(
                    ScriptedServer.message("1", []), ScriptedServer.message("2", []), ScriptedServer.message("n", []),
                    ScriptedServer.message("C", Array("BEGIN".utf8) + [0]),
                    ScriptedServer.message("Z", Array("T".utf8)))
                client.waitForEnd()
            }
            let connection = try await ApusConnection.connect(server.options)
            let overdue = await failure {
                try await connection.transaction(timeout: .milliseconds(100)) { _ in }
            }
            #expect(overdue?.code == .timeout)
            let start = ContinuousClock.now
            isOverdue.signal()
            let error = await failure { try await connection.execute("SELECT 1") }
            #expect(error?.code == .connectionLost)
            #expect(error?.message.contains("did not roll back") == true)
            #expect(connection.isClosed)
            #expect(ContinuousClock.now - start < .seconds(30))
        }

        /// The same behind another task's statement, which goes on undisturbed.
        @Test func aBeginThatIsCancelledInThePipelineIsUndone() async throws {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                let slow = Task { try await connection.execute("SELECT pg_sleep(2)") }
                #expect(try await eventually { connection.core.state.withLock { $0.inFlight.count == 1 } })
                let transaction = Task { try await connection.transaction { _ in } }
                #expect(try await eventually { connection.core.state.withLock { $0.inFlight.count == 2 } })
                let start = ContinuousClock.now
                transaction.cancel()
                #expect(await failure { try await transaction.value }?.code == .cancelled)
                #expect(ContinuousClock.now - start < .seconds(1.5))
                try await connection.execute("INSERT INTO t VALUES (1)")
                #expect(try await slow.value.affectedRows == 1)
                // In a transaction it would be aborted by this, and the row gone.
                _ = await failure { try await connection.execute("SELECT 1/0") }
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 1)
                #expect(try await connection.transaction { try await $0.first("SELECT 5", as: Int.self) } == 5)
            }
        }

        /// Answers other than the completion of `BEGIN` or `COMMIT` are not taken for it.
        @Test(arguments: ["BEGIN", "COMMIT"], [nil, "SELECT 1", "INSERT 0 1"] as [String?])
        func anAnswerThatIsNoCompletionOfTheCommand(_ command: String, _ tag: String?) async throws {
            let asked = Mutex<[String]>([])
            let server = try ScriptedServer { client in
                while let statement = client.readParsed() {
                    asked.withLock { $0.append(statement) }
                    let own = statement.split(separator: " ").first.map(String.init) ?? ""
                    let completion = own == command ? tag : own
                    client.send(
                        ScriptedServer.message("1", []), ScriptedServer.message("2", []),
                        ScriptedServer.message("n", []),
                        completion.map { ScriptedServer.message("C", Array($0.utf8) + [0]) }
                            ?? ScriptedServer.message("I", []),
                        ScriptedServer.ready)
                }
            }
            let connection = try await ApusConnection.connect(server.options)
            let entered = Mutex(false)
            let error = await failure {
                try await connection.transaction { transaction in
                    entered.withLock { $0 = true }
                    try await transaction.execute("INSERT")
                }
            }
            #expect(error?.code == .transaction)
            #expect(
                error?.message == "the server answered \(command) with \(tag.map { "\"\($0)\"" } ?? "no command tag")")
            #expect(entered.withLock { $0 } == (command == "COMMIT"))
            // It goes on without the transaction.
            #expect(try await connection.execute("UPDATE").text == "UPDATE")
            let expected = command == "BEGIN" ? [] : ["INSERT", "COMMIT"]
            #expect(asked.withLock { $0 } == ["BEGIN"] + expected + ["ROLLBACK", "UPDATE"])
            await connection.close()
        }

        /// A node that hangs during a rollback causes the loss of the connection after a bounded time, even if the task
        /// is cancelled; the error of the closure is thrown.
        @Test(.timeLimit(.minutes(2))) func aRollbackOnAFrozenNodeEnds() async throws {
            try await withLocalCluster(.init(nodes: 1)) { cluster in
                let options = try cluster.options([1])
                let connections = [
                    try await ApusConnection.connect(options), try await ApusConnection.connect(options),
                ]
                let isFrozen = AsyncStream.makeStream(of: Void.self)
                let inside = AsyncStream.makeStream(of: Void.self)
                let tasks = connections.enumerated().map { number, connection in
                    Task {
                        try await connection.transaction { transaction in
                            try await transaction.execute("SELECT 1")
                            let end = {
                                inside.continuation.yield()
                                // A cancelled task ends the loop at once.
                                for await _ in isFrozen.stream { break }
                                throw Regret()
                            }
                            if number == 0 { try await end() }
                            try await transaction.savepoint { _ in try await end() }
                        }
                    }
                }
                var entered = 0
                for await _ in inside.stream {
                    entered += 1
                    if entered == 2 { break }
                }
                try await cluster.freeze(1)
                let start = ContinuousClock.now
                for task in tasks { task.cancel() }
                for task in tasks { await #expect(throws: Regret.self) { try await task.value } }
                #expect(ContinuousClock.now - start < .seconds(45))
                for connection in connections {
                    #expect(connection.isClosed)
                    #expect(await failure { try await connection.execute("SELECT 1") }?.code == .connectionLost)
                }
                try await cluster.thaw(1)
            }
        }
    }
}
