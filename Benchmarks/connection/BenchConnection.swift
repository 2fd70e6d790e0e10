import Apus

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Measures the client's cost of statements. Each case prints microseconds per operation: wall clock, CPU and, for
/// sequential cases, the median latency.
///
///     BenchConnection DSN [CASE...]
///
/// The first run creates a table of a million rows on the server.
@main
enum BenchConnection {
    static let points = 20_000
    static let rows = 1_000_000

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let dsn = arguments.first else {
            print("usage: BenchConnection DSN [CASE...]")
            exit(2)
        }
        var options = ApusOptions(dsn)
        try await fill(try await ApusConnection.connect(options))
        let chosen = arguments.count > 1 ? Array(arguments.dropFirst()) : cases
        print("case                      wall    CPU    p50   (us an operation)")
        for name in chosen {
            options.preparedStatements = name.hasPrefix("unprepared") ? 0 : 256
            try await run(name, options)
        }
    }

    static let cases = [
        "prepared", "prepared-on-loop", "unprepared", "unprepared-on-loop", "pipelined", "pool", "pool-on-loop",
        "rows", "tuples", "connect",
    ]

    static func run(_ name: String, _ options: ApusOptions) async throws {
        let connection = try await ApusConnection.connect(options)
        switch name {
        case "prepared", "unprepared":
            try await sequential(name, connection)
        case "prepared-on-loop", "unprepared-on-loop":
            try await withTaskExecutorPreference(ApusLoop.shared) { try await sequential(name, connection) }
        case "pipelined":
            try await pipelined(name, connection)
        case "pool", "pool-on-loop":
            try await shared(name, options, on: name == "pool" ? nil : ApusLoop.shared)
        case "rows":
            let measure = Measure()
            var count = 0
            for try await _ in try await connection.query(scan) { count += 1 }
            measure.report(name, count)
        case "tuples":
            let measure = Measure()
            var count = 0
            let tuples = try await connection.query(scan).decode((Int32, String, Double, PGTimestampTZ, Bool).self)
            for try await (id, _, _, _, _) in tuples { count += id > 0 ? 1 : 0 }
            measure.report(name, count)
        case "connect":
            let measure = Measure()
            for _ in 0..<100 { await (try ApusConnection.connect(options)).close() }
            measure.report(name, 100)
        default:
            print("there is no case \(name)")
        }
        await connection.close()
    }

    static let scan: SQL = "SELECT id, name, score, at, ok FROM apus_bench"

    static func point(_ connection: ApusConnection, _ number: Int) async throws {
        let id = Int32(number * 37 % rows + 1)
        let rows = try await connection.query("SELECT id, name, score, at, ok FROM apus_bench WHERE id = \(id)")
        for try await row in rows {
            let tuple = try row.decode((Int32, String, Double, PGTimestampTZ, Bool).self)
            if tuple.0 != id { print("a wrong row") }
        }
    }

    static func sequential(_ name: String, _ connection: ApusConnection) async throws {
        for number in 0..<1_000 { try await point(connection, number) }
        var latencies: [Double] = []
        latencies.reserveCapacity(points)
        let measure = Measure()
        for number in 0..<points {
            let start = Measure.seconds(CLOCK_MONOTONIC)
            try await point(connection, number)
            latencies.append(Measure.seconds(CLOCK_MONOTONIC) - start)
        }
        measure.report(name, points, latencies)
    }

    /// A hundred concurrent tasks on one connection.
    static func pipelined(_ name: String, _ connection: ApusConnection) async throws {
        func batch(_ base: Int) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in base..<base + 100 { group.addTask { try await point(connection, number) } }
                try await group.waitForAll()
            }
        }
        for base in 0..<10 { try await batch(base * 100) }
        let measure = Measure()
        for base in stride(from: 0, to: points, by: 100) { try await batch(base) }
        measure.report(name, points)
    }

    /// 64 tasks share 8 connections.
    static func shared(_ name: String, _ options: ApusOptions, on loop: ApusLoop?) async throws {
        var connections: [ApusConnection] = []
        for _ in 0..<8 { connections.append(try await ApusConnection.connect(options)) }
        for connection in connections { for number in 0..<100 { try await point(connection, number) } }
        let measure = Measure()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                let connection = connections[task % 8]
                group.addTask(executorPreference: loop) {
                    for number in 0..<400 { try await point(connection, task * 400 + number) }
                }
            }
            try await group.waitForAll()
        }
        measure.report(name, 64 * 400)
        for connection in connections { await connection.close() }
    }

    static func fill(_ connection: ApusConnection) async throws {
        if try await connection.first("SELECT to_regclass('apus_bench') IS NULL", as: Bool.self) == true {
            try await connection.executeScript(
                """
                CREATE TABLE apus_bench (
                    id int4 PRIMARY KEY, name text NOT NULL, score float8 NOT NULL, at timestamptz NOT NULL, ok bool NOT NULL
                );
                INSERT INTO apus_bench
                SELECT n, 'name-' || n, n * 0.5, '2024-01-01 00:00:00Z'::timestamptz + n * interval '1 second', n % 2 = 0
                FROM generate_series(1, \(rows)) n;
                ANALYZE apus_bench;
                """)
        }
        await connection.close()
    }
}

/// The wall-clock and CPU time since it was created.
struct Measure {
    private let wall = seconds(CLOCK_MONOTONIC)
    private let processor = seconds(CLOCK_PROCESS_CPUTIME_ID)

    static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    func report(_ name: String, _ operations: Int, _ latencies: [Double] = []) {
        let wall = Self.seconds(CLOCK_MONOTONIC) - wall
        let processor = Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - processor
        func microseconds(_ seconds: Double) -> String {
            let tenths = Int((seconds * 1e7).rounded())
            let text = "\(tenths / 10).\(tenths % 10)"
            return String(repeating: " ", count: max(0, 7 - text.count)) + text
        }
        let p50 = latencies.isEmpty ? "" : microseconds(latencies.sorted()[latencies.count / 2])
        let title = name + String(repeating: " ", count: max(0, 22 - name.count))
        print(title + microseconds(wall / Double(operations)) + microseconds(processor / Double(operations)) + p50)
    }
}
