import Testing

@testable import Apus

/// Two canonically equivalent texts are equal as Swift strings, but different bytes for a server.
extension AllTests {
    @Suite struct WrittenTextTests {
        private let composed = "\u{E9}"
        private let decomposed = "e\u{301}"

        @Test func equivalentStatementsAreNotPreparedAsOne() async throws {
            #expect(composed == decomposed)
            try await withConnection { connection in
                for _ in 0..<4 {
                    for (letter, count) in [(composed, 2), (decomposed, 3)] {
                        let sql = SQL(unescaped: "SELECT octet_length('\(letter)')::int8")
                        let octets = try await connection.first(sql, as: Int.self)
                        #expect(octets == count)
                    }
                }
            }
        }

        @Test func columnsHaveTheNamesThatAreWritten() async throws {
            try await withConnection { connection in
                let sql = SQL(unescaped: "SELECT 1::int8 AS \"\(composed)\", 2::int8 AS \"\(decomposed)\"")
                let row = try #require(try await connection.query(sql).collect().first)
                #expect(try row.decode(Int.self, at: composed) == 1)
                #expect(try row.decode(Int.self, at: decomposed) == 2)
                #expect(row.columns.firstIndex(named: "\u{E9}\u{301}") == nil)
                let again = try await connection.query("SELECT 1::int8 AS \(identifier: decomposed)").columns
                #expect(again[0] == row.columns[1] && again[0] != row.columns[0])
            }
        }
    }
}
