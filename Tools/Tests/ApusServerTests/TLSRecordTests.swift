import ApusLocalCluster
import Testing

@testable import Apus

extension AllTests {
    /// TLS records larger than those of PostgreSQL: bytes already decrypted do not show on the socket that the loop
    /// waits for.
    @Suite struct TLSRecordTests {
        private static let recordSize = 16384

        /// A query whose answer has exactly this size in the extended protocol, unprepared. Source: PostgreSQL's
        /// manual, "Message Formats".
        private static func query(answeredBy size: Int) -> (sql: SQL, rows: Int) {
            let length = 1000, head = 11, parsedAndBound = 10, description = 32, ready = 6
            let fixed = parsedAndBound + description + ready
            let count = (size - fixed - 20) / (length + head)
            let tag = 6 + "SELECT \(count)".utf8.count
            let last = size - fixed - tag - (count - 1) * (length + head) - head
            return (
                SQL(
                    unescaped: "SELECT repeat('x', CASE WHEN i = \(count) THEN \(last) ELSE \(length) END)"
                        + " FROM generate_series(1, \(count)) i"), count
            )
        }

        @Test(arguments: ["TLSv1.2", "TLSv1.3"])
        func answersAreReadToTheirEnd(_ version: String) async throws {
            let cluster = try await LocalCluster.up(
                .init(nodes: 1, encryption: .offered, tlsRecordSize: Self.recordSize))
            do {
                var options = try cluster.options([1])
                options.preparedStatements = 0
                options["sslmode"] = "require"
                options["ssl_min_protocol_version"] = version
                options["ssl_max_protocol_version"] = version
                try await withConnection(options) { connection in
                    for missing in 1...49 {
                        let (sql, count) = Self.query(answeredBy: 5 * Self.recordSize - missing)
                        let rows = try await connection.query(
                            sql, timeout: .seconds(20), file: #fileID, line: #line)
                        var heard = 0
                        for try await row in rows { heard += try row.decode(String.self).isEmpty ? 0 : 1 }
                        #expect(heard == count)
                    }
                }
            } catch {
                try await cluster.down()
                throw error
            }
            try await cluster.down()
        }
    }
}
