import ApusCluster
import ApusPQ

/// Reads the answer of `yb_servers()`.
///
/// Columns are found by name, because newer versions have added `uuid` and `universe_uuid`, and a cluster that is half
/// upgraded answers with fewer columns than its binaries know.
enum ServerList {
    /// The query for the list. Every call is a request to the cluster's master leader.
    static let query = "SELECT * FROM yb_servers()"

    /// The nodes of an answer.
    /// - Throws: ``PQError/Kind/server`` if a column is missing that every version has.
    static func nodes(of result: borrowing PQResult) throws(PQError) -> [ClusterNode] {
        func column(_ name: String) throws(PQError) -> Int {
            if let column = result.column(named: name) { return column }
            throw PQError(.server, "yb_servers() has no column \"\(name)\"")
        }
        let host = try column("host"), port = try column("port"), kind = try column("node_type")
        let cloud = try column("cloud"), region = try column("region"), zone = try column("zone")
        let publicIP = result.column(named: "public_ip")
        let uuid = result.column(named: "uuid"), universe = result.column(named: "universe_uuid")

        var nodes: [ClusterNode] = []
        for row in 0..<result.rowCount {
            func text(_ column: Int?) -> String? {
                column.flatMap { result.text(row, $0) }.flatMap { $0.isEmpty ? nil : $0 }
            }
            // A row without a usable address is skipped, and does not affect the others.
            guard let name = text(host), let number = text(port).flatMap({ Int($0) }), (1...65535).contains(number)
            else { continue }
            nodes.append(
                ClusterNode(
                    endpoint: Endpoint(host: name, port: number), publicHost: text(publicIP),
                    kind: text(kind) == ClusterNode.Kind.primary.rawValue ? .primary : .readReplica,
                    placement: Placement(
                        cloud: text(cloud) ?? "", region: text(region) ?? "", zone: text(zone) ?? ""),
                    uuid: text(uuid), universeUUID: text(universe)))
        }
        return nodes
    }

    /// Whether a contact point was reached at a node's private or public address. Names are not resolved for this,
    /// because that may take long; if it is undecided, the first connect finds out.
    /// - Parameter reached: what the list was read from. Its address is empty for a Unix socket.
    static func addressing(of nodes: [ClusterNode], at reached: Target) -> Cluster.Addressing {
        func isReached(_ name: String) -> Bool {
            !name.isEmpty && (name == reached.endpoint.host || name == reached.address)
        }
        if nodes.contains(where: { isReached($0.endpoint.host) }) { return .privateHost }
        if nodes.contains(where: { isReached($0.publicHost ?? "") }) { return .publicHost }
        return .undecided
    }
}
