import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

/// Raises what a server answered, with everything that it said.
struct ServerFailure {
    let result: BorrowedResult
    let encoding: ClientEncoding
    /// What was sent in front of the program's statement.
    var prefix = StatementPrefix()
    /// What is to be said before the server's own words.
    var preface = ""

    /// Whether the server did what it was asked to: SQLSTATE 57014, query_canceled.
    var isCancellation: Bool {
        result.sqlState == .queryCanceled
    }

    /// The server's words, as libpq formats them.
    private var said: [UInt8] {
        result.encodedMessage
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
    func raise(_ class: PyObj? = nil, cursor: PyObj?, connectionIsLost: Bool) -> PythonError {
        do throws(PythonError) {
            let text = ownPositions(in: said)
            let message = try decode(
                Array(preface.utf8)
                    + (text.isEmpty ? Array("no message from the server".utf8) : withoutSeverity(text)))
            // The classes of SQLSTATEs are in a dict that programs may change.
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

    /// The message without the `ERROR:  ` in front.
    private func withoutSeverity(_ text: [UInt8]) -> [UInt8] {
        guard let severity = result.field(.severity) else { return text }
        let front = Array(severity) + Array(":  ".utf8)
        return text.starts(with: front) ? Array(text.dropFirst(front.count)) : text
    }

    /// The message as the program's statement alone would have got it.
    private func ownPositions(in text: [UInt8]) -> [UInt8] {
        guard prefix.lines > 0, result.field(.statementPosition) != nil else { return text }
        let feeds = result.field(.primary)?.count { $0 == 10 } ?? 0
        return prefix.removed(from: text, head: feeds + 1)
    }

    /// The fields in the order of `ErrorField`, as a tuple.
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

/// Raises the loss of the connection as the answer to a statement.
/// - Parameter cursor: the cursor that executed the statement, if one did.
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

/// Raises a failure that no server's result stands for.
/// - Parameter whileOpening: whether libpq is connecting: an option that it refuses only then is an OperationalError,
///   as in psycopg2, while what cannot be read as options at all is a ProgrammingError.
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
