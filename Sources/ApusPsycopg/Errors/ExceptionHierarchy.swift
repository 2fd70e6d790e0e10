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
    for line in sqlStateNames.bytes.split(separator: UInt8(ascii: "\n")) {
        let code = String(decoding: line.prefix(5), as: UTF8.self)
        let className = line.dropFirst(6)
        let type = try PyRef(
            exceptionNamed: "psycopg2.errors." + String(decoding: className, as: UTF8.self),
            base: baseError(of: code, state), doc: "SQLSTATE " + code + ", " + condition(className) + ".")
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

/// The docstrings of PEP 249's exceptions and of psycopg2's two.
private func meaning(of name: String) -> StaticString {
    switch name {
    case "Warning": "A warning that PEP 249 defines. The driver never raises it: see `connection.notices`."
    case "InterfaceError":
        "The driver was used in a wrong way, for example a closed connection or cursor."
    case "DatabaseError":
        "An error of the database, or of the connection to it. Subclasses say which kind."
    case "InternalError":
        "The state of the server or the transaction does not allow the statement, for example after an error."
    case "OperationalError":
        "The operation of the database failed: the connection was lost, memory ran out, or an administrator acted."
    case "ProgrammingError":
        "The statement or the call is wrong: a syntax error, a missing table, a wrong number of arguments."
    case "IntegrityError": "A constraint was violated, for example a foreign key or a unique index."
    case "DataError": "A value cannot be processed, for example a number out of range or a division by zero."
    case "NotSupportedError": "The server or the driver does not support the operation."
    case "QueryCanceledError": "The statement was canceled, by the program, by a time limit or by an administrator."
    case "TransactionRollbackError":
        "The server rolled the transaction back because of a conflict. Executing it again may succeed."
    case "CommandTimeout":
        "The statement did not end within `connection.command_timeout`."
    default: ""
    }
}

/// The server's name of a condition, from that of its class: unique_violation from UniqueViolation.
private func condition(_ className: Slice<UnsafeBufferPointer<UInt8>>) -> String {
    var name = className
    // These tell apart classes that would have the same name.
    if name.suffix(3).elementsEqual("Ext".utf8) { name = name.dropLast(3) }
    if name.last == UInt8(ascii: "_") { name = name.dropLast() }
    var condition: [UInt8] = []
    condition.reserveCapacity(name.count + 16)
    for letter in name {
        let isCapital = letter >= UInt8(ascii: "A") && letter <= UInt8(ascii: "Z")
        if isCapital, !condition.isEmpty { condition.append(UInt8(ascii: "_")) }
        condition.append(isCapital ? letter | 0x20 : letter)
    }
    return String(decoding: condition, as: UTF8.self)
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
