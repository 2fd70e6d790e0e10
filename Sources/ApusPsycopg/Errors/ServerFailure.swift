import ApusPQ
import CApusLibPQ
import CApusPython

/// Raises what a server answered, with everything that it said.
struct ServerFailure {
    let result: OpaquePointer
    let encoding: ClientEncoding
    /// Text that was sent in front of the program's statement, on lines of its own: positions are shown without it.
    var prefixLength = 0
    var prefixLines = 0
    /// What is to be said before the server's own words.
    var preface = ""

    /// Whether the server did what it was asked to: SQLSTATE 57014, query_canceled.
    var isCancellation: Bool {
        PQresultErrorField(result, apus_diag_sqlstate).map { strcmp($0, "57014") == 0 } ?? false
    }

    /// Sets the exception.
    /// - Parameters:
    ///   - class: the exception's; nil for that of the SQLSTATE.
    ///   - cursor: the cursor that executed the statement, if one did.
    func raise(_ class: PyObj? = nil, cursor: PyObj?, connectionIsLost: Bool) -> Raised {
        do throws(Raised) {
            let text = ownPositions(
                in: PQresultErrorMessage(result).map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
                    ?? [])
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

    /// libpq shows the line of the error and a caret below it: `LINE 2: …`. With a prefix of one line the program's
    /// statement begins on line 2; a number that becomes shorter moves the caret with it.
    private func ownPositions(in text: [UInt8]) -> [UInt8] {
        guard prefixLength > 0, PQresultErrorField(result, apus_diag_statement_position) != nil else { return text }
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        let front = Array("LINE ".utf8)
        guard let index = lines.firstIndex(where: { $0.starts(with: front) }),
            let colon = lines[index].firstIndex(of: UInt8(ascii: ":")),
            let number = Int(String(decoding: lines[index][front.count..<colon], as: UTF8.self)), number > prefixLines
        else { return text }
        let shown = Array(String(number - prefixLines).utf8)
        let shorter = colon - front.count - shown.count
        lines[index].replaceSubrange(front.count..<colon, with: shown)
        if shorter > 0, index + 1 < lines.count, lines[index + 1].starts(with: Array(repeating: 32, count: shorter)) {
            lines[index + 1].removeFirst(shorter)
        }
        return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
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
                bytes = Array(String(max(1, position - prefixLength)).utf8)
            }
            try apus_tuple_set(fields.object, index, decode(bytes))
        }
        return fields.take()
    }
}

/// Raises a failure that no server's result stands for.
/// - Parameter whileOpening: whether libpq is connecting: an option that it refuses only then is an OperationalError, as in
///   psycopg2, while what cannot be read as options at all is a ProgrammingError.
func raise(_ error: PQError, whileOpening: Bool = false) -> Raised {
    let state = module
    let type: PyObj
    switch error.kind {
    case .usage: type = state.pointee.interfaceError
    case .options where !whileOpening: type = state.pointee.programmingError
    case .memory: return raise(PyErr_NoMemory(), "")
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
