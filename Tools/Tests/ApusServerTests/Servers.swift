import ApusLocalCluster
import Logging
import Synchronization
import Testing

@testable import Apus

/// The tests are executed one after another, because several of them measure time.
@Suite(.serialized) enum AllTests {}

/// Three servers that all tests of this module share; they are stopped with the process.
enum Servers {
    private static let starting = Task { try await LocalCluster.up(.init(nodes: 3)) }

    static var cluster: LocalCluster {
        get async throws { try await starting.value }
    }

    /// Options for the first server, without balancing.
    static var options: ApusOptions {
        get async throws { try await cluster.options([1]) }
    }
}

extension LocalCluster {
    /// Options for one node, or several as contact points.
    func options(_ numbers: [Int], loadBalance: String? = nil) throws -> ApusOptions {
        let nodes = try numbers.map { try node($0) }
        var options = ApusOptions()
        options.host = nodes.map(\.address).joined(separator: ",")
        options.port = nodes[0].port
        options.user = Self.user
        options.database = Self.database
        options.password = Self.password
        options.loadBalance = loadBalance
        return options
    }
}

/// Opens a connection for the duration of a closure.
func withConnection<Result>(
    _ options: ApusOptions? = nil, logger: Logger? = nil, _ body: (ApusConnection) async throws -> Result
) async throws -> Result {
    let shared = try await Servers.options
    let connection = try await ApusConnection.connect(options ?? shared, timeout: .seconds(30), logger: logger)
    do {
        let result = try await body(connection)
        await connection.close()
        return result
    } catch {
        await connection.close()
        throw error
    }
}

/// The error that a call throws, or `nil`.
func failure(of body: () async throws -> Void) async -> ApusError? {
    do { try await body() } catch { return error as? ApusError }
    return nil
}

/// Waits until this number of a connection's requests have been sent and are not answered; fails the test otherwise.
func untilSent(_ count: Int, on connection: ApusConnection) async throws {
    let isSent = try await eventually { connection.core.state.withLock { $0.inFlight.count == count } }
    try #require(isSent)
}

/// Waits until the first of the shared servers executes `pg_sleep()` for a connection; fails the test otherwise.
func untilAsleep(_ connection: ApusConnection) async throws {
    let pid = connection.backendPID
    let isAsleep = try await withConnection { observer in
        try await eventually {
            try await observer.first(
                "SELECT 1 FROM pg_stat_activity WHERE pid = \(pid) AND wait_event = 'PgSleep'", as: Int.self) == 1
        }
    }
    try #require(isAsleep)
}

/// A log handler that passes every line to a closure.
private struct Tap: LogHandler {
    let take: @Sendable (LogEvent) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { take(event) }
}

/// Stores the lines that are logged.
final class LogKeeper: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { [self] _ in
            Tap { [self] event in
                lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
            }
        }
    }
}

/// A log handler that asks a connection, for every line, whether it is closed.
final class AskingLogger: Sendable {
    let connection = Mutex<ApusConnection?>(nil)
    let answers = Mutex<[Bool]>([])

    var logger: Logger {
        Logger(label: "asking") { [self] _ in
            Tap { [self] _ in
                guard let connection = connection.withLock({ $0 }) else { return }
                answers.withLock { $0.append(connection.isClosed) }
            }
        }
    }
}
