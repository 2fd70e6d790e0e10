import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

/// Raises an exception for a result that reports an error, with all of its fields.
struct ServerFailure {
    let result: BorrowedResult
    let encoding: ClientEncoding
    /// The text that was sent before the program's statement in the same message.
    var prefix = StatementPrefix()
    /// Text in front of the server's message.
    var preface = ""

    /// True if the statement was canceled: SQLSTATE 57014, query_canceled.
    var isCancellation: Bool {
        result.sqlState == .queryCanceled
    }

    /// The server's message, as formatted by libpq.
    private var message: [UInt8] {
        result.encodedMessage
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
                if let code = result.sqlState {
                    try replace(&fields.pointee.pgcode, with: PyRef(code.rawValue))
                }
                replace(&fields.pointee.cursor, with: cursor.map { PyRef(retaining: $0) })
                try replace(&fields.pointee.fields, with: diagnostics())
            }
            return ApusPython.raise(exception.object.type, value: exception)
        } catch { return error }
    }

    private func errorType(connectionIsLost: Bool) -> PyObj {
        guard let code = result.sqlState else {
            return connectionIsLost ? module.pointee.operationalError : module.pointee.databaseError
        }
        return errorClass(of: code.rawValue)
    }

    private func decode(_ bytes: [UInt8]) throws(PythonError) -> PyRef { try encoding.decode(bytes) }

    /// Removes the `ERROR:  ` at the start of the message.
    private func withoutSeverity(_ text: [UInt8]) -> [UInt8] {
        guard let severity = result.field(.severity) else { return text }
        let front = Array(severity) + Array(":  ".utf8)
        return text.starts(with: front) ? Array(text.dropFirst(front.count)) : text
    }

    /// Changes the positions in the message to those in the program's statement.
    private func shiftingPositions(in text: [UInt8]) -> [UInt8] {
        guard prefix.lines > 0, result.field(.statementPosition) != nil else { return text }
        let feeds = result.field(.primary)?.count { $0 == 10 } ?? 0
        return prefix.removed(from: text, head: feeds + 1)
    }

    /// Returns the fields in the order of `DiagnosticField`, as a tuple.
    private func diagnostics() throws(PythonError) -> PyRef {
        let fields = try PyRef(tupleOf: ErrorField.allCases.count)
        for field in ErrorField.allCases {
            guard let value = result.field(field) else {
                fields.set(tupleItem: field.rawValue, to: PyRef.none)
                continue
            }
            var bytes = Array(value)
            if field == .statementPosition, let position = result.statementPosition {
                bytes = Array(String(prefix.position(position)).utf8)
            }
            try fields.set(tupleItem: field.rawValue, to: decode(bytes))
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
