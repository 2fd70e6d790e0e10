import ApusLocalCluster
import Dispatch
import Synchronization
import Testing

@testable import Apus

extension AllTests {
    /// Messages of the server are not lost with the connection.
    @Suite struct LossTests {
        @Test func whatCameBeforeTheLossIsHandedOver() async throws {
            let server = try ScriptedServer { client in
                client.send(
                    ScriptedServer.notification("colony", "one"), ScriptedServer.notice("rain is near"),
                    ScriptedServer.notification("colony", "two"), ScriptedServer.notification("colony", "three"))
            }
            let keeper = LogKeeper()
            let notices = Mutex<[String]>([])
            var options = server.options
            options.onNotice = { notice in notices.withLock { $0.append(notice.primary ?? "") } }
            let connection = try await ApusConnection.connect(options, logger: keeper.logger)
            #expect(try await eventually { keeper.all.contains { $0.contains("connection lost") } })
            #expect(connection.isClosed)
            #expect(notices.withLock { $0 } == ["rain is near"])
            let arrived = keeper.all.filter { $0.contains("a notification arrived") }
            try #require(arrived.count == 3)
            for (line, payload) in zip(arrived, ["one", "two", "three"]) { #expect(line.contains(payload)) }
            // In the server's order.
            #expect(keeper.all.last?.contains("connection lost") == true)
        }

        /// Notices may arrive together with the end of the handshake; then the socket does not become readable.
        @Test func whatComesWithTheHandshakeIsHandedOver() async throws {
            let server = try ScriptedServer(greeting: ScriptedServer.notification("colony", "early")) {
                $0.waitForEnd()
            }
            let keeper = LogKeeper()
            let connection = try await ApusConnection.connect(server.options, logger: keeper.logger)
            #expect(try await eventually { keeper.all.contains { $0.contains("early") } })
            await connection.close()
        }

        /// The thread that opened the connection reports the first notice, while the loop reads the second.
        @Test func theOrderIsTheServers() async throws {
            let firstIsThere = DispatchSemaphore(value: 0)
            let secondIsTold = DispatchSemaphore(value: 0)
            let server = try ScriptedServer(greeting: ScriptedServer.notice("one")) { client in
                firstIsThere.wait()
                client.send(ScriptedServer.notice("two"))
                client.waitForEnd()
            }
            let notices = Mutex<[String]>([])
            var options = server.options
            options.onNotice = { notice in
                if notice.primary == "one" {
                    firstIsThere.signal()
                    // Gives the loop time to overtake, if that is possible.
                    _ = secondIsTold.wait(timeout: .now() + 0.5)
                }
                notices.withLock { $0.append(notice.primary ?? "") }
                if notice.primary == "two" { secondIsTold.signal() }
            }
            let connection = try await ApusConnection.connect(options)
            #expect(try await eventually { notices.withLock { $0.count == 2 } })
            #expect(notices.withLock { $0 } == ["one", "two"])
            await connection.close()
        }

        @Test func noticesBeforeAnIdleServersGoodbye() async throws {
            let mayEnd = DispatchSemaphore(value: 0)
            let server = try ScriptedServer { client in
                client.send(ScriptedServer.notice("first"), ScriptedServer.fatal("the swifts leave"))
                mayEnd.wait()
            }
            let notices = Mutex<[String]>([])
            var options = server.options
            options.onNotice = { notice in notices.withLock { $0.append(notice.primary ?? "") } }
            let connection = try await ApusConnection.connect(options)
            // Sent before the socket is closed. The loss names it as the reason, although it was read before.
            #expect(try await eventually { notices.withLock { $0 } == ["first", "the swifts leave"] })
            #expect(!connection.isClosed)
            mayEnd.signal()
            #expect(try await eventually { connection.isClosed })
            let error = await failure { try await connection.execute("SELECT 1") }
            #expect(error?.code == .connectionLost)
            #expect(error?.message == "the swifts leave")
            #expect(error?.sqlState == .adminShutdown)
        }

        /// Notices before a statement that closes the connection are not lost.
        @Test func noticesBeforeACopyThatIsRefused() async throws {
            let server = try ScriptedServer { client in
                _ = client.readStatement()
                // CopyOutResponse: text, no columns.
                client.send(ScriptedServer.notice("before the copy"), ScriptedServer.message("H", [0, 0, 0]))
                client.waitForEnd()
            }
            let notices = Mutex<[String]>([])
            var options = server.options
            options.onNotice = { notice in notices.withLock { $0.append(notice.primary ?? "") } }
            let connection = try await ApusConnection.connect(options)
            let error = await failure { try await connection.executeScript("COPY t TO STDOUT", timeout: .seconds(10)) }
            #expect(error?.code == .usage)
            #expect(notices.withLock { $0 } == ["before the copy"])
        }

        /// Errors without a SQLSTATE, which poolers send and libpq makes itself, are errors, too.
        @Test func errorsWithoutASQLSTATE() async throws {
            let server = try ScriptedServer { client in
                while client.readStatement() {
                    client.send(ScriptedServer.error(state: nil, "no server is left in the pool"), ScriptedServer.ready)
                }
            }
            let connection = try await ApusConnection.connect(server.options)
            let error = await failure { try await connection.execute("DELETE FROM t", timeout: .seconds(10)) }
            #expect(error?.code == .server)
            #expect(error?.message.contains("no server is left in the pool") == true)
            #expect(!connection.isClosed)
            await connection.close()
        }

        /// The program's logger is called without the connection's lock, so that it may use the connection.
        @Test func aLoggerMayAskTheConnection() async throws {
            let server = try ScriptedServer { client in client.waitForEnd() }
            let asking = AskingLogger()
            let connection = try await ApusConnection.connect(server.options, logger: asking.logger)
            asking.connection.withLock { $0 = connection }
            let task = Task { try await connection.execute("SELECT 1") }
            #expect(try await eventually { connection.core.state.withLock { !$0.inFlight.isEmpty } })
            server.stopListening()
            task.cancel()
            // The cancel cannot be delivered, which is logged.
            #expect(try await eventually { asking.answers.withLock { $0 } == [false] })
            asking.connection.withLock { $0 = nil }
            await connection.close()
            #expect(await failure { _ = try await task.value }?.code == .connectionClosed)
        }
    }
}
