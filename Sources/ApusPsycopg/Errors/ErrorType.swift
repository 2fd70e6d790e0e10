import CApusPython

/// `psycopg2.Error`: an exception with what the server said about it.
func makeErrorType(in owner: PyObj) throws(Raised) -> PyObj {
    try makeType(
        "psycopg2.Error", in: owner, size: MemoryLayout<apus_error>.size,
        flags: apus_flag_subclass | apus_flag_collected, bases: apus_exc_exception(),
        [
            .doc("Base class for error exceptions."),
            .traverse(apus_error_traverse), .clear(apus_error_clear), .dealloc(apus_error_dealloc),
            .members(
                permanent(
                    [
                        .field("pgerror", "The error message returned by the backend, or None.", \apus_error.pgerror),
                        .field("pgcode", "The SQLSTATE of the error, or None.", \apus_error.pgcode),
                        .field("cursor", "The cursor that raised the exception, or None.", \apus_error.cursor),
                    ], end: .end)),
            .properties(
                permanent(
                    [
                        .computed("diag", "What the server said about the error, as a Diagnostics.") { me, _ in
                            answer { () throws(Raised) in
                                try owned(apus_call1(module.pointee.diagnostics, receiver(me)))
                            }
                        }
                    ], end: .end)),
            .methods(
                permanent(
                    [
                        .plain("__reduce__", "Pickles the error without its cursor.") { me, _ in
                            answer { () throws(Raised) in try reduceError(receiver(me)) }
                        },
                        .one("__setstate__", "Restores a pickled error.") { me, state in
                            answer { () throws(Raised) in
                                try restoreError(receiver(me), receiver(state))
                                return none()
                            }
                        },
                    ], end: .end)),
        ])
}

/// (class, args) for an error that no server raised, else (class, args, {'pgerror': …, 'pgcode': …}).
private func reduceError(_ me: PyObj) throws(Raised) -> PyObj {
    let error = me.fields(apus_error.self)
    let arguments = try Owned(attribute("args", of: me))
    guard error.pointee.pgerror != nil || error.pointee.pgcode != nil else {
        return try owned(apus_tuple2(apus_type_object(me), arguments.object))
    }
    let state = try Owned(owned(PyDict_New()))
    try check(PyDict_SetItemString(state.object, "pgerror", error.pointee.pgerror ?? apus_none()))
    try check(PyDict_SetItemString(state.object, "pgcode", error.pointee.pgcode ?? apus_none()))
    return try owned(apus_tuple3(apus_type_object(me), arguments.object, state.object))
}

private func restoreError(_ me: PyObj, _ state: PyObj) throws(Raised) {
    if state.isNone { return }
    guard apus_is_dict(state) != 0 else { throw raiseTypeError("state is not a dictionary") }
    let error = me.fields(apus_error.self)
    replace(&error.pointee.pgerror, with: PyDict_GetItemString(state, "pgerror")?.retained())
    replace(&error.pointee.pgcode, with: PyDict_GetItemString(state, "pgcode")?.retained())
}

/// What CPython never leaves out of a call; asked for all the same, so that nothing is unwrapped by force.
@inline(__always)
func receiver(_ object: PyObj?) throws(Raised) -> PyObj {
    guard let object else { throw raise(apus_exc_runtime(), "called without an object") }
    return object
}
