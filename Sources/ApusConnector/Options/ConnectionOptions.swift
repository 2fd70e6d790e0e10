import ApusCluster
import ApusPQ
import ApusWaiting

/// All settings that decide where and how to connect, merged from all places where they can be given.
///
/// The precedence is libpq's: explicit settings (keywords before the connection string), then the service file, then
/// the environment, then libpq's defaults. The smart driver's properties can be given in any of them.
public struct ConnectionOptions: Sendable {
    /// The parameters that libpq gets: those given explicitly, and those of a service file that libpq would refuse.
    public let parameters: [ConnectionParameter]
    /// How to spread connections; `nil` if balancing is off.
    public var balance: BalanceOptions?
    /// How long each address may take to connect; `nil` for no limit.
    public let connectTimeout: Duration?

    /// The error that a plain connect fails with, where libpq's own would show what may be a part of a password.
    let misplacedPassword: PQError?

    /// The servers that the caller named, in order; empty if balancing is off. libpq has defaults for empty names.
    let contactPoints: [Target]
    /// The values that libpq will use for the user, database, password and password file, where they are known.
    private let effective: [String: String]
    /// The database's name, by libpq's rules; empty if the user is unknown as well.
    let database: String

    /// How long a node may take if balancing is on and no `connect_timeout` is given anywhere. Without it, a node that
    /// hangs would block a connect for ever although others are up. YugabyteDB's JDBC driver has the same ten seconds.
    static let defaultNodeTimeout: Duration = .seconds(10)
    /// YugabyteDB's port.
    static let defaultBalancedPort = 5433

    /// - Parameters:
    ///   - connectionString: keywords and values, or a URI; may be empty.
    ///   - keywords: settings that take precedence over the string.
    ///   - environment: reads an environment variable.
    /// - Throws: ``PQError/Kind/options`` for a malformed string, an unknown keyword, or a wrong value; the message
    ///   names the value and what would be valid.
    public init(
        _ connectionString: String = "", keywords: [ConnectionParameter] = [],
        environment: (String) -> String? = Self.environmentVariable
    ) throws(PQError) {
        try self.init(ConnectionString(connectionString), keywords: keywords, environment: environment)
    }

    /// The same for a string that is parsed already.
    public init(
        _ connectionString: ConnectionString, keywords: [ConnectionParameter] = [],
        environment: (String) -> String? = Self.environmentVariable
    ) throws(PQError) {
        var given: [ConnectionParameter] = []
        for parameter in connectionString.parameters { Self.set(parameter, in: &given) }
        for keyword in keywords { Self.set(try ConnectionString.recognised(keyword), in: &given) }
        let isElsewhere = keywords.contains { $0.keyword == "host" || $0.keyword == "port" }
        try self.init(
            merged: given, misplacedPassword: isElsewhere ? nil : connectionString.misplacedPassword,
            environment: environment)
    }

    private init(
        merged given: [ConnectionParameter], misplacedPassword: PQError?, environment: (String) -> String?
    ) throws(PQError) {
        self.misplacedPassword = misplacedPassword
        var given = given
        func explicit(_ keyword: String) -> String? { given.last { $0.keyword == keyword }?.value }

        let service = explicit("service") ?? environment("PGSERVICE")
        var section: [ConnectionParameter] = []
        if let service, !service.isEmpty { section = ServiceFile.section(service, environment: environment) ?? [] }
        if section.contains(where: { BalanceProperty(keyword: $0.keyword) != nil }) {
            // libpq would refuse the section, so its settings become explicit ones, and the service's name is removed.
            given.removeAll { $0.keyword == "service" }
            for setting in section {
                let setting = try ConnectionString.recognised(setting)
                if explicit(setting.keyword) == nil { given.append(setting) }
            }
            // libpq reads PGSERVICE if no service is given explicitly, and no setting prevents that.
            if let named = environment("PGSERVICE"), !named.isEmpty {
                throw PQError(
                    .options,
                    "service \"\(service ?? named)\" holds smart driver properties, which libpq refuses to read by way"
                        + " of PGSERVICE (\"\(named)\"): unset PGSERVICE and name the service in the connection string")
            }
        }

        func value(_ keyword: String) -> String? {
            explicit(keyword) ?? section.first { $0.keyword == keyword }?.value
                ?? KnownKeywords.shared.variable(keyword).flatMap(environment)
        }
        let balance = try BalanceOptions { property in
            explicit(property.rawValue) ?? environment(property.environmentVariable)
        }
        // The contact points are read below, and an error of theirs would show the wrong port.
        if balance != nil, let misplacedPassword { throw misplacedPassword }
        let timeoutText = value("connect_timeout")
        var timeout = try ConnectMachine.timeout(from: timeoutText)
        if balance != nil && timeoutText == nil { timeout = Self.defaultNodeTimeout }

        self.balance = balance
        connectTimeout = timeout
        parameters = given.filter { BalanceProperty(keyword: $0.keyword) == nil }
        contactPoints =
            balance == nil
            ? []
            : try Target.contactPoints(
                hosts: value("host"), addresses: value("hostaddr"), ports: value("port"))
        var effective: [String: String] = [:]
        for keyword in ["user", "dbname", "password", "passfile"] { effective[keyword] = value(keyword) }
        self.effective = effective
        let named = effective["dbname"].flatMap { $0.isEmpty ? nil : $0 }
        let user = effective["user"].flatMap { $0.isEmpty ? nil : $0 }
        database = named ?? user ?? (balance == nil ? nil : TextFile.userName) ?? ""
    }

    /// Reads a variable of the process's environment.
    public static func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static func set(_ parameter: ConnectionParameter, in list: inout [ConnectionParameter]) {
        list.removeAll { $0.keyword == parameter.keyword }
        list.append(parameter)
    }

    // MARK: For one node

    /// The parameters for a session on one host: the caller's, with the host in place of the contact points.
    func parameters(for target: Target) -> [ConnectionParameter] {
        let replaced: Set<String> = ["host", "hostaddr", "port", "connect_timeout"]
        var list = parameters.filter { !replaced.contains($0.keyword) }
        // They are explicit even if they are empty, because libpq would fill them from the environment otherwise.
        list.append(ConnectionParameter("host", target.endpoint.host))
        list.append(ConnectionParameter("hostaddr", target.address))
        list.append(ConnectionParameter("port", String(target.endpoint.port)))
        if let password = contactPassword(for: target) { list.append(ConnectionParameter("password", password)) }
        return list
    }

    /// The parameters for a control connection, which only reads the list of nodes: those for a session, without the
    /// ones that ask for a special kind of session.
    func controlParameters(for target: Target) -> [ConnectionParameter] {
        let dropped: Set<String> = ["replication", "target_session_attrs", "client_encoding"]
        return parameters(for: target).filter { !dropped.contains($0.keyword) }
            + [ConnectionParameter("target_session_attrs", "any"), ConnectionParameter("client_encoding", "UTF8")]
    }

    /// The password that the password file has for a contact point, if it has none for the node itself.
    private func contactPassword(for target: Target) -> String? {
        guard effective["password"] == nil,
            let path = effective["passfile"] ?? TextFile.home(Self.environmentVariable).map({ $0 + "/.pgpass" }),
            TextFile.isPrivate(path), let user = effective["user"] ?? TextFile.userName
        else { return nil }
        let database = effective["dbname"] ?? user
        func password(_ endpoint: Endpoint) -> String? {
            PasswordFile.password(path: path, endpoint: endpoint, database: database, user: user)
        }
        if password(target.endpoint) != nil { return nil }
        return contactPoints.lazy.compactMap { password($0.namedEndpoint) }.first
    }
}

/// Passwords are not shown.
extension ConnectionOptions: CustomStringConvertible, CustomReflectable {
    public var description: String { ConnectionParameter.format(parameters.map(\.shown)) }

    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "parameters": parameters, "balance": balance as Any, "connectTimeout": connectTimeout as Any,
                "contactPoints": contactPoints,
            ])
    }
}
