import ApusPQ
import ApusPython

/// Quotes names and texts for statements of the driver itself. They are quoted before they are encoded, because in
/// some client encodings a byte of a character looks like a quote or a backslash.
extension Connection {
    /// Returns an identifier in quotes. Raises InterfaceError if the connection is closed, ValueError for a NUL.
    func identifier(_ name: String) throws(PythonError) -> String { try quoted(name, by: "\"") }

    /// Returns a text as an SQL literal. Raises as `identifier` does.
    func literal(_ text: String) throws(PythonError) -> String {
        let quoted = try quoted(text, by: "'")
        if core.isShared { try rereadQuotingRules() }
        guard core.doublesBackslashes, quoted.utf8.contains(UInt8(ascii: "\\")) else { return quoted }
        return " E" + String(String.UnicodeScalarView(quoted.unicodeScalars.flatMap { $0 == "\\" ? [$0, $0] : [$0] }))
    }

    private func quoted(_ text: String, by quote: Unicode.Scalar) throws(PythonError) -> String {
        guard core.session != nil else { throw raise(module.pointee.interfaceError, "connection already closed") }
        var result = String.UnicodeScalarView([quote])
        for scalar in text.unicodeScalars {
            if scalar == "\0" { throw raiseValueError("A string literal cannot contain NUL (0x00) characters.") }
            if scalar == quote { result.append(quote) }
            result.append(scalar)
        }
        result.append(quote)
        return String(result)
    }

    /// Returns a statement of the driver in the client encoding. Raises UnicodeEncodeError if the statement contains a
    /// name that cannot be encoded.
    func encoded(_ statement: String) throws(PythonError) -> [UInt8] {
        if core.encoding.kind == .utf8 { return Array(statement.utf8) }
        let text = try PyRef(statement)
        let encoded = try core.encoding.encode(text.object)
        return Array(encoded.bytes)
    }
}
