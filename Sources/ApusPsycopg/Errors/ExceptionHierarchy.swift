import ApusPython

/// Makes the exceptions of PEP 249, the two that psycopg2 adds, and a class for each SQLSTATE.
func makeExceptions(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(PythonError) {
    state.pointee.warning = try exception("Warning", "psycopg2.Warning", Python.exception, in: owner)
    state.pointee.error = try makeErrorType(in: owner).take()
    try owner.add(state.pointee.error, as: "Error")
    state.pointee.diagnostics = try makeDiagnosticsType(in: owner).take()
    try owner.add(state.pointee.diagnostics, as: "Diagnostics")

    let error = state.pointee.error
    state.pointee.interfaceError = try exception("InterfaceError", "psycopg2.InterfaceError", error, in: owner)
    state.pointee.databaseError = try exception("DatabaseError", "psycopg2.DatabaseError", error, in: owner)
    let database = state.pointee.databaseError
    state.pointee.internalError = try exception("InternalError", "psycopg2.InternalError", database, in: owner)
    state.pointee.operationalError = try exception(
        "OperationalError", "psycopg2.OperationalError", database, in: owner)
    state.pointee.programmingError = try exception(
        "ProgrammingError", "psycopg2.ProgrammingError", database, in: owner)
    state.pointee.integrityError = try exception("IntegrityError", "psycopg2.IntegrityError", database, in: owner)
    state.pointee.dataError = try exception("DataError", "psycopg2.DataError", database, in: owner)
    state.pointee.notSupportedError = try exception(
        "NotSupportedError", "psycopg2.NotSupportedError", database, in: owner)
    let operational = state.pointee.operationalError
    state.pointee.queryCanceledError = try exception(
        "QueryCanceledError", "psycopg2.extensions.QueryCanceledError", operational, in: owner)
    state.pointee.transactionRollbackError = try exception(
        "TransactionRollbackError", "psycopg2.extensions.TransactionRollbackError", operational, in: owner)

    state.pointee.sqlStateErrors = try PyRef.dict().take()
    for line in String(cString: sqlStateNames.c).split(separator: "\n") {
        let code = String(line.prefix(5))
        let name = "psycopg2.errors.\(line.dropFirst(6))"
        let type = try PyRef(exceptionNamed: name, base: baseError(of: code, state), doc: "")
        try state.pointee.sqlStateErrors.set(code, to: type.object)
    }
    try owner.add(state.pointee.sqlStateErrors, as: "sqlstate_errors")
    state.pointee.commandTimeout = try exception(
        "CommandTimeout", "psycopg2.apus.CommandTimeout",
        state.pointee.sqlStateErrors.item("57014") ?? state.pointee.queryCanceledError, in: owner)
}

/// Makes an exception class and adds it to the module.
/// - Returns: a new reference, for the module's state.
private func exception(
    _ name: StaticString, _ qualifiedName: StaticString, _ base: PyObj, in owner: PyObj
) throws(PythonError) -> PyObj {
    let type = try PyRef(exceptionNamed: qualifiedName, base: base, doc: meaning(of: "\(name)"))
    try owner.add(type.object, as: name)
    return type.take()
}

/// The docstrings of PEP 249's exceptions.
private func meaning(of name: String) -> StaticString {
    switch name {
    case "Warning": "What deserves attention without being an error, such as truncated data."
    case "InterfaceError": "A wrong use of the driver, such as of a closed connection."
    case "DatabaseError": "What a server, or the way to it, did not carry out."
    case "InternalError": "The server, or a transaction, is in a state that allows no such statement."
    case "OperationalError": "The server could not do it, or cannot be reached, through no fault of the program's."
    case "ProgrammingError": "The statement or the call is wrong: its syntax, its names, the number of its arguments."
    case "IntegrityError": "A constraint of the data would not hold any more."
    case "DataError": "A value that cannot be processed, such as a number out of its range."
    case "NotSupportedError": "The server, or the driver, cannot do that at all."
    case "QueryCanceledError": "The statement was canceled."
    case "TransactionRollbackError": "The transaction was rolled back for the sake of another: it may be tried again."
    default: ""
    }
}

/// Returns the class of PEP 249 for an SQLSTATE. It is also the base of the class of that SQLSTATE, if there is one.
/// See PEP 249 for the purpose of its classes, and appendix A of PostgreSQL's manual for the classes of SQLSTATEs.
func baseError(of sqlState: String, _ state: UnsafeMutablePointer<ModuleState>) -> PyObj {
    switch sqlState.prefix(2) {
    case "0A": state.pointee.notSupportedError
    case "20", "21", "3D", "3F", "42", "44": state.pointee.programmingError
    case "22": state.pointee.dataError
    case "23": state.pointee.integrityError
    case "24", "25", "2B", "2D", "2F", "38", "39", "3B", "F0", "P0", "XX": state.pointee.internalError
    case "40": state.pointee.transactionRollbackError
    case "57": sqlState == "57014" ? state.pointee.queryCanceledError : state.pointee.operationalError
    case "08", "26", "27", "28", "34", "53", "54", "55", "58", "HV": state.pointee.operationalError
    default: state.pointee.databaseError
    }
}

/// Returns the class to raise for an SQLSTATE, borrowed.
func errorClass(of sqlState: String) -> PyObj {
    if let type = module.pointee.sqlStateErrors.item(sqlState) { return type }
    return baseError(of: sqlState, module)
}
