import ApusPQ
import CApusLibPQ
import CApusPython

/// Raises what a server answered, with everything that it said.
struct ServerFailure {
    let result: OpaquePointer
    let encoding: ClientEncoding
    /// What was sent in front of the program's statement.
    var prefix = StatementPrefix()
    /// What is to be said before the server's own words.
    var preface = ""

    /// Whether the server did what it was asked to: SQLSTATE 57014, query_canceled.
    var isCancellation: Bool {
        PQresultErrorField(result, apus_diag_sqlstate).map { strcmp($0, "57014") == 0 } ?? false
    }

    /// The server's words, as libpq formats them.
    private var said: [UInt8] {
        PQresultErrorMessage(result).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    }

    /// The words, and those that the exception has, if something was sent in front of the program's statement.
    var shift: (said: [UInt8], shown: [UInt8])? {
        guard prefix.lines > 0 else { return nil }
        let said = said
        return (said, ownPositions(in: said))
    }

    /// Sets the exception.
    /// - Parameters:
    ///   - class: the exception's; nil for that of the SQLSTATE.
    ///   - cursor: the cursor that executed the statement, if one did.
    func raise(_ class: PyObj? = nil, cursor: PyObj?, connectionIsLost: Bool) -> Raised {
        do throws(Raised) {
            let text = ownPositions(in: said)
            let message = try Owned(
                decode(
                    Array(preface.utf8)
                        + (text.isEmpty ? Array("no message from the server".utf8) : withoutSeverity(text))))
            // The classes of SQLSTATEs are in a dict that programs may change.
            let type = Owned((`class` ?? errorType(connectionIsLost: connectionIsLost)).retained())
            let exception = try Owned(owned(apus_call1(type.object, message.object)))
            if apus_is_instance(exception.object, module.pointee.error) != 0 {
                let fields = exception.object.fields(apus_error.self)
                try replace(&fields.pointee.pgerror, with: decode(text))
                if let code = PQresultErrorField(result, apus_diag_sqlstate) {
                    try replace(&fields.pointee.pgcode, with: python(c: code))
                }
                replace(&fields.pointee.cursor, with: cursor?.retained())
                try replace(&fields.pointee.fields, with: diagnostics())
            }
            PyErr_SetObject(apus_type_object(exception.object), exception.object)
        } catch {}
        return Raised()
    }

    private func errorType(connectionIsLost: Bool) -> PyObj {
        guard let code = PQresultErrorField(result, apus_diag_sqlstate) else {
            return connectionIsLost ? module.pointee.operationalError : module.pointee.databaseError
        }
        return errorClass(of: String(cString: code))
    }

    private func decode(_ bytes: [UInt8]) throws(Raised) -> PyObj { try encoding.decode(bytes) }

    /// The message without the `ERROR:  ` in front.
    private func withoutSeverity(_ text: [UInt8]) -> [UInt8] {
        guard let severity = PQresultErrorField(result, apus_diag_severity) else { return text }
        let front = Array(UnsafeRawBufferPointer(start: severity, count: strlen(severity))) + Array(":  ".utf8)
        return text.starts(with: front) ? Array(text.dropFirst(front.count)) : text
    }

    /// The message as the program's statement alone would have got it.
    private func ownPositions(in text: [UInt8]) -> [UInt8] {
        guard prefix.lines > 0, PQresultErrorField(result, apus_diag_statement_position) != nil else { return text }
        let primary = PQresultErrorField(result, apus_diag_message_primary)
        let feeds = primary.map { UnsafeRawBufferPointer(start: $0, count: strlen($0)).count { $0 == 10 } } ?? 0
        return prefix.removed(from: text, head: feeds + 1)
    }

    /// The fields in the order of `DiagnosticField`, as a tuple.
    private func diagnostics() throws(Raised) -> PyObj {
        let codes = [
            apus_diag_severity, apus_diag_severity_nonlocalized, apus_diag_sqlstate, apus_diag_message_primary,
            apus_diag_message_detail, apus_diag_message_hint, apus_diag_statement_position,
            apus_diag_internal_position, apus_diag_internal_query, apus_diag_context, apus_diag_schema_name,
            apus_diag_table_name, apus_diag_column_name, apus_diag_datatype_name, apus_diag_constraint_name,
            apus_diag_source_file, apus_diag_source_line, apus_diag_source_function,
        ]
        let fields = try Owned(owned(PyTuple_New(codes.count)))
        for (index, code) in codes.enumerated() {
            guard let value = PQresultErrorField(result, code) else {
                apus_tuple_set(fields.object, index, none())
                continue
            }
            var bytes = Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
            if code == apus_diag_statement_position, let position = Int(String(decoding: bytes, as: UTF8.self)) {
                bytes = Array(String(prefix.position(position)).utf8)
            }
            try apus_tuple_set(fields.object, index, decode(bytes))
        }
        return fields.take()
    }
}

/// Raises the loss of the connection as the answer to a statement.
/// - Parameter cursor: the cursor that executed the statement, if one did.
func raise(_ loss: PQError, cursor: PyObj?) -> Raised {
    let raised = raise(loss)
    guard let exception = apus_take_exception() else { return raised }
    if apus_is_instance(exception, module.pointee.error) != 0 {
        let fields = exception.fields(apus_error.self)
        replace(&fields.pointee.cursor, with: cursor?.retained())
        if let text = try? python(loss.message + "\n") {
            replace(&fields.pointee.pgerror, with: text)
        } else {
            PyErr_Clear()
        }
    }
    apus_give_exception(exception)
    return raised
}

/// Raises a failure that no server's result stands for.
/// - Parameter whileOpening: whether libpq is connecting: an option that it refuses only then is an OperationalError,
///   as in psycopg2, while what cannot be read as options at all is a ProgrammingError.
func raise(_ error: PQError, whileOpening: Bool = false) -> Raised {
    let state = module
    let type: PyObj
    switch error.kind {
    case .usage: type = state.pointee.interfaceError
    case .options where !whileOpening: type = state.pointee.programmingError
    case .memory:
        PyErr_NoMemory()
        return Raised()
    default: type = state.pointee.operationalError
    }
    let raised = raise(type, error.message + "\n")
    if let code = error.sqlState?.rawValue, let exception = apus_take_exception() {
        if apus_is_instance(exception, state.pointee.error) != 0 {
            let fields = exception.fields(apus_error.self)
            if let value = try? python(code) { replace(&fields.pointee.pgcode, with: value) } else { PyErr_Clear() }
        }
        apus_give_exception(exception)
    }
    return raised
}
