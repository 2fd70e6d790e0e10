import ApusLocalCluster
import Testing

@testable import ApusPQ

@Suite(.serialized) struct ConnectTests {
    @Test func failuresAreSortedByWhatToDoAboutThem() async throws {
        try await withLocalCluster(.init(nodes: 1, authentication: .scram)) { cluster in
            func check(
                _ more: [String: String], _ reason: ConnectFailure.Reason, _ state: SQLState?, _ words: String
            ) throws {
                let failure = try #require(try cluster.failure(1, more))
                #expect(failure.reason == reason && failure.sqlState == state, "\(failure)")
                #expect(failure.message.contains(words) && !failure.message.hasSuffix("\n"), "\(failure)")
                #expect(
                    !failure.message.contains("LOCATION")
                        && !(state.map { failure.message.contains($0.rawValue) } ?? false))
            }
            try check(
                ["password": "wrong"], .rejected, .invalidPassword,
                "password authentication failed for user \"yugabyte\"")
            try check(["dbname": "nowhere"], .rejected, .invalidCatalogName, "database \"nowhere\" does not exist")
            try check(["options": "-c nonsense.setting"], .rejected, .syntaxError, "nonsense")
            try check(["port": "1"], .unreachable, nil, "failed")
            try check(["host": "no.such.host.invalid"], .unreachable, nil, "no.such.host.invalid")
            try check(["sslmode": "require"], .unsuitable, nil, "SSL")
            try check(["sslmode": "nonsense"], .invalidOptions, nil, "nonsense")
            try check(["target_session_attrs": "read-only"], .unsuitable, nil, "read-only")
            let missing = try #require(try cluster.failure(1, ["password": "", "passfile": "/dev/null"]))
            #expect(missing.reason == .rejected && missing.needsPassword)
        }
    }

    @Test func aNodeThatHangsTimesOut() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            try await cluster.freeze(1)
            let start = Monotonic.now
            let failure = try #require(try cluster.failure(1, timeout: .milliseconds(400)))
            #expect(failure.reason == .timedOut && failure.message.contains("timeout expired"), "\(failure)")
            #expect(Monotonic.now - start >= .milliseconds(400))
            // The next host of a list is tried, as with PQconnectdb.
            let hosts = "\(try cluster.node(1).address),\(try cluster.node(2).address)"
            let connection = try cluster.connect(1, ["host": hosts], timeout: .milliseconds(400))
            #expect(connection.hostAddress == (try cluster.node(2).address))
            try await cluster.thaw(1)
        }
    }

    /// Time is a parameter: a machine that is told that its deadline has come gives up without waiting.
    @Test func theClockIsAParameter() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            try await cluster.freeze(1)
            var machine = ConnectMachine(parameters: try cluster.parameters(1), timeout: .seconds(3600))
            let first = try machine.advance(now: .seconds(1))
            #expect(first?.deadline == .seconds(3601))
            let error = #expect(throws: ConnectFailure.self) { _ = try machine.advance(now: .seconds(3602)) }
            #expect(error?.reason == .timedOut)
            try await cluster.thaw(1)
        }
    }

    @Test func aServerThatIsShutDownOrCutOffIsToldApart() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            try await cluster.kill(1)
            #expect(try cluster.failure(1)?.reason == .unreachable)
        }
    }

    @Test func connectTimeoutsAreRead() throws {
        #expect(try ConnectMachine.timeout(from: nil) == nil)
        #expect(try ConnectMachine.timeout(from: " 7 ") == .seconds(7))
        #expect(try ConnectMachine.timeout(from: "0") == nil)
        #expect(try ConnectMachine.timeout(from: "-1") == nil)
        #expect(throws: PQError.self) { try ConnectMachine.timeout(from: "1.5") }
        #expect(throws: PQError.self) { try ConnectMachine.timeout(from: "1 x") }
    }
}

@Suite struct VerboseMessageTests {
    @Test func theCodeIsTakenOutAndTheRestStays() {
        let message = VerboseMessage(
            "connection to server at \"h\" (10.0.0.1), port 5433 failed: FATAL:  28P01: password authentication failed\n"
                + "DETAIL:  more: 12345: text\nLOCATION:  auth_failed, auth.c:326\n")
        #expect(message.sqlState == .invalidPassword)
        #expect(
            message.text
                == "connection to server at \"h\" (10.0.0.1), port 5433 failed: FATAL:  password authentication failed\n"
                + "DETAIL:  more: 12345: text")
    }

    @Test func translatedWordsAndOtherLinesAreLeftAlone() {
        let german = VerboseMessage(
            "FEHLER:  3D000: Datenbank »x« existiert nicht\nORT:  InitPostgres, postinit.c:941\n")
        #expect(german.sqlState == .invalidCatalogName && german.text == "FEHLER:  Datenbank »x« existiert nicht")
        let none = VerboseMessage("could not translate host name \"a:  b\" to address: Name or service not known\n")
        #expect(none.sqlState == nil && none.text.hasSuffix("not known"))
        let several = VerboseMessage(
            "a failed: FATAL:  57P03: starting\nLOCATION:  f, p.c:1\nb failed: FATAL:  28000: no\nLOCATION:  f, p.c:2\n"
        )
        #expect(
            several.sqlState == .invalidAuthorization
                && several.text == "a failed: FATAL:  starting\nb failed: FATAL:  no")
    }
}
