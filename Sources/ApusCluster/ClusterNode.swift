/// A host and a port. Hosts are equal if they are written with the same bytes.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// A name, an address in numbers, or a directory of Unix sockets.
    public var host: String
    /// A port number, 1 to 65535.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.port == right.port && left.host.isWritten(as: right.host)
    }

    /// `host:port`, with brackets around an IPv6 address.
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// A node of a cluster: one row of `yb_servers()`.
public struct ClusterNode: Sendable, Hashable {
    /// Whether a node holds primary data or is a read replica.
    public enum Kind: String, Sendable, Hashable {
        case primary
        case readReplica = "read_replica"
    }

    /// The private name or address, and the port of the YSQL service.
    public var endpoint: Endpoint
    /// The public name or address; `nil` where the node has none.
    public var publicHost: String?
    public var kind: Kind
    /// Where the node runs: cloud, region and zone.
    public var placement: Placement
    /// The node's identity; only newer versions report it.
    public var uuid: String?
    /// The cluster's identity; only the newest versions report it.
    public var universeUUID: String?

    /// An empty public name or uuid means `nil`, as in the rows of `yb_servers()`.
    public init(
        endpoint: Endpoint, publicHost: String? = nil, kind: Kind = .primary, placement: Placement,
        uuid: String? = nil, universeUUID: String? = nil
    ) {
        self.endpoint = endpoint
        self.publicHost = publicHost?.nonEmpty
        self.kind = kind
        self.placement = placement
        self.uuid = uuid?.nonEmpty
        self.universeUUID = universeUUID?.nonEmpty
    }

    /// Both names of a node. Two rows with the same names are one server, whatever their uuids are.
    struct Addresses: Hashable {
        var endpoint: Endpoint
        var publicHost: String?

        static func == (left: Self, right: Self) -> Bool {
            left.endpoint == right.endpoint && left.publicHost.isWritten(as: right.publicHost)
        }
    }

    var addresses: Addresses { Addresses(endpoint: endpoint, publicHost: publicHost) }

    /// Whether a connection to an endpoint, private or public, leads to this node.
    func answers(at endpoint: Endpoint) -> Bool {
        self.endpoint == endpoint
            || (publicHost.isWritten(as: endpoint.host) && self.endpoint.port == endpoint.port)
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }

    /// Whether two texts are written with the same bytes. Swift's `==` also equates texts that Unicode calls
    /// canonically equivalent, but for DNS and for a file system these are two names.
    func isWritten(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension Optional<String> {
    fileprivate func isWritten(as other: String?) -> Bool {
        guard let self, let other else { return self == nil && other == nil }
        return self.isWritten(as: other)
    }
}
