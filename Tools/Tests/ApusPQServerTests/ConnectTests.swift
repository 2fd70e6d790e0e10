import ApusLocalCluster
import ApusWaiting
import Foundation
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

    /// Time is a parameter: a machine that is advanced at its deadline gives up without waiting.
    @Test func theClockIsAParameter() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            try await cluster.freeze(1)
            var machine = ConnectMachine(parameters: try cluster.parameters(1), timeout: .seconds(3600))
            let first = try machine.advance(now: .seconds(1))
            #expect(first?.deadline == .seconds(3601))
            let error = #expect(throws: ConnectFailure.self) { _ = try machine.advance(now: .seconds(3601)) }
            #expect(error?.reason == .timedOut)
            // Advanced late, the machine has not asked the server, which has accepted it, for a session.
            var late = ConnectMachine(parameters: try cluster.parameters(1), timeout: .seconds(3600))
            let accepted = try #require(try late.advance(now: .seconds(1)))
            _ = BlockingWaiter.wait(for: Wait(descriptor: accepted.descriptor, interest: .write), slice: .seconds(20))
            let second = try #require(try late.advance(now: .seconds(9000)))
            #expect(second.deadline == .seconds(12600))
            #expect(throws: ConnectFailure.self) { while try late.advance(now: .seconds(12600)) != nil {} }
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

#if os(Linux)
/// A caller that waits for several sockets advances a machine although its own wait is not over.
@Suite struct EarlyAdvanceTests {
    /// A listener whose queue is full: the system drops further packets, so that a connect stays in progress.
    private final class FullListener {
        private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        private(set) var port = 0
        private var clients: [Int32] = []

        init() {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = descriptor
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    _ = bind(descriptor, pointer, length)
                    _ = listen(descriptor, 0)
                    _ = getsockname(descriptor, pointer, &length)
                    for _ in 0..<4 {
                        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
                        _ = connect(client, pointer, length)
                        clients.append(client)
                    }
                }
            }
            port = Int(UInt16(bigEndian: address.sin_port))
        }

        /// From now on the system refuses.
        func end() {
            close(descriptor)
            for client in clients { close(client) }
            clients = []
        }

        deinit { if !clients.isEmpty { end() } }
    }

    @Test func aConnectThatIsAdvancedBeforeItsFirstWaitIsOverGoesOnWaiting() throws {
        let listener = FullListener()
        var machine = ConnectMachine(
            parameters: [
                .init("host", "127.0.0.1"), .init("port", String(listener.port)), .init("user", "u"),
                .init("sslmode", "disable"), .init("gssencmode", "disable"),
            ], timeout: .seconds(3600))
        for _ in 0..<3 {
            let wait = try machine.advance(now: .seconds(1))
            #expect(wait?.interest == .write)
            #expect(machine.progress == 0)
        }
        // The system repeats its attempt and is refused: libpq has not moved to a later stage meanwhile.
        listener.end()
        let failure = #expect(throws: ConnectFailure.self) {
            while let wait = try machine.advance(now: .seconds(1)) {
                _ = BlockingWaiter.wait(for: Wait(descriptor: wait.descriptor, interest: wait.interest))
            }
        }
        #expect(failure?.reason == .unreachable, "\(String(describing: failure))")
    }
}
#endif

@Suite struct VerboseMessageTests {
    /// A Character may be a space together with a combining mark, or a carriage return together with a line feed.
    @Test func messagesAreReadAsBytes() {
        let mark = "\u{301}"
        let message = VerboseMessage("\(mark)a:\(mark) failed: FATAL:  28P01: \(mark)no\r\nLOCATION:  f, p.c:1\n")
        #expect(message.sqlState == .invalidPassword)
        #expect(message.text == "\(mark)a:\(mark) failed: FATAL:  \(mark)no")
    }

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
