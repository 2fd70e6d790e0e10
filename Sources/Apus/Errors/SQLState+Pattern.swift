import ApusPQ

/// The five characters by which PostgreSQL names a condition.
public typealias SQLState = ApusPQ.SQLState

/// An error or a notice as the server sent it, with every field.
public typealias ServerMessage = ApusPQ.ServerMessage

/// Matches errors by their SQLSTATE, so that `catch` can tell conditions apart:
///
///     do {
///         try await connection.execute("INSERT INTO account VALUES (\(id))")
///     } catch SQLState.uniqueViolation {
///         …
///     } catch SQLState.integrityConstraintViolation {  // a whole class
///         …
///     }
///
/// A pattern of five characters matches that code, one of two characters the class of that name.
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

/// Classes of conditions, for `catch`. Source: PostgreSQL's documentation, "PostgreSQL Error Codes".
extension SQLState {
    /// Class 08: connection exceptions.
    public static let connectionException: SQLState = "08"
    /// Class 22: data exceptions, such as division by zero.
    public static let dataException: SQLState = "22"
    /// Class 23: violations of any constraint.
    public static let integrityConstraintViolation: SQLState = "23"
    /// Class 40: the transaction was rolled back by the server; it may be run again.
    public static let transactionRollback: SQLState = "40"
    /// Class 42: syntax errors, missing objects and missing rights.
    public static let syntaxErrorOrAccessRuleViolation: SQLState = "42"
    /// Class 53: the server lacks memory, disk or connections.
    public static let insufficientResources: SQLState = "53"
    /// Class 57: an operator intervened: cancelled, shut down.
    public static let operatorIntervention: SQLState = "57"
}
