/// The settings that transactions begin with: those of psycopg2's `set_session`, and of the properties of the same
/// names.
public struct TransactionSettings: Sendable {
    /// PostgreSQL's isolation levels, with psycopg2's numbers.
    public enum Isolation: Int, Sendable {
        case readCommitted = 1
        case repeatableRead = 2
        case serializable = 3
        case readUncommitted = 4

        /// The level in SQL, such as `READ COMMITTED`.
        public var sql: String {
            switch self {
            case .readCommitted: "READ COMMITTED"
            case .repeatableRead: "REPEATABLE READ"
            case .serializable: "SERIALIZABLE"
            case .readUncommitted: "READ UNCOMMITTED"
            }
        }
    }

    /// The settings that the arguments of a call name, apart from autocommit.
    public struct Names: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let isolation = Names(rawValue: 1)
        public static let readonly = Names(rawValue: 2)
        public static let deferrable = Names(rawValue: 4)
    }

    /// Creates settings without autocommit, with the server's defaults.
    public init() {}

    /// True if the driver begins no transactions.
    public var autocommit = false
    /// The isolation level; nil for the server's default.
    public var isolation: Isolation?
    /// Whether transactions are read-only; nil for the server's default.
    public var readonly: Bool?
    /// Whether transactions are deferrable; nil for the server's default.
    public var deferrable: Bool?

    /// The command that begins a transaction, such as `BEGIN READ ONLY`.
    public var begin: String {
        var command = "BEGIN"
        if let isolation { command += " ISOLATION LEVEL \(isolation.sql)" }
        if let readonly { command += readonly ? " READ ONLY" : " READ WRITE" }
        if let deferrable { command += deferrable ? " DEFERRABLE" : " NOT DEFERRABLE" }
        return command
    }
}
