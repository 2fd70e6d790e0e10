import Foundation

/// What is remembered of a cluster in its `cluster.json`: what was asked for, and what commands have changed since.
/// Whether a node lives is not in it; that is seen from its processes.
struct ClusterRecord: Sendable, Codable {
    struct Node: Sendable, Codable {
        var number: Int
        var universe: Int
        var uuid: String
        /// Where clients reach it.
        var address: String
        var port: Int
        /// Where it listens when a proxy stands before it at `port`.
        var portBehindProxy: Int?
        var delayMilliseconds: Int
        /// What `yb_servers()` calls it.
        var host: String
        /// Whether `host` is a name that the cluster makes resolvable.
        var ownsHostName: Bool
        var publicIP: String
        var placement: LocalCluster.Placement
        var type: LocalCluster.NodeType
        /// Stopped by command, rather than dead.
        var isStopped: Bool
        /// When it was last known to live, in seconds since 1970, if it does not live now.
        var lostAt: Double?
    }

    struct Universe: Sendable, Codable {
        var number: Int
        var uuid: String
    }

    struct SupervisorRecord: Sendable, Codable {
        var pid: Int32
        /// A process of its own, as opposed to a thread of the one that started the cluster.
        var isDetached: Bool
    }

    var name: String
    var port: Int
    var listedTTL: Double
    var authentication: LocalCluster.Authentication
    var encryption: LocalCluster.Encryption
    var serversFunction: LocalCluster.ServersFunction
    var isDelayable: Bool
    /// The size of the records that the nodes' proxies write; nil where PostgreSQL itself speaks TLS.
    var tlsRecordSize: Int?
    var hostNames: Bool
    var account: ServerAccount
    var binaries: String
    var postgresVersion: String
    var universes: [Universe]
    var nodes: [Node]
    /// The highest number a node ever had: numbers are not used again.
    var lastNumber: Int
    var supervisor: SupervisorRecord?
    /// False until every node has answered once.
    var isUp = false

    /// Whether every node starts behind a proxy.
    var hasProxies: Bool { isDelayable || tlsRecordSize != nil }

    /// A new identifier as YugabyteDB writes them: 32 hexadecimal digits.
    static func newUUID() -> String {
        UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
    }

    func index(of number: Int) throws -> Int {
        guard let index = nodes.firstIndex(where: { $0.number == number }) else {
            let valid = nodes.map { String($0.number) }.joined(separator: ", ")
            throw LocalClusterError(.noSuchNode, "cluster '\(name)' has no node \(number); it has \(valid)")
        }
        return index
    }
}
