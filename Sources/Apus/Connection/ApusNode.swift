import ApusCluster
import ApusPQ

/// Where a node of a cluster is: cloud, region and zone.
public typealias Placement = ApusCluster.Placement

/// The server that a connection is to.
public struct ApusNode: Sendable, Hashable, CustomStringConvertible {
    /// The name or address that was connected to; for a Unix socket, its directory.
    public let host: String
    /// The port that was connected to.
    public let port: Int
    /// The numeric address that was connected to; `nil` for a Unix socket.
    public let address: String?
    /// Where the node is; `nil` for a connection that was not balanced.
    public let placement: Placement?
    /// Whether the node is a read replica; `nil` for a connection that was not balanced.
    public let isReadReplica: Bool?

    init(_ session: borrowing OpenSession) {
        host = session.connection.host ?? ""
        port = session.connection.port.flatMap { Int($0) } ?? 0
        address = session.connection.hostAddress.flatMap { $0.isEmpty ? nil : $0 }
        placement = session.reservation?.node.placement
        isReadReplica = session.reservation.map { $0.node.kind == .readReplica }
    }

    /// Compares the bytes of the host, as ``Endpoint`` does.
    public static func == (left: Self, right: Self) -> Bool {
        Endpoint(host: left.host, port: left.port) == Endpoint(host: right.host, port: right.port)
            && left.address == right.address && left.placement == right.placement
            && left.isReadReplica == right.isReadReplica
    }

    /// The host and the port, such as `db1:5433`.
    public var description: String { Endpoint(host: host, port: port).description }
}
