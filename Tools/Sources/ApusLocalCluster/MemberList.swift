import Foundation

/// The file from which all servers of a universe answer `yb_servers()`, and the definition of that function.
///
/// All servers read one file, so all nodes always list the same. The row of a dead node contains its expiry time, so it
/// disappears on time even if the file is no longer written.
enum MemberList {
    /// The property names are the column names of the function.
    private struct Row: Encodable {
        var host: String
        var port: Int
        var num_connections = 0
        var node_type: String
        var cloud: String
        var region: String
        var zone: String
        var public_ip: String
        var uuid: String
        var universe_uuid: String
        var listed_until: Double?
    }

    static func encode(_ record: ClusterRecord, universe: ClusterRecord.Universe) throws -> Data {
        let rows = record.nodes.filter { $0.universe == universe.number }.map { node in
            Row(
                host: node.host, port: node.port, node_type: node.type.rawValue, cloud: node.placement.cloud,
                region: node.placement.region, zone: node.placement.zone, public_ip: node.publicIP, uuid: node.uuid,
                universe_uuid: universe.uuid, listed_until: node.lostAt.map { $0 + record.listedTTL })
        }
        return try JSONEncoder().encode(rows)
    }

    /// Returns true if `yb_servers()` currently lists the node.
    static func lists(_ node: ClusterRecord.Node, _ record: ClusterRecord) -> Bool {
        node.lostAt.map { $0 + record.listedTTL > Date().timeIntervalSince1970 } ?? true
    }

    /// Returns the definition of `yb_servers()`. It is in the system catalog, as in YugabyteDB, so that it is found
    /// with every search path.
    ///
    /// Columns, their order and types: YugabyteDB's `yb_system_views.sql` migrations V6, V22 and V59.5. Any role may
    /// call it. It reads the file with its owner's privileges, and the path is fixed, so that it cannot read other
    /// files.
    static func definition(_ kind: LocalCluster.ServersFunction) -> String? {
        var columns = [
            "host text", "port int8", "num_connections int8", "node_type text", "cloud text", "region text",
            "zone text", "public_ip text",
        ]
        switch kind {
        case .absent: return nil
        case .columns8: break
        case .columns9: columns += ["uuid text"]
        case .columns10: columns += ["uuid text", "universe_uuid text"]
        }
        let names = columns.map { "m." + $0.prefix { $0 != " " } }.joined(separator: ", ")
        let outputs = columns.map { "OUT " + $0 }.joined(separator: ", ")
        return """
            CREATE FUNCTION pg_catalog.yb_servers(\(outputs)) RETURNS SETOF record
            LANGUAGE sql VOLATILE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog AS $$
            SELECT \(names) FROM json_to_recordset(pg_read_file('../members')::json)
            AS m(\(columns.joined(separator: ", ")), listed_until float8)
            WHERE listed_until IS NULL OR listed_until > extract(epoch FROM clock_timestamp())
            $$
            """
    }
}
