import ApusPQ
import ApusPython
import ApusWaiting
import CApusLibPQ
import CApusPsycopg

/// Raises an exception for a result that reports an error, with all of its fields.
struct ServerFailure {
    let result: OpaquePointer
    let encoding: ClientEncoding
    /// The text that was sent before the program's statement in the same message.
    var prefix = StatementPrefix()
    /// Text in front of the server's message.
    var preface = ""

    /// True if the statement was canceled: SQLSTATE 57014, query_canceled.
    var isCancellation: Bool {
        PQresultErrorField(result, apus_diag_sqlstate).map { strcmp($0, "57014") == 0 } ?? false
    }

    /// The server's message, as formatted by libpq.
    private var message: [UInt8] {
        PQresultErrorMessage(result).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    }

    /// The server's message, and the message of the exception; nil if nothing was sent before the program's statement.
    var shift: (said: [UInt8], shown: [UInt8])? {
        guard prefix.lines > 0 else { return nil }
        let message = message
        return (message, shiftingPositions(in: message))
    }

    /// Makes the exception pending.
    /// - Parameters:
    ///   - class: the exception's class; nil for that of the SQLSTATE.
    ///   - cursor: the cursor that executed the statement, if any.
    func raise(_ class: PyObj? = nil, cursor: PyObj?, connectionIsLost: Bool) -> PythonError {
        do throws(PythonError) {
            let text = shiftingPositions(in: message)
            let message = try decode(
                Array(preface.utf8)
                    + (text.isEmpty ? Array("no message from the server".utf8) : withoutSeverity(text)))
            // Retained, because a program may change the dict of the classes of SQLSTATEs.
            let type = PyRef(retaining: `class` ?? errorType(connectionIsLost: connectionIsLost))
            let exception = try type.object.call(message.object)
            if exception.object.isInstance(of: module.pointee.error) {
                let fields = exception.object.fields(apus_error.self)
                try replace(&fields.pointee.pgerror, with: decode(text))
                if let code = PQresultErrorField(result, apus_diag_sqlstate) {
                    try replace(&fields.pointee.pgcode, with: PyRef(cString: code))
                }
                replace(&fields.pointee.cursor, with: cursor.map { PyRef(retaining: $0) })
                try replace(&fields.pointee.fields, with: diagnostics())
            }
            return ApusPython.raise(exception.object.type, value: exception)
        } catch { return error }
    }

    private func errorType(connectionIsLost: Bool) -> PyObj {
        guard let code = PQresultErrorField(result, apus_diag_sqlstate) else {
            return connectionIsLost ? module.pointee.operationalError : module.pointee.databaseError
        }
        return errorClass(of: String(cString: code))
    }

    private func decode(_ bytes: [UInt8]) throws(PythonError) -> PyRef { try encoding.decode(bytes) }

    /// Removes the `ERROR:  ` at the start of the message.
    private func withoutSeverity(_ text: [UInt8]) -> [UInt8] {
        guard let severity = PQresultErrorField(result, apus_diag_severity) else { return text }
        let front = Array(UnsafeRawBufferPointer(start: severity, count: strlen(severity))) + Array(":  ".utf8)
        return text.starts(with: front) ? Array(text.dropFirst(front.count)) : text
    }

    /// Changes the positions in the message to those in the program's statement.
    private func shiftingPositions(in text: [UInt8]) -> [UInt8] {
        guard prefix.lines > 0, PQresultErrorField(result, apus_diag_statement_position) != nil else { return text }
        let primary = PQresultErrorField(result, apus_diag_message_primary)
        let feeds = primary.map { UnsafeRawBufferPointer(start: $0, count: strlen($0)).count { $0 == 10 } } ?? 0
        return prefix.removed(from: text, head: feeds + 1)
    }

    /// Returns the fields in the order of `DiagnosticField`, as a tuple.
    private func diagnostics() throws(PythonError) -> PyRef {
        let codes = [
            apus_diag_severity, apus_diag_severity_nonlocalized, apus_diag_sqlstate, apus_diag_message_primary,
            apus_diag_message_detail, apus_diag_message_hint, apus_diag_statement_position,
            apus_diag_internal_position, apus_diag_internal_query, apus_diag_context, apus_diag_schema_name,
            apus_diag_table_name, apus_diag_column_name, apus_diag_datatype_name, apus_diag_constraint_name,
            apus_diag_source_file, apus_diag_source_line, apus_diag_source_function,
        ]
        let fields = try PyRef(tupleOf: codes.count)
        for (index, code) in codes.enumerated() {
            guard let value = PQresultErrorField(result, code) else {
                fields.set(tupleItem: index, to: PyRef.none)
                continue
            }
            var bytes = Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
            if code == apus_diag_statement_position, let position = Int(String(decoding: bytes, as: UTF8.self)) {
                bytes = Array(String(prefix.position(position)).utf8)
            }
            try fields.set(tupleItem: index, to: decode(bytes))
        }
        return fields
    }
}

/// Raises the loss of the connection during a statement.
/// - Parameter cursor: the cursor that executed the statement, if any.
func raise(_ loss: PQError, cursor: PyObj?) -> PythonError {
    let raised = raise(loss)
    guard let exception = PendingException.take() else { return raised }
    if exception.object.isInstance(of: module.pointee.error) {
        let fields = exception.object.fields(apus_error.self)
        replace(&fields.pointee.cursor, with: cursor.map { PyRef(retaining: $0) })
        if let text = try? PyRef(loss.message + "\n") {
            replace(&fields.pointee.pgerror, with: text)
        } else {
            PendingException.clear()
        }
    }
    PendingException.restore(exception)
    return raised
}

/// Raises an error that is not a result from the server.
/// - Parameter whileOpening: true while connecting. As in psycopg2, an option that libpq refuses only then raises
///   OperationalError, while a connection string that cannot be parsed raises ProgrammingError.
func raise(_ error: PQError, whileOpening: Bool = false) -> PythonError {
    let state = module
    let type: PyObj
    switch error.kind {
    case .usage: type = state.pointee.interfaceError
    case .options where !whileOpening: type = state.pointee.programmingError
    case .memory:
        return raiseMemoryError()
    default: type = state.pointee.operationalError
    }
    let raised = raise(type, error.message + "\n")
    if let code = error.sqlState?.rawValue, let exception = PendingException.take() {
        if exception.object.isInstance(of: state.pointee.error) {
            let fields = exception.object.fields(apus_error.self)
            if let value = try? PyRef(code) {
                replace(&fields.pointee.pgcode, with: value)
            } else {
                PendingException.clear()
            }
        }
        PendingException.restore(exception)
    }
    return raised
}
