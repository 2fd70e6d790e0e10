import ApusLocalCluster
import CApusLibPQ
import Testing

@testable import ApusPQ
@testable import ApusWaiting

@Suite struct ParameterTests {
    /// The protocol counts the bytes of a value in 32 bits. The limit in these tests is 4 bytes, because a value of
    /// 2 GiB needs several GiB of memory.
    @Test(arguments: [true, false])
    func aValueThatIsTooLongIsRefused(binary: Bool) async throws {
        func add(_ text: String, _ parameters: inout PQParameters) {
            parameters.append(type: 25, binary: binary) { $0.append(contentsOf: text.utf8) }
        }
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            var parameters = PQParameters(maximumLength: 4)
            add("", &parameters)
            add("1234", &parameters)
            let none = parameters.problem
            #expect(none == nil)
            try connection.send(query: "SELECT $1 || $2", parameters: parameters, binaryResults: false)
            #expect(try connection.answers().first?.rows == [["1234"]])

            add("12345", &parameters)
            add("1", &parameters)
            let found = parameters.problem
            let problem = try #require(found)
            #expect(problem.kind == .usage && problem.message.contains("parameter 3 has 5 bytes"))
            let count = parameters.count
            #expect(count == 4)
            #expect(throws: PQError.self) {
                try connection.send(query: "SELECT $1, $2, $3, $4", parameters: parameters, binaryResults: false)
            }
            #expect(throws: PQError.self) {
                try connection.send(prepared: "", parameters: parameters, binaryResults: false)
            }
            var all = PQParameters()
            all.append(contentsOf: parameters)
            let same = all.problem
            #expect(same?.message == problem.message)
            // Nothing was sent.
            #expect(try connection.ask("SELECT 1").first?.rows == [["1"]])
        }
    }

    @Test func moreParametersThanTheProtocolCounts() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            var parameters = PQParameters()
            for _ in 0...65535 { parameters.appendNull(type: 23) }
            #expect(throws: PQError.self) {
                try connection.send(query: "SELECT 1", parameters: parameters, binaryResults: false)
            }
            #expect(try connection.ask("SELECT 1").first?.rows == [["1"]])
        }
    }

    @Test func cellsThatAreNotThere() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect()
            try connection.send(query: "SELECT 1 AS a")
            while true {
                switch try connection.nextResult() {
                case .wait(let wait): _ = BlockingWaiter.wait(for: wait)
                case .done(nil): return
                case .done(.some(let result)):
                    for number in [-1, 1, 1 << 32, Int.max, Int.min] {
                        #expect(result.columnName(number) == nil && result.columnType(number) == 0)
                        #expect(result.cell(0, number) == nil && result.cell(number, 0) == nil)
                    }
                    #expect(result.text(0, 0) == "1")
                }
            }
        }
    }
}

@Suite struct DurationTests {
    @Test func nanosecondsAreClamped() {
        #expect(Duration(attoseconds: .max).clampedNanoseconds == .max)
        #expect(Duration(attoseconds: .min).clampedNanoseconds == .min)
        #expect(Duration.seconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).clampedNanoseconds == .min)
        #expect(Duration.nanoseconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.nanoseconds(-1).clampedNanoseconds == -1)
        #expect(Duration(attoseconds: 1_999_999_999).clampedNanoseconds == 1)
        #expect(Duration(attoseconds: .max).pollMilliseconds == .max)
        #expect(Duration(attoseconds: .min).pollMilliseconds == 0)
    }

    @Test func momentsOfAnyDistance() {
        for duration in [Duration(attoseconds: .max), .seconds(Int64.max)] {
            #expect(Monotonic.moment(after: duration) > Monotonic.now + .seconds(86_400 * 36_500))
        }
        #expect(Monotonic.moment(after: Duration(attoseconds: .min)) < .zero)
        let second = Monotonic.moment(after: .seconds(1)) - Monotonic.now
        #expect(second > .zero && second <= .seconds(1))
    }
}
