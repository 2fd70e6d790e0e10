/// What transactions begin with, as `set_session` and its properties have it.
public struct TransactionSettings: Sendable {
    /// PostgreSQL's isolation levels, with psycopg2's numbers.
    public enum Isolation: Int, Sendable {
        case readCommitted = 1
        case repeatableRead = 2
        case serializable = 3
        case readUncommitted = 4

        public var sql: String {
            switch self {
            case .readCommitted: "READ COMMITTED"
            case .repeatableRead: "REPEATABLE READ"
            case .serializable: "SERIALIZABLE"
            case .readUncommitted: "READ UNCOMMITTED"
            }
        }
    }

    /// The settings that a call names, besides autocommit.
    public struct Names: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let isolation = Names(rawValue: 1)
        public static let readonly = Names(rawValue: 2)
        public static let deferrable = Names(rawValue: 4)
    }

    public init() {}

    public var autocommit = false
    /// nil leaves it to the server's default.
    public var isolation: Isolation?
    public var readonly: Bool?
    public var deferrable: Bool?

    /// The command that starts a transaction.
    public var begin: String {
        var command = "BEGIN"
        if let isolation { command += " ISOLATION LEVEL \(isolation.sql)" }
        if let readonly { command += readonly ? " READ ONLY" : " READ WRITE" }
        if let deferrable { command += deferrable ? " DEFERRABLE" : " NOT DEFERRABLE" }
        return command
    }
}
