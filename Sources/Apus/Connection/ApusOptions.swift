import ApusConnector
import ApusPQ

/// How to connect: libpq's connection string or URI, and whatever is to be added to it.
///
///     let options: ApusOptions = "host=db1,db2 dbname=shop load_balance=true topology_keys=aws.us-east-1.*"
///
/// Everything that libpq knows is taken as libpq takes it: keywords, URIs, `PG…` environment variables, service and
/// password files, TLS. The five properties of YugabyteDB's smart drivers are keywords as well: `load_balance`,
/// `topology_keys`, `yb_servers_refresh_interval`, `fallback_to_topology_keys_only` and `failed_host_ttl_seconds`. The
/// values of `load_balance` are `false`, `true` and `any` (which mean the same), `only-primary`, `only-rr`,
/// `prefer-primary` and `prefer-rr`.
public struct ApusOptions: Sendable, ExpressibleByStringLiteral {
    /// Keywords and values, or a URI; may be empty.
    public var connectionString: String
    /// Keywords that take precedence over the string.
    public private(set) var keywords: [String: String] = [:]
    /// The loop that the connection belongs to; `nil` for ``ApusLoop/shared``.
    public var loop: ApusLoop?
    /// How many statements the server keeps prepared for a connection: one that is used again is not parsed again. 0
    /// prepares none, as some connection poolers need it.
    public var preparedStatements = 256
    /// Takes the server's notices and warnings; without it they are logged at level debug. It is called on a thread
    /// of the driver and must not block.
    public var onNotice: (@Sendable (ServerMessage) -> Void)?

    public init(_ connectionString: String = "") { self.connectionString = connectionString }
    public init(stringLiteral value: String) { connectionString = value }

    /// The value of a keyword of libpq or of the smart driver; `nil` takes it out again.
    public subscript(keyword: String) -> String? {
        get { keywords[keyword] }
        set { keywords[keyword] = newValue }
    }

    /// Names or addresses, several with commas between: the contact points of a cluster.
    public var host: String? {
        get { self["host"] }
        set { self["host"] = newValue }
    }
    /// 5433 by default when balancing is on, else libpq's own.
    public var port: Int? {
        get { self["port"].flatMap { Int($0) } }
        set { self["port"] = newValue.map { String($0) } }
    }
    public var database: String? {
        get { self["dbname"] }
        set { self["dbname"] = newValue }
    }
    public var user: String? {
        get { self["user"] }
        set { self["user"] = newValue }
    }
    public var password: String? {
        get { self["password"] }
        set { self["password"] = newValue }
    }
    /// `true`, `any`, `only-primary`, `only-rr`, `prefer-primary`, `prefer-rr`, or `false`.
    public var loadBalance: String? {
        get { self["load_balance"] }
        set { self["load_balance"] = newValue }
    }
    /// Placements to prefer, such as `aws.us-east-1.us-east-1a:1,aws.us-east-1.*:2`.
    public var topologyKeys: String? {
        get { self["topology_keys"] }
        set { self["topology_keys"] = newValue }
    }

    /// The merged options. Text is exchanged in UTF-8, whatever the environment asks for: Swift's strings are UTF-8.
    func resolved() throws -> ConnectionOptions {
        var parameters = keywords.filter { $0.key != "client_encoding" }.map { ConnectionParameter($0.key, $0.value) }
        parameters.append(ConnectionParameter("client_encoding", "UTF8"))
        return try ConnectionOptions(connectionString, keywords: parameters)
    }
}

/// Passwords are not shown: not by `print`, not by `dump`, and not in a log.
extension ApusOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let shown = keywords.sorted { $0.key < $1.key }.map { ConnectionParameter($0.key, $0.value).shown }
        let parts = [ConnectionString.hidingSecrets(in: connectionString), ConnectionParameter.format(shown)]
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    public var debugDescription: String { "ApusOptions(\(description))" }

    public var customMirror: Mirror {
        Mirror(self, children: ["options": description, "preparedStatements": preparedStatements])
    }
}
