import ApusPQ

/// The code of five characters that identifies an error or a warning.
public typealias SQLState = ApusPQ.SQLState

/// An error or a notice of the server, with all its fields.
public typealias ServerMessage = ApusPQ.ServerMessage

/// Matches errors by their SQLSTATE in `catch`:
///
///     do {
///         try await connection.execute("INSERT INTO account VALUES (\(id))")
///     } catch SQLState.uniqueViolation {
///         …
///     } catch SQLState.integrityConstraintViolation {  // a whole class
///         …
///     }
///
/// A pattern of five characters matches that code, and one of two characters matches the class.
public func ~= (pattern: SQLState, error: any Error) -> Bool {
    let state =
        switch error {
        case let error as ApusError: error.sqlState
        case let error as PQError: error.sqlState
        default: SQLState?.none
        }
    guard let state else { return false }
    return pattern.rawValue.utf8.count == 2 ? state.errorClass == pattern.rawValue : state == pattern
}

/// Classes of errors, for `catch`.
///
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
extension SQLState {
    /// Class 08: connection exceptions.
    public static let connectionException: SQLState = "08"
    /// Class 22: data exceptions, such as division by zero.
    public static let dataException: SQLState = "22"
    /// Class 23: violations of any constraint.
    public static let integrityConstraintViolation: SQLState = "23"
    /// Class 40: the server rolled the transaction back; it may be run again.
    public static let transactionRollback: SQLState = "40"
    /// Class 42: syntax errors, missing objects and missing privileges.
    public static let syntaxErrorOrAccessRuleViolation: SQLState = "42"
    /// Class 53: the server lacks memory, disk or connections.
    public static let insufficientResources: SQLState = "53"
    /// Class 57: an operator intervened, for example by a cancel or a shutdown.
    public static let operatorIntervention: SQLState = "57"
}
