import ApusLocalCluster
import ArgumentParser
import Foundation

struct ClusterStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows a cluster and the state of each node.")

    @OptionGroup var which: ClusterName
    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func run() async throws {
        let cluster = try which.cluster
        print(json ? try Self.json(cluster) : Self.table(cluster))
    }

    static func table(_ cluster: LocalCluster) -> String {
        var rows = [["node", "host", "address", "type", "placement", "public", "state", "listed", "pid"]]
        for node in cluster.nodes {
            let delay = node.delay > .zero ? " +\(Int(node.delay / .milliseconds(1))) ms" : ""
            rows.append([
                String(node.number), node.host, "\(node.address):\(node.port)", node.type.rawValue,
                node.placement.description, node.publicIP.isEmpty ? "-" : node.publicIP, node.state.rawValue + delay,
                node.isListed ? "yes" : "no", node.pid.map(String.init) ?? "-",
            ])
        }
        if Set(cluster.nodes.map(\.universe)).count > 1 {
            rows[0].append("universe")
            for (index, node) in cluster.nodes.enumerated() { rows[index + 1].append(String(node.universe)) }
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
        }
        if let certificate = cluster.authorityCertificate { lines.append("certificate authority: \(certificate)") }
        if cluster.isUp, !cluster.isSupervised {
            lines.append("The supervisor does not run: nodes killed from outside stay listed, and delays do not work.")
        }
        return lines.joined(separator: "\n")
    }

    static func json(_ cluster: LocalCluster) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(Report(cluster)), as: UTF8.self)
    }

    /// The JSON output. Programs in other languages rely on it, so keys may be added, but never changed.
    private struct Report: Encodable {
        var name: String
        var directory: String
        var user = LocalCluster.user
        var password = LocalCluster.password
        var dbname = LocalCluster.database
        @OrNull var caCertificate: String?
        var supervised: Bool
        var nodes: [NodeReport]

        init(_ cluster: LocalCluster) {
            name = cluster.name
            directory = cluster.directory
            caCertificate = cluster.authorityCertificate
            supervised = cluster.isSupervised
            nodes = cluster.nodes.map(NodeReport.init)
        }
    }

    /// Encodes nil as null; by default the encoder omits the key.
    @propertyWrapper
    private struct OrNull<Value: Encodable>: Encodable {
        var wrappedValue: Value?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(wrappedValue)
        }
    }

    private struct NodeReport: Encodable {
        var number: Int
        var host: String
        var address: String
        var port: Int
        var publicIp: String
        var type: String
        var placement: String
        var cloud: String
        var region: String
        var zone: String
        var state: String
        var listed: Bool
        @OrNull var pid: Int32?
        var dataDir: String
        var log: String
        var uuid: String
        var universe: Int
        var universeUuid: String
        var delayMs: Int

        init(_ node: LocalCluster.Node) {
            number = node.number
            host = node.host
            address = node.address
            port = node.port
            publicIp = node.publicIP
            type = node.type.rawValue
            placement = node.placement.description
            cloud = node.placement.cloud
            region = node.placement.region
            zone = node.placement.zone
            state = node.state.rawValue
            listed = node.isListed
            pid = node.pid
            dataDir = node.dataDirectory
            log = node.logFile
            uuid = node.uuid
            universe = node.universe
            universeUuid = node.universeUUID
            delayMs = Int(node.delay / .milliseconds(1))
        }
    }
}
