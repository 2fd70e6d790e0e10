import ApusPython
import CApusPsycopg

/// Makes `psycopg2.Error`: an exception with the fields of the server's error.
func makeErrorType(in owner: PyObj) throws(PythonError) -> PyRef {
    try PyRef(
        typeNamed: "psycopg2.Error", in: owner, size: MemoryLayout<apus_error>.size,
        flags: [.subclassable, .collected], base: Python.exception,
        signature: "(*args)",
        doc: """
            Base class of all errors of the driver and the server.

                try:
                    cursor.execute("SELECT * FROM missing")
                except psycopg2.Error as error:
                    print(error.pgcode, error.diag.message_primary)
            """,
        [
            .traverse(apus_error_traverse), .clear(apus_error_clear), .dealloc(apus_error_dealloc),
            .members(errorMembers),
            .properties(errorProperties),
            .methods(errorMethods),
        ])
}

/// Returns (class, args) for an error without pgerror and pgcode, otherwise (class, args, {'pgerror': …, 'pgcode': …}).
private func reduceError(_ me: PyObj) throws(PythonError) -> PyRef {
    let error = me.fields(apus_error.self)
    let arguments = try me.attribute("args")
    guard error.pointee.pgerror != nil || error.pointee.pgcode != nil else {
        return try PyRef(tuple: me.type, arguments.object)
    }
    let state = try PyRef.dict()
    try state.object.set("pgerror", to: error.pointee.pgerror ?? Python.none)
    try state.object.set("pgcode", to: error.pointee.pgcode ?? Python.none)
    return try PyRef(tuple: me.type, arguments.object, state.object)
}

private func restoreError(_ me: PyObj, _ state: PyObj) throws(PythonError) {
    if state.isNone { return }
    guard state.isDict else { throw raiseTypeError("state is not a dictionary") }
    let error = me.fields(apus_error.self)
    replace(&error.pointee.pgerror, with: state.item("pgerror").map { PyRef(retaining: $0) })
    replace(&error.pointee.pgcode, with: state.item("pgcode").map { PyRef(retaining: $0) })
}

/// Made once, because CPython keeps pointers into it.
private let errorMethods = Methods([
    .plain(
        "__reduce__", "Return what pickle and copy need to create the error again, without its cursor."
    ) { me, _ in
        returningObject { () throws(PythonError) in try reduceError(receiver(me)) }
    },
    .one(
        "__setstate__", "(state, /)",
        "Restore the error from a pickle. Raises TypeError unless `state` is a dict or None."
    ) { me, state in
        returningObject { () throws(PythonError) in
            try restoreError(receiver(me), receiver(state))
            return PyRef.none
        }
    },
])

/// Made once, because CPython keeps pointers into it.
private let errorMembers = Members([
    .field(
        "pgerror",
        "Whole error message of the server; a str, None if the error is not from a server.",
        \apus_error.pgerror),
    .field(
        "pgcode",
        "SQLSTATE of the error; a str, None if the error is not from a server.",
        \apus_error.pgcode),
    .field(
        "cursor", "The cursor that was in use when the error was raised, or None.", \apus_error.cursor),
])

/// Made once, because CPython keeps pointers into it.
private let errorProperties = Properties([
    .computed("diag", "Details of the error that the server sent, as a Diagnostics.") { me, _ in
        returningObject { () throws(PythonError) in
            try module.pointee.diagnostics.call(receiver(me))
        }
    }
])
