import ApusConnector
import ApusPQ

/// How to connect: a connection string or URI of libpq, and keywords that take precedence over it.
///
///     var options: ApusOptions = "host=db1,db2 dbname=shop load_balance=true topology_keys=aws.us-east-1.*"
///     options.user = "clerk"
///     let connection = try await ApusConnection.connect(options)
///
/// All of libpq's options have their meaning in libpq: keywords, URIs, `PG…` environment variables, service and
/// password files, TLS. The five properties of YugabyteDB's smart drivers are keywords as well:
///
/// - `load_balance`: `false`, `true` or `any` (which mean the same), `only-primary`, `only-rr`, `prefer-primary` or
///   `prefer-rr`
/// - `topology_keys`: placements to prefer
/// - `yb_servers_refresh_interval`: how old the list of nodes may be, 0 to 600 seconds; 300 by default
/// - `fallback_to_topology_keys_only`: whether only nodes that match `topology_keys` are used
/// - `failed_host_ttl_seconds`: how long a node that failed is avoided, 0 to 60 seconds; 5 by default
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
public struct ApusOptions: Sendable, ExpressibleByStringLiteral {
    /// Keywords and values, or a URI. It may be empty.
    public var connectionString: String
    /// The keywords that take precedence over the string.
    public private(set) var keywords: [String: String] = [:]
    /// The loop that the connection belongs to; `nil` for ``ApusLoop/shared``.
    public var loop: ApusLoop?
    /// The maximum number of statements that the server keeps prepared for a connection, so that it need not parse them
    /// each time. If it is 0, none is prepared, which some connection poolers require.
    public var preparedStatements = 256
    /// Receives the server's notices and warnings. Without a handler they are logged at level debug. The handler is
    /// called on a thread of the driver, and must not block.
    public var onNotice: (@Sendable (ServerMessage) -> Void)?

    /// Makes options from a connection string or URI.
    public init(_ connectionString: String = "") { self.connectionString = connectionString }
    /// Makes options from a connection string or URI.
    public init(stringLiteral value: String) { connectionString = value }

    /// The value of a keyword of libpq or of the smart drivers. `nil` removes the keyword.
    public subscript(keyword: String) -> String? {
        get { keywords[keyword] }
        set { keywords[keyword] = newValue }
    }

    /// The names or addresses of servers, separated by commas. With load balancing, they are the contact points of a
    /// cluster.
    public var host: String? {
        get { self["host"] }
        set { self["host"] = newValue }
    }
    /// The port. The default is 5433 with load balancing, and libpq's default without it.
    public var port: Int? {
        get { self["port"].flatMap { Int($0) } }
        set { self["port"] = newValue.map { String($0) } }
    }
    /// The name of the database.
    public var database: String? {
        get { self["dbname"] }
        set { self["dbname"] = newValue }
    }
    /// The name of the user.
    public var user: String? {
        get { self["user"] }
        set { self["user"] = newValue }
    }
    /// The password.
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

    /// The merged options. The client encoding is always UTF-8, because Swift's strings are UTF-8.
    func resolved() throws -> ConnectionOptions {
        var parameters = keywords.filter { $0.key != "client_encoding" }.map { ConnectionParameter($0.key, $0.value) }
        parameters.append(ConnectionParameter("client_encoding", "UTF8"))
        return try ConnectionOptions(connectionString, keywords: parameters)
    }
}

/// Passwords are hidden from `print`, `dump` and logs.
extension ApusOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The options as a connection string, with passwords replaced by `xxx`.
    public var description: String {
        let shown = keywords.sorted { $0.key < $1.key }.map { ConnectionParameter($0.key, $0.value).shown }
        let parts = [ConnectionString.hidingSecrets(in: connectionString), ConnectionParameter.format(shown)]
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The options, with passwords replaced by `xxx`.
    public var debugDescription: String { "ApusOptions(\(description))" }

    /// The options, with passwords replaced by `xxx`.
    public var customMirror: Mirror {
        Mirror(self, children: ["options": description, "preparedStatements": preparedStatements])
    }
}
