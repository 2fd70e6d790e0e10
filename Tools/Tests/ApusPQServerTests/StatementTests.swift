import ApusLocalCluster
import ApusWaiting
import CApusLibPQ
import Testing

@testable import ApusPQ

@Suite(.serialized) struct StatementTests {
    @Test func severalStatementsAnswerInTurn() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            let answers = try connection.ask(
                "SELECT 1 AS a, NULL AS b; CREATE TEMP TABLE t (i int); INSERT INTO t VALUES (1), (2)")
            #expect(answers.map(\.tag) == ["SELECT 1", "CREATE TABLE", "INSERT 0 2"])
            #expect(answers[0].rows == [["1", nil]])
        }
    }

    @Test func everyFieldOfAnErrorArrives() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            _ = try connection.ask("CREATE TEMP TABLE t (i int CONSTRAINT positive CHECK (i > 0))")
            let error = try #require(try connection.ask("INSERT INTO t VALUES (-1)").first?.error)
            let server = try #require(error.server)
            #expect(error.kind == .server)
            #expect(error.sqlState == .checkViolation && error.sqlState?.errorClass == "23")
            #expect(server.severityNonlocalized == "ERROR" && server.constraintName == "positive")
            #expect(server.tableName == "t" && server.detail?.contains("(-1)") == true)
            #expect(server.sourceFile != nil && server.sourceLine != nil && server.sourceFunction == "ExecConstraints")
            let syntax = try #require(try connection.ask("SELECT +").first?.error?.server)
            #expect(syntax.statementPosition == "9" && syntax.sqlState == .syntaxError)
            let hint = try #require(try connection.ask("SELECT nothing(1)").first?.error?.server)
            #expect(hint.hint != nil && hint.sqlState == .undefinedFunction)
            #expect(try connection.ask("SELECT 1").first?.rows == [["1"]])
        }
    }

    @Test func noticesAreKept() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            _ = try connection.ask("DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two' USING HINT = 'three'; END $$")
            let notices = connection.takeNotices()
            #expect(notices.map(\.primary) == ["one", "two"])
            #expect(notices.last?.hint == "three" && notices.first?.text == "NOTICE:  one\n")
            #expect(connection.takeNotices().isEmpty)
        }
    }

    @Test func parametersTravelInBothFormats() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            var parameters = PQParameters()
            parameters.append(type: 23, binary: true) { $0 += [0, 0, 1, 0] }
            parameters.append(type: 25, binary: false) { $0 += Array("it's".utf8) }
            parameters.append(type: 17, binary: true) { _ in }
            parameters.appendNull(type: 25)
            try connection.send(
                query: "SELECT $1, $2, octet_length($3), $4", parameters: parameters, binaryResults: false)
            #expect(try connection.answers().first?.rows == [["256", "it's", "0", nil]])
        }
    }

    @Test func aPipelineKeepsItsUnitsApart() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            try connection.enterPipelineMode()
            for query in ["SELECT 1", "SELECT 1/0", "SELECT 3"] {
                try connection.send(query: query, parameters: PQParameters(), binaryResults: false)
                try connection.sendPipelineSync()
            }
            var rows: [String] = []
            while rows.count < 3 {
                let answers = try connection.answers()
                for answer in answers where answer.status != .pipelineSync {
                    rows.append(answer.rows.first?.first.flatMap { $0 } ?? answer.error?.sqlState?.rawValue ?? "")
                }
            }
            #expect(rows == ["1", "22012", "3"])
        }
    }

    /// More than the buffers of the socket and of libpq hold: written while the answer is read.
    @Test func aLargeStatementAndALargeAnswer() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            let text = String(repeating: "x", count: 8_000_000)
            let answer = try connection.ask("SELECT '\(text)'").first
            #expect(answer?.rows.first?.first??.utf8.count == 8_000_000)
        }
    }

    @Test func copyBothWays() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            _ = try connection.ask("CREATE TEMP TABLE t (a int, b text)")
            #expect(try connection.ask("COPY t FROM STDIN").first?.status == .copyIn)
            let rows = (0..<50_000).map { "\($0)\trow \($0)\n" }.joined()
            var sent = false
            while !sent {
                switch try Array(rows.utf8).withUnsafeBytes({ try connection.sendCopyData($0) }) {
                case .wait(let wait): _ = BlockingWaiter.wait(for: wait)
                case .done: sent = true
                }
            }
            while case .wait(let wait) = try connection.sendCopyEnd() { _ = BlockingWaiter.wait(for: wait) }
            #expect(try connection.answers().first?.tag == "COPY 50000")

            #expect(try connection.ask("COPY t TO STDOUT").first?.status == .copyOut)
            var received = ""
            var isOver = false
            while !isOver {
                switch try connection.nextCopyData() {
                case .wait(let wait): _ = BlockingWaiter.wait(for: wait)
                case .done(.end): isOver = true
                case .done(.data(let data)): received += String(decoding: data.bytes, as: UTF8.self)
                }
            }
            #expect(received == rows)
            #expect(try connection.answers().first?.tag == "COPY 50000")
        }
    }

    @Test func notificationsArrive() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var listener = try cluster.connect()
            var speaker = try cluster.connect()
            _ = try listener.ask("LISTEN news")
            _ = try speaker.ask("NOTIFY news, 'payload'")
            _ = BlockingWaiter.wait(
                for: Wait(descriptor: listener.descriptor, interest: .read, deadline: Monotonic.now + .seconds(10)))
            try listener.consumeInput()
            let pid = speaker.backendPID
            #expect(listener.takeNotification() == PQNotification(channel: "news", payload: "payload", backendPID: pid))
            #expect(listener.takeNotification() == nil)
        }
    }

    @Test func cancelEndsAStatementAndLeavesTheSession() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            try connection.send(query: "SELECT pg_sleep(600)")
            _ = try connection.nextResult()
            // A request that overtakes its statement has no effect.
            var observer = try cluster.connect()
            let isRunning =
                "SELECT 1 FROM pg_stat_activity WHERE pid = \(connection.backendPID) AND wait_event = 'PgSleep'"
            #expect(try await eventually { try observer.ask(isRunning).first?.rows.isEmpty == false })
            var cancel = try CancelMachine(connection, deadline: Monotonic.now + .seconds(10))
            try BlockingWaiter.run(&cancel)
            #expect(try connection.answers().first?.error?.sqlState == .queryCanceled)
            #expect(try connection.ask("SELECT 1").first?.rows == [["1"]])
        }
    }

    /// A node that hangs does not delay the caller of cancel.
    @Test func cancelHonoursItsDeadline() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            let connection = try cluster.connect()
            try await cluster.freeze(1)
            var cancel = try CancelMachine(connection, deadline: Monotonic.now + .milliseconds(300))
            let error = #expect(throws: PQError.self) { try BlockingWaiter.run(&cancel) }
            #expect(error?.kind == .deadline)
            try await cluster.thaw(1)
        }
    }

    @Test func aLostConnectionSaysSo() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            var other = try cluster.connect()
            _ = try other.ask("SELECT pg_terminate_backend(\(connection.backendPID))")
            var failure: PQError?
            do { failure = try connection.ask("SELECT 1").first?.error } catch let error as PQError { failure = error }
            #expect(failure?.sqlState == .adminShutdown || failure?.kind == .connectionLost)
            #expect(failure?.message.isEmpty == false)
        }
    }

    /// libpq closes its socket then, and a further call fails with "invalid socket".
    @Test(arguments: ["disable", "require"])
    func theWordsAboutALostConnectionAreAboutTheLoss(_ encryption: String) async throws {
        try await withLocalCluster(.init(nodes: 1, encryption: .offered)) { cluster in
            var connection = try cluster.connect(1, ["sslmode": encryption])
            // Answers received before are returned first.
            try connection.enterPipelineMode()
            for query in ["SELECT 'before'", "SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 'after'"] {
                try connection.send(query: query, parameters: PQParameters(), binaryResults: false)
                try connection.sendPipelineSync()
            }
            var words: [String] = []
            let failure = #expect(throws: PQError.self) {
                for _ in 0..<20 {
                    let answer = try connection.answers()
                    words += answer.compactMap { $0.rows.first?.first ?? $0.error?.message }
                }
            }
            #expect(words.first == "before")
            #expect(!words.contains("after"))
            #expect(failure?.kind == .connectionLost)
            for text in [failure?.message ?? "", connection.errorMessage] {
                #expect(text.contains("closed") || text.contains("reset"), "\(text)")
                #expect(!text.contains("invalid socket") && !text.contains("not open"), "\(text)")
            }
            // At every further call.
            #expect(throws: PQError.self) { try connection.send(query: "SELECT 1") }
            #expect(connection.errorMessage.contains("closed") || connection.errorMessage.contains("reset"))
        }
    }

    @Test func quoting() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            let text = #"it's "a" \ path é"#
            let query = "SELECT \(try connection.literal(text)) AS \(try connection.identifier(#"a "b""#))"
            #expect(try connection.ask(query).first?.rows == [[text]])
            #expect(
                try connection.encrypted(password: "p", user: "u", algorithm: "scram-sha-256").hasPrefix(
                    "SCRAM-SHA-256$"))
        }
    }
}
