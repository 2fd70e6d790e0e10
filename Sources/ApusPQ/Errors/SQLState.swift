/// The code of five characters that identifies an error or a warning. The first two characters are its class.
///
///     catch let error as PQError where error.sqlState == .uniqueViolation { … }
///     catch let error as PQError where error.sqlState?.errorClass == "23" { … }
///
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
public struct SQLState: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The five characters, such as `23505`.
    public let rawValue: String

    /// Makes a code from its five characters, which are not checked.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Makes a code from its five characters, which are not checked.
    public init(stringLiteral value: String) { rawValue = value }

    /// The class, that is, the first two characters, such as `28` for invalid authorization.
    public var errorClass: String { String(rawValue.prefix(2)) }

    /// The five characters.
    public var description: String { rawValue }
}

extension SQLState {
    /// 08006: the connection failed.
    public static let connectionFailure: SQLState = "08006"
    /// 0A000: the feature is not supported.
    public static let featureNotSupported: SQLState = "0A000"
    /// 23505: a unique constraint or index would be violated.
    public static let uniqueViolation: SQLState = "23505"
    /// 23503: a foreign key would be violated.
    public static let foreignKeyViolation: SQLState = "23503"
    /// 23502: NULL for a column that is `NOT NULL`.
    public static let notNullViolation: SQLState = "23502"
    /// 23514: a check constraint would be violated.
    public static let checkViolation: SQLState = "23514"
    /// 28P01: the password is wrong.
    public static let invalidPassword: SQLState = "28P01"
    /// 28000: the login is not allowed.
    public static let invalidAuthorization: SQLState = "28000"
    /// 3D000: the database does not exist.
    public static let invalidCatalogName: SQLState = "3D000"
    /// 40001: concurrent transactions could not be serialized. The transaction may be run again.
    public static let serializationFailure: SQLState = "40001"
    /// 40P01: the transaction was the victim of a deadlock. It may be run again.
    public static let deadlockDetected: SQLState = "40P01"
    /// 42601: a syntax error.
    public static let syntaxError: SQLState = "42601"
    /// 42501: a privilege is missing.
    public static let insufficientPrivilege: SQLState = "42501"
    /// 25P02: a statement was sent in a transaction that has failed.
    public static let inFailedSQLTransaction: SQLState = "25P02"
    /// 42P01: the table does not exist.
    public static let undefinedTable: SQLState = "42P01"
    /// 42703: the column does not exist.
    public static let undefinedColumn: SQLState = "42703"
    /// 42883: no such function, or none with these types.
    public static let undefinedFunction: SQLState = "42883"
    /// 53300: the server has too many connections.
    public static let tooManyConnections: SQLState = "53300"
    /// 57014: the statement was cancelled.
    public static let queryCanceled: SQLState = "57014"
    /// 57P01: an administrator ended the session, or the server shuts down.
    public static let adminShutdown: SQLState = "57P01"
    /// 57P02: the server ended all sessions because a process of it crashed.
    public static let crashShutdown: SQLState = "57P02"
    /// 57P03: the server is starting up, shutting down or recovering.
    public static let cannotConnectNow: SQLState = "57P03"
    /// XX000: an internal error of the server.
    public static let internalError: SQLState = "XX000"
}
