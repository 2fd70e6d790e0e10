import Foundation

/// The contents of `cluster.json`: the options of a cluster and the changes made by commands. It does not record
/// whether a node is alive, which is determined from its processes.
struct ClusterRecord: Sendable, Codable {
    struct Node: Sendable, Codable {
        var number: Int
        var universe: Int
        var uuid: String
        /// The address for clients.
        var address: String
        var port: Int
        /// The server's own port, if a proxy listens at `port`.
        var portBehindProxy: Int?
        var delayMilliseconds: Int
        /// Its host in `yb_servers()`.
        var host: String
        /// True if `host` is a name that the cluster makes resolvable.
        var ownsHostName: Bool
        var publicIP: String
        var placement: LocalCluster.Placement
        var type: LocalCluster.NodeType
        /// True if the node was stopped by a command, not killed.
        var isStopped: Bool
        /// The time of its last sign of life, in seconds since 1970; nil if it is alive.
        var lostAt: Double?
    }

    struct Universe: Sendable, Codable {
        var number: Int
        var uuid: String
    }

    struct SupervisorRecord: Sendable, Codable {
        var pid: Int32
        /// True if it is a separate process, false if it is a thread of the process that started the cluster.
        var isDetached: Bool
    }

    var name: String
    var port: Int
    var listedTTL: Double
    var authentication: LocalCluster.Authentication
    var encryption: LocalCluster.Encryption
    var serversFunction: LocalCluster.ServersFunction
    var isDelayable: Bool
    /// The TLS record size of the proxies, in bytes; nil if PostgreSQL itself terminates TLS.
    var tlsRecordSize: Int?
    var hostNames: Bool
    var account: ServerAccount
    var binaries: String
    var postgresVersion: String
    var universes: [Universe]
    var nodes: [Node]
    /// The highest node number so far. Numbers are not reused.
    var lastNumber: Int
    var supervisor: SupervisorRecord?
    /// True once every node has accepted connections.
    var isUp = false

    /// True if every node starts behind a proxy.
    var hasProxies: Bool { isDelayable || tlsRecordSize != nil }

    /// A new identifier in YugabyteDB's format: 32 hexadecimal digits.
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
