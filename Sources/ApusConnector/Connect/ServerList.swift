import ApusCluster
import ApusPQ

/// Reads the answer of `yb_servers()`.
///
/// Columns are taken by name: `uuid` and `universe_uuid` came with newer versions, and a cluster that is half upgraded
/// answers with fewer columns than its binaries know.
enum ServerList {
    /// What discovery asks. Every call is a request to the cluster's master leader.
    static let query = "SELECT * FROM yb_servers()"

    /// - Throws: ``PQError/Kind/server`` when a column that every version has is missing.
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
            // A row without a usable address cannot be connected to; it hurts only itself.
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

    /// Whether an address that a contact point was reached at is a node's own or its public one, as far as that can be
    /// seen. Names are not resolved for it: that could take long, and where it is undecided the first connect finds
    /// out.
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
