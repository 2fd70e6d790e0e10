import Testing

@testable import Apus

extension AllTests {
    @Suite struct SQLTests {
        @Test func interpolationBinds() {
            let name = "'; DROP TABLE person; --"
            let sql: SQL = "SELECT * FROM person WHERE name = \(name) AND age > \(30)"
            #expect(sql.text == "SELECT * FROM person WHERE name = $1 AND age > $2")
            #expect(sql.bindingCount == 2)
        }

        @Test func nestedStatementsCountOn() {
            let condition: SQL = "a = \(1) AND b = \("two")"
            let sql: SQL = "SELECT '$1' WHERE c = \(true) AND (\(condition)) OR d = \(4.0)"
            #expect(sql.text == "SELECT '$1' WHERE c = $1 AND (a = $2 AND b = $3) OR d = $4")
            #expect(sql.bindingCount == 4)
            let many = SQL.joined((1...12).map { "(\($0))" })
            #expect(many.text == "($1), ($2), ($3), ($4), ($5), ($6), ($7), ($8), ($9), ($10), ($11), ($12)")
            #expect((many + " + " + many).text.hasSuffix("($22), ($23), ($24)"))
        }

        @Test func namesAndTextAreNotBound() {
            let sql: SQL = "SELECT \(unescaped: "1 + 1") FROM \(identifier: "we\"ird")"
            #expect(sql.text == "SELECT 1 + 1 FROM \"we\"\"ird\"")
            #expect(sql.bindingCount == 0)
        }

        @Test func copiesDoNotShareWhatIsAddedLater() async throws {
            let base: SQL = "SELECT \(1)::int8"
            let left = base + " + \(10)"
            let right = base + " + \(20)"
            try await withConnection { connection in
                let sums = [
                    try await connection.first(left, as: Int.self), try await connection.first(right, as: Int.self),
                    try await connection.first(base, as: Int.self),
                ]
                #expect(sums == [11, 21, 1])
            }
        }

        @Test func unsendableStatementsAreRefused() async throws {
            try await withConnection { connection in
                let zero = await failure { try await connection.execute("SELECT 1\0, 2") }
                #expect(zero?.code == .usage)
                let text = await failure { try await connection.execute("SELECT \("a\0b")") }
                #expect(text?.code == .encoding)
                let many = SQL.joined((0..<70_000).map { "\($0)" })
                #expect(await failure { try await connection.execute("SELECT 1 IN (\(many))") }?.code == .usage)
                let one = try await connection.first("SELECT 1", as: Int.self)
                #expect(one == 1)
            }
        }
    }
}
