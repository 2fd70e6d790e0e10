import ApusLocalCluster
import ApusWaiting
import CApusLibPQ
import Testing

@testable import ApusPQ

/// TLS records larger than those of PostgreSQL: bytes already decrypted do not show on the socket.
@Suite(.serialized) struct TLSRecordTests {
    static let recordSize = 16384
    /// Sizes of answers whose last record is nearly full, so that libpq's buffer has no room for all of it.
    static let sizes = (1...49).map { 5 * recordSize - $0 }

    private static func withNode(_ body: (LocalCluster) async throws -> Void) async throws {
        try await withLocalCluster(.init(nodes: 1, encryption: .offered, tlsRecordSize: recordSize), body)
    }

    private static func connect(_ cluster: LocalCluster, _ version: String) throws -> PQConnection {
        try cluster.connect(
            1,
            [
                "sslmode": "require", "ssl_min_protocol_version": version, "ssl_max_protocol_version": version,
            ])
    }

    /// A query whose answer has exactly this size in the simple query protocol. Source: PostgreSQL's manual,
    /// "Message Formats".
    static func query(answeredBy size: Int) -> String {
        let length = 1000, head = 11, description = 32, ready = 6
        let count = (size - description - ready - 20) / (length + head)
        let tag = 6 + "SELECT \(count)".utf8.count
        let last = size - description - ready - tag - (count - 1) * (length + head) - head
        return "SELECT repeat('x', CASE WHEN i = \(count) THEN \(last) ELSE \(length) END)"
            + " FROM generate_series(1, \(count)) i"
    }

    /// Waits for the socket only, with a limit: a stalled connection fails the test.
    private static func wait(_ wait: Wait) throws {
        let limit = wait.until(Monotonic.now + .seconds(20))
        try #require(BlockingWaiter.wait(for: limit) == .ready, "nothing came although the server has answered")
    }

    /// Drives a step to its end.
    private static func finish<Outcome: ~Copyable>(_ step: () throws -> Step<Outcome>) throws -> Outcome {
        while true {
            switch try step() {
            case .wait(let wait): try self.wait(wait)
            case .done(let outcome): return outcome
            }
        }
    }

    /// Executes a statement, and expects all rows of its answer or of its COPY.
    private static func expectRows(_ connection: inout PQConnection, of query: String) throws {
        try connection.send(query: query)
        var rows = 0
        while let result = try finish({ try connection.nextResult() }) {
            if let error = result.error { throw error }
            rows += result.rowCount
            var isCopying = result.status == .copyOut
            while isCopying {
                switch try finish({ try connection.nextCopyData() }) {
                case .end: isCopying = false
                case .data: rows += 1
                }
            }
        }
        #expect(rows > 70)
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func answersAreReadToTheirEnd(_ version: String) async throws {
        try await Self.withNode { cluster in
            var connection = try Self.connect(cluster, version)
            guard case .openSSL = connection.decrypted else {
                Issue.record("SSL_pending was not found in libpq's own OpenSSL")
                return
            }
            for size in Self.sizes { try Self.expectRows(&connection, of: Self.query(answeredBy: size)) }
            // A library that does not report how much it has buffered.
            connection.decrypted = .unknown
            for size in Self.sizes { try Self.expectRows(&connection, of: Self.query(answeredBy: size)) }
        }
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func copiedRowsAreReadToTheirEnd(_ version: String) async throws {
        try await Self.withNode { cluster in
            var connection = try Self.connect(cluster, version)
            for isKnown in [true, false] {
                if !isKnown { connection.decrypted = .unknown }
                for size in Self.sizes {
                    try Self.expectRows(&connection, of: "COPY (\(Self.query(answeredBy: size))) TO STDOUT")
                }
            }
        }
    }

    /// libpq can find the end of a connection together with the last bytes before it, when they are read to make room: then
    /// there is no socket to wait for any more.
    @Test func aServerThatEndsInTheMidstOfARow() async throws {
        try await Self.withNode { cluster in
            var killer = try cluster.connect(1, ["sslmode": "require"])
            for isKnown in [true, false] {
                var connection = try Self.connect(cluster, "TLSv1.3")
                if !isKnown { connection.decrypted = .unknown }
                let process = connection.backendPID
                try connection.send(query: "COPY (SELECT repeat('x', 30000000)) TO STDOUT")
                try Self.awaitCopy(&connection)
                // Most of the row is still to be sent.
                let isSending = "SELECT FROM pg_stat_activity WHERE pid = \(process) AND wait_event = 'ClientWrite'"
                while try killer.ask(isSending)[0].rows.isEmpty {}
                _ = try killer.ask("SELECT pg_terminate_backend(\(process))")
                #expect(throws: PQError.self) {
                    while true {
                        try Self.wait(Wait(descriptor: connection.descriptor, interest: .read))
                        try connection.consumeInput()
                    }
                }
                let error = #expect(throws: PQError.self) {
                    while case .wait(let wait) = try connection.nextCopyData() { try Self.wait(wait) }
                }
                #expect(error?.kind == .connectionLost)
                let second = #expect(throws: PQError.self) {
                    while case .wait(let wait) = try connection.copyData(to: { _ in true }) { try Self.wait(wait) }
                }
                #expect(second?.kind == .connectionLost)
            }
        }
    }

    private static func awaitCopy(_ connection: inout PQConnection) throws {
        while true {
            switch try connection.nextResult() {
            case .wait(let wait): try self.wait(wait)
            case .done(let result):
                #expect(result?.status == .copyOut)
                return
            }
        }
    }

    @Test func aNotificationInTheRecordThatEndsAnAnswerIsRead() async throws {
        try await Self.withNode { cluster in
            var connection = try Self.connect(cluster, "TLSv1.3")
            _ = try connection.ask("LISTEN news")
            // All of one transaction's notifications come behind its answer, the last of them at the record's end.
            for count in 2...7 {
                _ = try connection.ask(
                    "SELECT pg_notify('news', repeat('x', 7900) || n) FROM generate_series(1, \(count)) n")
                var heard = 0
                while heard < count {
                    while connection.takeNotification() != nil { heard += 1 }
                    if heard == count { break }
                    try Self.wait(Wait(descriptor: connection.descriptor, interest: .read))
                    try connection.consumeInput()
                }
            }
        }
    }
}
