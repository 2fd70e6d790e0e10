import ApusPQ
import CApusLibPQ
import Foundation
import Testing

@testable import Apus

extension AllTests {
    @Suite struct ExtremeNumberTests {
        static let durations: [Duration] = [
            .init(attoseconds: .max), .seconds(Int64.max), .init(secondsComponent: .max, attosecondsComponent: .max),
        ]

        @Test(arguments: durations)
        func aTimeoutOfAnyLength(_ timeout: Duration) async throws {
            let connection = try await ApusConnection.connect(try await Servers.options, timeout: timeout)
            #expect(try await connection.first("SELECT \(1)", as: Int.self, timeout: timeout) == 1)
            try await connection.transaction(timeout: timeout) { transaction in
                _ = try await transaction.execute("SELECT 1", timeout: timeout)
            }
            await connection.close()
        }

        @Test(arguments: [.init(attoseconds: .min), .seconds(Int64.min), .zero] as [Duration])
        func aTimeoutThatIsOver(_ timeout: Duration) async throws {
            try await withConnection { connection in
                let error = await failure { try await connection.execute("SELECT pg_sleep(60)", timeout: timeout) }
                #expect(error?.code == .timeout)
                let one = try await connection.first("SELECT \(1)", as: Int.self)
                #expect(one == 1)
            }
        }

        @Test(arguments: [Double.infinity, -.infinity, .nan, 1e300, -1e300, -9_223_372_036_854.775_808])
        func aDateOutOfRange(_ seconds: Double) async throws {
            // From 2000-01-01: there the smallest Int64 would mean -infinity.
            let date = Date(timeIntervalSinceReferenceDate: seconds - 31_622_400)
            try await withConnection { connection in
                let error = await failure { try await connection.execute("SELECT \(date)") }
                #expect(error?.code == .encoding)
            }
        }

        /// Foundation's Decimal has exponents of 8 bits: a value that does not fit is an error, never zero or rounded.
        @Test(arguments: ["1e-127", "1e-128", "1e-129", "1e-200", "1e-16383", "1e127", "1e128", "1e165", "1e131071"])
        func aNumericOutOfDecimalsRange(_ number: String) async throws {
            try await withConnection { connection in
                let sql = SQL(unescaped: "SELECT '\(number)'::numeric")
                guard let value = try? await connection.first(sql, as: Decimal.self) else { return }
                let same = try await connection.first("SELECT \(value) = \(number)::numeric", as: Bool.self)
                #expect(same == true, "\(value)")
            }
        }

        @Test func elementsAreCountedIn32Bits() throws {
            #expect(try elementLength(Int(Int32.max)) == Int32.max)
            #expect(throws: ApusError.self) { try elementLength(Int(Int32.max) + 1) }
        }

        /// A server may announce other columns in the middle of an answer. Rows are read by the first ones.
        @Test func rowsOfOtherColumnsThanAnnounced() throws {
            func result(_ columns: Int) throws -> PQResult {
                let pointer = try #require(PQmakeEmptyPGresult(nil, PGRES_SINGLE_TUPLE))
                for row in 0..<2 {
                    for column in 0..<columns {
                        var name = Array("c\(column)".utf8CString)
                        name.withUnsafeMutableBufferPointer { name in
                            var attribute = PGresAttDesc()
                            attribute.name = name.baseAddress
                            attribute.typid = 25
                            if row == 0, column == 0 {
                                var all = [PGresAttDesc](repeating: attribute, count: columns)
                                PQsetResultAttrs(pointer, Int32(columns), &all)
                            }
                        }
                        var text = Array("\(row)\(column)".utf8CString)
                        PQsetvalue(pointer, Int32(row), Int32(column), &text, 2)
                    }
                }
                return PQResult(owning: pointer)
            }
            for columns in 1...4 {
                let request = Request(
                    "SELECT", keepsRows: true, lease: nil, timeout: nil, site: CallSite(file: "", line: 0))
                let first = try result(2)
                request.columns = ApusColumns(first)
                request.append(first)
                _ = request.takeDelivery()
                request.append(try result(columns))
                let batch = try #require(request.takeDelivery()?.batch)
                #expect(batch.rowCount == 2)
                for row in 0..<2 {
                    for column in 0..<2 {
                        let text = batch.cell(row, column).map { String(decoding: $0, as: UTF8.self) }
                        #expect(text == (column < columns ? "\(row)\(column)" : nil))
                    }
                }
            }
        }
    }
}
