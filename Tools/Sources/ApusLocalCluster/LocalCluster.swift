import Foundation
import Synchronization

/// A cluster of PostgreSQL servers on this machine that looks like a YugabyteDB cluster: one server per loopback
/// address, all with the same port and with `yb_servers()`. The servers do not share data.
///
///     try await withLocalCluster(.init(nodes: 3)) { cluster in
///         try await cluster.kill(2)
///         …
///     }
///
/// Any number of processes can use the same cluster at the same time, with this type or with `apus cluster`, by its
/// name.
public final class LocalCluster: Sendable {
    /// The superuser of every server.
    public static let user = "yugabyte"
    /// The password of ``user``, required with ``Authentication/scram``.
    public static let password = "yugabyte"
    /// The database that every server has, besides `postgres`.
    public static let database = "yugabyte"

    /// The name that identifies the cluster.
    public let name: String
    let folder: ClusterFolder
    /// The supervisor and the watchdog, if this process started the cluster.
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

    /// Returns the running cluster with this name, which any process may have started.
    ///
    /// - Throws: ``LocalClusterError`` (`notRunning`).
    public static func running(_ name: String = "default") throws -> LocalCluster {
        try Options.validate(name: name)
        let folder = ClusterFolder(name: name)
        return LocalCluster(folder, try folder.load(), keepers: nil)
    }

    /// The names of the clusters of this account.
    public static var runningNames: [String] {
        ClusterFolder.all().filter { (try? $0.load()) != nil }.map(\.name)
    }

    /// The current record of the cluster, or the last known one if the cluster is gone.
    var record: ClusterRecord {
        guard let record = try? folder.load() else { return lastRecord.withLock { $0 } }
        lastRecord.withLock { $0 = record }
        return record
    }

    /// The folder with all files of the cluster, which ``down(purgeCache:)`` removes.
    public var directory: String { folder.path }

    /// The path of the certificate authority's certificate, for clients; nil without TLS.
    public var authorityCertificate: String? { record.encryption == .off ? nil : folder.authorityCertificate }

    /// True if a supervisor detects deaths and runs proxies. False if its process was killed; then only
    /// ``delay(_:by:)`` and the detection of nodes killed from outside do not work.
    public var isSupervised: Bool { FileLock.isHeld(folder.supervisorLock) }

    /// True once every node has accepted connections; false while ``up(_:supervision:progress:)`` runs.
    public var isUp: Bool { record.isUp }

    /// The current nodes, ordered by number.
    public var nodes: [Node] {
        let record = self.record
        return record.nodes.map { Node($0, record, folder) }
    }

    /// Returns the current state of node `number`.
    ///
    /// - Throws: ``LocalClusterError`` (`noSuchNode`).
    public func node(_ number: Int) throws -> Node {
        let record = self.record
        return Node(record.nodes[try record.index(of: number)], record, folder)
    }

    /// Returns a libpq connection string for one node, with user, database, password and, with TLS, the certificate
    /// authority.
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

    /// A snapshot of a node.
    public struct Node: Sendable, Hashable {
        /// The state of a node.
        public enum State: String, Sendable, Hashable, CaseIterable {
            /// It accepts connections.
            case running
            /// It is starting or in recovery.
            case starting
            /// It was stopped by a command.
            case stopped
            /// Its processes are suspended: connections are accepted but not answered.
            case frozen
            /// It was killed.
            case dead
        }

        /// Numbers start at 1 and are never reused.
        public let number: Int
        /// Its host in `yb_servers()`: its address or a name.
        public let host: String
        /// The loopback address that it listens on.
        public let address: String
        /// The port for clients.
        public let port: Int
        /// Empty if it has none.
        public let publicIP: String
        /// Primary or read replica.
        public let type: NodeType
        /// Its placement in `yb_servers()`.
        public let placement: Placement
        /// Its state when the snapshot was taken.
        public let state: State
        /// True if `yb_servers()` lists it.
        public let isListed: Bool
        /// The process ID of the postmaster, if it is alive.
        public let pid: Int32?
        /// The path of the server's data folder.
        public let dataDirectory: String
        /// The path of the server's log.
        public let logFile: String
        /// 32 hexadecimal digits.
        public let uuid: String
        /// The number of its universe, from 1.
        public let universe: Int
        /// The UUID of its universe: 32 hexadecimal digits.
        public let universeUUID: String
        /// The delay of every response.
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

/// Starts a cluster, calls `body`, and takes the cluster down, also if `body` throws. Without a base address it uses
/// free loopback addresses, so that any number of processes can do this at the same time.
///
/// - Throws: ``LocalClusterError`` from starting the cluster, or the error that `body` throws.
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
