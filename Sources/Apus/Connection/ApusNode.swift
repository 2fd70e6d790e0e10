import ApusCluster
import ApusPQ

/// Where a node of a cluster stands: cloud, region and zone.
public typealias Placement = ApusCluster.Placement

/// The server that a connection is to.
public struct ApusNode: Sendable, Hashable, CustomStringConvertible {
    /// The name or address that was connected to; a directory for a Unix socket.
    public let host: String
    public let port: Int
    /// The address that was reached, in numbers; `nil` for a Unix socket.
    public let address: String?
    /// Where the node stands; `nil` for a connection that was not balanced.
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

    /// A name or a directory is what its bytes are, as for ``Endpoint``.
    public static func == (left: Self, right: Self) -> Bool {
        Endpoint(host: left.host, port: left.port) == Endpoint(host: right.host, port: right.port)
            && left.address == right.address && left.placement == right.placement
            && left.isReadReplica == right.isReadReplica
    }

    public var description: String { Endpoint(host: host, port: port).description }
}
