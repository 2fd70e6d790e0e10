import ApusLocalCluster
import Testing

@testable import Apus

extension AllTests {
    @Suite struct ConnectionTests {
        @Test func connectsByAnyForm() async throws {
            let node = try await Servers.cluster.node(1)
            let user = LocalCluster.user
            let forms: [String] = [
                "host=\(node.address) port=\(node.port) user=\(user) dbname=\(LocalCluster.database)",
                "postgresql://\(user)@\(node.address):\(node.port)/\(LocalCluster.database)",
                "postgresql://\(user)@\(node.address)/\(LocalCluster.database)?load_balance=true",
            ]
            for form in forms {
                let connection = try await ApusConnection.connect(form)
                #expect(try await connection.first("SELECT current_user::text", as: String.self) == user)
                #expect(connection.node.port == node.port)
                #expect(connection.serverVersion > 90_000)
                #expect(connection.backendPID > 0)
                await connection.close()
                #expect(connection.isClosed)
                #expect(await failure { try await connection.execute("SELECT 1") }?.code == .connectionClosed)
            }
        }

        @Test func failuresSayWhatHappened() async throws {
            var options = try await Servers.options
            options.database = "nothing_of_that_name"
            let database = await failure { _ = try await ApusConnection.connect(options) }
            #expect(database?.code == .connectFailed)
            #expect(database?.sqlState == .invalidCatalogName)
            #expect(database?.message.contains("nothing_of_that_name") == true)

            options = try await Servers.options
            options.port = 1
            #expect(await failure { _ = try await ApusConnection.connect(options) }?.code == .connectFailed)

            let keyword = await failure { _ = try await ApusConnection.connect("hots=x") }
            #expect(keyword?.code == .options)
            #expect(keyword?.message.contains("hots") == true)
            options.loadBalance = "sometimes"
            let mode = await failure { _ = try await ApusConnection.connect(options) }
            #expect(mode?.code == .options)
            #expect(mode?.message.contains("sometimes") == true)
        }

        @Test func balancedConnectionsSpreadEvenly() async throws {
            try await withLocalCluster(.init(nodes: 3, placements: ["c.r.z1", "c.r.z2", "c.r.z3"])) { cluster in
                let options = try cluster.options([1], loadBalance: "true")
                let connections = try await withThrowingTaskGroup(of: ApusConnection.self) { group in
                    for _ in 0..<12 { group.addTask { try await ApusConnection.connect(options) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                var counts: [String: Int] = [:]
                for connection in connections {
                    counts[connection.node.host, default: 0] += 1
                    let address = try await connection.first("SELECT host(inet_server_addr())", as: String.self)
                    #expect(address == connection.node.address)
                    #expect(connection.node.placement?.region == "r")
                    #expect(connection.node.isReadReplica == false)
                }
                #expect(counts.values.sorted() == [4, 4, 4])
                for connection in connections where connection.node.host == cluster.nodes[0].address {
                    await connection.close()
                }
                // The reservations on the first node were released.
                let next = try await ApusConnection.connect(options)
                #expect(next.node.host == cluster.nodes[0].address)

                // When a node dies, its connections break, and new ones are opened to other nodes.
                let lost = try #require(connections.first { $0.node.host == cluster.nodes[1].address })
                try await cluster.kill(2)
                #expect(await failure { try await lost.execute("SELECT 1") }?.code == .connectionLost)
                for _ in 0..<4 {
                    let connection = try await ApusConnection.connect(options)
                    #expect(connection.node.host != cluster.nodes[1].address)
                }
                for connection in connections { await connection.close() }
            }
        }

        /// One loop waits for several sockets and for the time-out of the whole connect.
        @Test func frozenNodesCostAMomentAndNotTheirTimeout() async throws {
            try await withLocalCluster(.init(nodes: 3)) { cluster in
                var options = try cluster.options([1], loadBalance: "true")
                options["connect_timeout"] = "2"
                let connections = try await [
                    ApusConnection.connect(options), ApusConnection.connect(options), ApusConnection.connect(options),
                ]
                let address = cluster.nodes[1].address
                try await cluster.freeze(2)
                await connections.first { $0.node.host == address }?.close()
                let clock = ContinuousClock()
                let started = clock.now
                let next = try await ApusConnection.connect(options)
                #expect(clock.now - started < .milliseconds(1800))
                #expect(next.node.host != address)

                options["connect_timeout"] = "1"
                try await cluster.freeze(1)
                try await cluster.freeze(3)
                let all = clock.now
                let error = await failure { _ = try await ApusConnection.connect(options) }
                #expect(clock.now - all < .seconds(5))
                #expect(error?.code == .connectFailed)
                #expect(error?.message.hasPrefix("Could not find a server to connect to. ") == true)
                for node in cluster.nodes { #expect(error?.message.contains(node.address) == true) }
                for number in 1...3 { try await cluster.thaw(number) }
            }
        }

        @Test func optionsShowNoPassword() async throws {
            var options: ApusOptions = "host=h password='s3cret word' sslpassword=s3cret load_balance=true"
            options.password = "s3cret"
            options["sslpassword"] = "s3cret"
            var text = "\(options) \(String(reflecting: options))"
            dump(options, to: &text)
            options.connectionString = "postgresql://u:s3cret%zz@h/d"
            text += "\(options)"
            dump(options, to: &text)
            #expect(!text.contains("s3cret"), "\(text)")
            #expect(text.contains("host=h") && text.contains("load_balance=true"))
            let error = await failure { _ = try await ApusConnection.connect(options) }
            #expect(error?.code == .options)
            #expect(error.map { "\($0)".contains("s3cret") } == false, "\(String(describing: error))")
        }

        @Test func aBrokenConnectionSaysSo() async throws {
            try await withConnection { killer in
                let keeper = LogKeeper()
                let victim = try await ApusConnection.connect(try await Servers.options, logger: keeper.logger)
                let waiting = Task { try await victim.execute("SELECT pg_sleep(60)") }
                // Tasks may begin in any order.
                try await untilSent(1, on: victim)
                let behind = Task { try await victim.execute("SELECT 1") }
                try await untilSent(2, on: victim)
                try await killer.execute("SELECT pg_terminate_backend(\(victim.backendPID))")
                let error = await failure { _ = try await waiting.value }
                #expect(error?.code == .connectionLost)
                #expect(error?.sqlState == .adminShutdown)
                #expect(error?.message.contains("terminating connection") == true)
                #expect(await failure { _ = try await behind.value }?.code == .connectionLost)
                #expect(await failure { try await victim.execute("SELECT 1") }?.code == .connectionLost)
                #expect(keeper.all.contains { $0.contains("connection lost") })

                // While no statement is executed.
                let idle = try await ApusConnection.connect(try await Servers.options)
                try await killer.execute("SELECT pg_terminate_backend(\(idle.backendPID))")
                #expect(try await eventually { idle.isClosed })
                #expect(await failure { try await idle.execute("SELECT 1") }?.sqlState == .adminShutdown)
            }
        }

        @Test func closingWakesWhoWaits() async throws {
            let connection = try await ApusConnection.connect(try await Servers.options)
            let waiting = Task { try await connection.execute("SELECT pg_sleep(60)") }
            try await untilSent(1, on: connection)
            await connection.close()
            #expect(await failure { _ = try await waiting.value }?.code == .connectionClosed)
            await connection.close()
        }

        @Test func lettingGoCloses() async throws {
            try await withConnection { observer in
                var pid: Int32 = 0
                func isThere() async throws -> Bool {
                    try await observer.first("SELECT count(*) FROM pg_stat_activity WHERE pid = \(pid)", as: Int.self)
                        == 1
                }
                do {
                    let connection = try await ApusConnection.connect(try await Servers.options)
                    pid = connection.backendPID
                    #expect(try await isThere())
                    withExtendedLifetime(connection) {}
                }
                #expect(try await eventually { try await isThere() == false })

                // The rows retain the connection.
                var rows: ApusRows? = try await ApusConnection.connect(try await Servers.options)
                    .query("SELECT pg_backend_pid() FROM generate_series(1, 100000)")
                #expect(try await rows?.collect().count == 100_000)
                pid = try #require(
                    try await observer.first(
                        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%100000)' AND pid <> pg_backend_pid() AND query NOT LIKE '%LIKE%'",
                        as: Int32.self))
                rows = nil
                #expect(try await eventually { try await isThere() == false })
            }
        }

        @Test func aServerWithoutServersIsPlain() async throws {
            try await withLocalCluster(.init(nodes: 1, serversFunction: .absent)) { cluster in
                let keeper = LogKeeper()
                let connection = try await ApusConnection.connect(
                    try cluster.options([1], loadBalance: "true"), logger: keeper.logger)
                #expect(keeper.all.contains { $0.hasPrefix("warning") && $0.contains("yb_servers()") })
                #expect(connection.node.placement == nil)
                await connection.close()
            }
        }
    }
}
