import ApusCluster
import ApusLocalCluster
import ApusPQ
import ApusWaiting
import Synchronization
import Testing

@testable import ApusConnector

/// A session that is open until it is released.
final class OpenSession: @unchecked Sendable {
    private var connection: PQConnection?
    let reservation: Reservation?
    let warnings: [String]

    init(_ connection: consuming PQConnection?, _ reservation: Reservation?, _ warnings: [String]) {
        self.connection = consume connection
        self.reservation = reservation
        self.warnings = warnings
    }

    deinit { close() }

    func close() {
        connection = nil
        reservation?.release()
    }

    /// The address that libpq reached.
    var address: String { connection?.hostAddress ?? "" }
    var host: String { connection?.host ?? "" }
    var port: String { connection?.port ?? "" }
    var isEncrypted: Bool { connection?.isEncrypted ?? false }
    var isIdle: Bool { connection?.transactionStatus == .idle }

    /// The first cell of a query's result.
    func value(_ query: String) throws -> String? {
        try connection?.send(query: query)
        var value: String?
        while true {
            guard let step = try connection?.nextResult() else { return nil }
            switch consume step {
            case .wait(let wait): _ = BlockingWaiter.wait(for: wait)
            case .done(nil): return value
            case .done(.some(let result)):
                if let error = result.error { throw error }
                if result.rowCount > 0 { value = result.text(0, 0) }
            }
        }
    }
}

/// The state of a driver in one process: a registry of its own, so that tests do not share clusters.
final class Driver: Sendable {
    let registry: ClusterRegistry
    /// How far this driver's clock is ahead of the machine's.
    private let ahead = Mutex(Duration.zero)

    init(seed: UInt64 = 1) { registry = ClusterRegistry(seed: seed) }

    /// Lets time pass for this driver: quarantines end and lists grow old.
    func moveClock(by time: Duration) { ahead.withLock { $0 += time } }

    func open(_ dsn: String, _ keywords: [String: String] = [:]) throws -> OpenSession {
        let options = try ConnectionOptions(dsn, keywords: keywords.map { ConnectionParameter($0.key, $0.value) })
        var machine = BalancedConnect(options, registry: registry)
        let ahead = ahead.withLock { $0 }
        while var wait = try machine.advance(now: Monotonic.now + ahead) {
            wait.deadline = wait.deadline.map { $0 - ahead }
            _ = BlockingWaiter.wait(for: wait)
        }
        return OpenSession(machine.takeConnection(), machine.reservation, machine.warnings)
    }

    func open(_ count: Int, _ dsn: String, _ keywords: [String: String] = [:]) throws -> [OpenSession] {
        try (0..<count).map { _ in try open(dsn, keywords) }
    }

    /// Sessions by address, as the driver counts them.
    var counts: [String: Int] {
        var counts: [String: Int] = [:]
        for cluster in registry.clusters {
            for status in cluster.status { counts[status.node.endpoint.host, default: 0] += status.sessions }
        }
        return counts
    }

    var total: Int { counts.values.reduce(0, +) }
}

/// How many sessions went to which address.
func distribution(_ sessions: [OpenSession]) -> [String: Int] {
    Dictionary(sessions.map { ($0.address, 1) }, uniquingKeysWith: +)
}

/// Runs a body on threads of its own and waits for all of them; errors come back in any order.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) async -> [any Error] {
    let errors = Mutex<[any Error]>([])
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        let left = Atomic<Int>(count)
        let shared = Shared(left: left)
        for index in 0..<count {
            let code = Thread.detach {
                do { try body(index) } catch { errors.withLock { $0.append(error) } }
                if shared.left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { done.resume() }
            }
            #expect(code == 0)
        }
    }
    return errors.withLock { $0 }
}

private final class Shared: Sendable {
    let left: Atomic<Int>
    init(left: consuming Atomic<Int>) { self.left = left }
}

extension LocalCluster {
    /// A connection string for one node, or several, with balancing on.
    func dsn(_ numbers: [Int] = [1], _ more: String = "load_balance=true") throws -> String {
        let nodes = try numbers.map { try node($0) }
        return "host=\(nodes.map(\.address).joined(separator: ",")) port=\(nodes[0].port) user=\(Self.user)"
            + " dbname=\(Self.database) password=\(Self.password) \(more)"
    }

    func address(_ number: Int) -> String { (try? node(number).address) ?? "" }

    /// How many sessions the servers have seen since they started, in the cluster's database.
    func sessionsSeen() throws -> Int {
        var sum = 0
        for node in nodes where node.state == .running {
            let dsn = "host=\(node.address) port=\(node.port) user=\(Self.user) dbname=postgres"
            let session = try Driver().open(dsn, ["password": Self.password])
            sum +=
                Int(try session.value("SELECT sessions FROM pg_stat_database WHERE datname = '\(Self.database)'") ?? "")
                ?? 0
        }
        return sum
    }

    /// The same once it no longer changes, because servers report statistics with a delay.
    func settledSessionsSeen(atLeast expected: Int) async throws -> Int {
        var seen = -1
        _ = try await eventually(within: .seconds(10), every: .milliseconds(200)) {
            let before = seen
            seen = try sessionsSeen()
            return seen == before && seen >= expected
        }
        return seen
    }
}
