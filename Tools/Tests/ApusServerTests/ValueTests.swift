import Foundation
import Testing

@testable import Apus

extension AllTests {
    @Suite struct ValueTests {
        /// Sends a value and reads it back.
        private func trip<Value: PostgresEncodable & PostgresDecodable & Equatable & Sendable>(
            _ value: Value, as type: String, on connection: ApusConnection
        ) async throws {
            let back = try await connection.all("SELECT \(value)::\(unescaped: type)", as: Value.self)
            #expect(back == [value], "\(type)")
        }

        @Test func valuesSurviveTheTrip() async throws {
            try await withConnection { connection in
                try await trip(true, as: "bool", on: connection)
                for number in [Int.min, -1, 0, 1, Int.max] { try await trip(number, as: "int8", on: connection) }
                try await trip(Int16.min, as: "int2", on: connection)
                try await trip(Int32.max, as: "int4", on: connection)
                try await trip(Int64.min, as: "int8", on: connection)
                try await trip(Float(1.5e-30), as: "float4", on: connection)
                for number in [0.1, -0.0, .infinity, 5e-324] { try await trip(number, as: "float8", on: connection) }
                try await trip("", as: "text", on: connection)
                try await trip("naïve 🐦 \u{1F1E8}\u{1F1ED} '\"\\ $1", as: "text", on: connection)
                try await trip(String(repeating: "long ", count: 20_000), as: "text", on: connection)
                try await trip([UInt8](0...255), as: "bytea", on: connection)
                try await trip(Data([0, 1, 255]), as: "bytea", on: connection)
                try await trip(UUID(), as: "uuid", on: connection)
                try await trip(
                    Date(timeIntervalSinceReferenceDate: 770_000_000.123456), as: "timestamptz", on: connection)
                try await trip(Date(timeIntervalSinceReferenceDate: -9e9), as: "timestamptz", on: connection)
                try await trip(PGInterval(months: 1, days: -2, microseconds: 3), as: "interval", on: connection)
                try await trip(PGDate(daysSince2000: -40_000), as: "date", on: connection)
                try await trip(PGTimestamp.infinity, as: "timestamp", on: connection)
                try await trip([1, -2, .max], as: "int8[]", on: connection)
                try await trip([Int](), as: "int8[]", on: connection)
                try await trip(["a", nil, "", "c,{}\""], as: "text[]", on: connection)
                try await trip([UUID(), UUID()], as: "uuid[]", on: connection)
                try await trip([Data([1]), Data()], as: "bytea[]", on: connection)
                try await trip([true, nil], as: "bool[]", on: connection)
                try await trip(JSON(["name": "Apus", "order": "Apodiformes"]), as: "jsonb", on: connection)
                try await trip(Int?.none, as: "int8", on: connection)
                try await trip(String?.none, as: "text", on: connection)
            }
        }

        @Test func decimalsSurviveTheTrip() async throws {
            try await withConnection { connection in
                for text in [
                    "0", "1", "-1", "0.1", "-0.000001", "12345.6789", "10000", "99999999999999999999.999999", "1e-20",
                    "100000000", "0.00010000", "3.14159265358979323846",
                ] {
                    let value = try #require(Decimal(string: text))
                    try await trip(value, as: "numeric", on: connection)
                    let words = try await connection.first(
                        "SELECT (\(value)::numeric = \(text)::numeric)", as: Bool.self)
                    #expect(words == true, "\(text)")
                }
                let nan = await failure { _ = try await connection.first("SELECT 'NaN'::numeric", as: Decimal.self) }
                #expect(nan == nil)
                let big = await failure { _ = try await connection.first("SELECT 1e500::numeric", as: Decimal.self) }
                #expect(big?.code == .decoding)
            }
        }

        @Test func integersFitOrFail() async throws {
            try await withConnection { connection in
                let numbers = try await connection.first("SELECT 7::int2, 8::int4, 9::int8", as: (Int, Int, Int).self)
                #expect(try #require(numbers) == (7, 8, 9))
                let error = await failure { _ = try await connection.first("SELECT 70000", as: Int16.self) }
                #expect(error?.code == .decoding)
                #expect(error?.message.contains("70000 does not fit") == true)
            }
        }

        enum Mood: String, PostgresEncodable, PostgresDecodable { case sad, happy }

        @Test func enumerationsAndDatesTakeStrings() async throws {
            try await withConnection { connection in
                try await connection.executeScript("CREATE TYPE pg_temp.mood AS ENUM ('sad', 'happy')")
                let happy = try await connection.first("SELECT \(Mood.happy)::pg_temp.mood", as: Mood.self)
                #expect(happy == .happy)
                #expect(try await connection.first("SELECT 'sad'::pg_temp.mood", as: String.self) == "sad")
                #expect(try await connection.first("SELECT date '2026-11-22' = \("2026-11-22")", as: Bool.self) == true)
            }
        }

        @Test func mismatchesNameTheColumn() async throws {
            try await withConnection { connection in
                let line = #line + 2
                let error = await failure {
                    _ = try await connection.first("SELECT 1 AS one, 'x' AS two", as: (Int, Int).self)
                }
                #expect(error?.code == .decoding)
                #expect(
                    error?.message
                        == "column 1 \"two\" (text): a value of PostgreSQL's text cannot be read as Swift's Int")
                #expect(error?.line == line)
                let null = await failure { _ = try await connection.first("SELECT NULL::int4 AS n", as: Int.self) }
                #expect(null?.message.contains("NULL cannot be read as Swift's Int") == true)
                let count = await failure { _ = try await connection.first("SELECT 1, 2", as: Int.self) }
                #expect(count?.message == "the row has 2 columns and is read as 1")
            }
        }

        /// Wrong data from a server are an error, never a trap.
        @Test func malformedBytesAreErrors() {
            let types: [PostgresType] = [
                .bool, .int2, .int4, .int8, .float4, .float8, .text, .uuid, .timestamptz, .date, .jsonb, .numeric,
                .int8Array, .bytea, .interval, PostgresType(rawValue: 99_999),
            ]
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<5_000 {
                let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                    Bool.random() ? UInt8.random(in: 0...255) : UInt8.random(in: 0...2)
                }
                bytes.withUnsafeBytes { raw in
                    for type in types {
                        let cell = PostgresCell(type: type, bytes: raw)
                        _ = try? Int(decoding: cell)
                        _ = try? String(decoding: cell)
                        _ = try? Date(decoding: cell)
                        _ = try? UUID(decoding: cell)
                        _ = try? Decimal(decoding: cell)
                        _ = try? [Int?](decoding: cell)
                        _ = try? [String](decoding: cell)
                        _ = try? JSON<[Int]>(decoding: cell)
                        _ = try? PGInterval(decoding: cell)
                    }
                }
            }
        }
    }
}
