import Foundation
import Synchronization

/// A cluster of real PostgreSQL servers on this machine that present themselves as a YugabyteDB cluster: one server per
/// loopback address, all at one port, each with `yb_servers()`.
///
///     try await withLocalCluster(.init(nodes: 3)) { cluster in
///         try await cluster.kill(2)
///         …
///     }
///
/// A cluster can be worked on by any number of processes at once, by this type or by `apus cluster`; all that they need
/// to agree on is its name.
public final class LocalCluster: Sendable {
    /// The superuser of every server.
    public static let user = "yugabyte"
    /// The password of ``user``, asked for with ``Authentication/scram``.
    public static let password = "yugabyte"
    /// The database that every server has, besides `postgres`.
    public static let database = "yugabyte"

    /// What the cluster is found by.
    public let name: String
    let folder: ClusterFolder
    /// What this process does for the cluster, if it started it.
    let keepers: Mutex<Keepers?>
    private let lastRecord: Mutex<ClusterRecord>

    struct Keepers: Sendable {
        var supervisor: Supervisor
        var watchdog: Watchdog?
    }

    init(_ folder: ClusterFolder, _ record: ClusterRecord, keepers: Keepers?) {
        name = folder.name
        self.folder = folder
        self.keepers = Mutex(keepers)
        lastRecord = Mutex(record)
    }

    /// The running cluster of that name, whatever process started it.
    ///
    /// - Throws: ``LocalClusterError`` (`notRunning`).
    public static func running(_ name: String = "default") throws -> LocalCluster {
        try Options.validate(name: name)
        let folder = ClusterFolder(name: name)
        return LocalCluster(folder, try folder.load(), keepers: nil)
    }

    /// The names of this account's clusters.
    public static var runningNames: [String] {
        ClusterFolder.all().filter { (try? $0.load()) != nil }.map(\.name)
    }

    /// What is known of the cluster now, or what was known last if it is gone.
    var record: ClusterRecord {
        guard let record = try? folder.load() else { return lastRecord.withLock { $0 } }
        lastRecord.withLock { $0 = record }
        return record
    }

    /// The folder with everything of the cluster, which ``down(purgeCache:)`` removes.
    public var directory: String { folder.path }

    /// The certificate by which clients know the nodes' certificates, if there is TLS.
    public var authorityCertificate: String? { record.encryption == .off ? nil : folder.authorityCertificate }

    /// Whether a supervisor notices deaths and runs proxies. False after the supervising process was killed; everything
    /// but ``delay(_:by:)`` and the detection of nodes killed by others works without.
    public var isSupervised: Bool { FileLock.isHeld(folder.supervisorLock) }

    /// Whether every node has been up once: false while ``up(_:supervision:progress:)`` is at work.
    public var isUp: Bool { record.isUp }

    /// The nodes in the order of their numbers, each as it is at this moment.
    public var nodes: [Node] {
        let record = self.record
        return record.nodes.map { Node($0, record, folder) }
    }

    /// Node `number`, as it is at this moment.
    ///
    /// - Throws: ``LocalClusterError`` (`noSuchNode`).
    public func node(_ number: Int) throws -> Node {
        let record = self.record
        return Node(record.nodes[try record.index(of: number)], record, folder)
    }

    /// A libpq connection string for one node, with user, database, password and, with TLS, the authority.
    ///
    /// - Throws: ``LocalClusterError`` (`noSuchNode`).
    public func connectionString(_ number: Int) throws -> String {
        let record = self.record
        let node = record.nodes[try record.index(of: number)]
        var text =
            "host=\(node.host) port=\(node.port) user=\(Self.user) password=\(Self.password) dbname=\(Self.database)"
        if record.encryption != .off { text += " sslmode=verify-full sslrootcert=\(folder.authorityCertificate)" }
        return text
    }

    /// A node of a cluster, as it was when asked for.
    public struct Node: Sendable, Hashable {
        public enum State: String, Sendable, Hashable, CaseIterable {
            /// It accepts connections.
            case running
            /// It starts or recovers.
            case starting
            /// It was stopped by command.
            case stopped
            /// Its processes stand still: connections are accepted and nothing is answered.
            case frozen
            /// It was killed.
            case dead
        }

        /// From 1; a number is never used again.
        public let number: Int
        /// What `yb_servers()` calls it: its address or a name.
        public let host: String
        /// The loopback address that it listens on.
        public let address: String
        public let port: Int
        /// Empty if it has none.
        public let publicIP: String
        public let type: NodeType
        public let placement: Placement
        public let state: State
        /// Whether `yb_servers()` lists it.
        public let isListed: Bool
        /// The postmaster's process number, if it lives.
        public let pid: Int32?
        public let dataDirectory: String
        public let logFile: String
        /// 32 hexadecimal digits.
        public let uuid: String
        /// The number of its universe, from 1.
        public let universe: Int
        public let universeUUID: String
        /// What every answer is delayed by.
        public let delay: Duration

        init(_ node: ClusterRecord.Node, _ record: ClusterRecord, _ folder: ClusterFolder) {
            number = node.number
            host = node.host
            address = node.address
            port = node.port
            publicIP = node.publicIP
            type = node.type
            placement = node.placement
            let processes = folder.processes(node)
            let condition = processes.condition
            state =
                switch condition {
                case .running: processes.isReady ? .running : .starting
                case .frozen: .frozen
                case .gone: node.isStopped ? .stopped : record.isUp ? .dead : .starting
                }
            isListed = MemberList.lists(node, record)
            pid = processes.postmaster
            dataDirectory = processes.dataFolder
            logFile = folder.log(node.number)
            uuid = node.uuid
            universe = node.universe
            universeUUID = record.universes.first { $0.number == node.universe }?.uuid ?? ""
            delay = .milliseconds(node.delayMilliseconds)
        }
    }
}

/// Brings a cluster up, hands it to `body` and takes it down again, whatever happens in between. Without a base address
/// it takes loopback addresses that are free, so that any number of processes can do this at the same time.
///
/// - Throws: ``LocalClusterError`` from bringing it up, or what `body` throws.
public func withLocalCluster<Result>(
    _ options: LocalCluster.Options = .init(), _ body: (LocalCluster) async throws -> Result
) async throws -> Result {
    let cluster = try await LocalCluster.up(options)
    let result: Result
    do {
        result = try await body(cluster)
    } catch {
        try? await cluster.down()
        throw error
    }
    try await cluster.down()
    return result
}
