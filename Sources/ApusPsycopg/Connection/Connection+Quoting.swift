import ApusPQ
import ApusPython

/// Names and texts that the driver itself puts into statements. They are quoted as text, before they become bytes of
/// the client's encoding, where a byte may be part of a character and look like a quote or a backslash.
extension Connection {
    /// An identifier in quotes. Raises InterfaceError on a closed connection, ValueError for a NUL.
    func identifier(_ name: String) throws(PythonError) -> String { try quoted(name, by: "\"") }

    /// A text in quotes.
    func literal(_ text: String) throws(PythonError) -> String {
        let quoted = try quoted(text, by: "'")
        if core.isShared { try lookAgain() }
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

    /// A statement of the driver's own in the client's encoding. Raises UnicodeEncodeError for a name in it that the
    /// encoding cannot hold.
    func encoded(_ statement: String) throws(PythonError) -> [UInt8] {
        if core.encoding.kind == .utf8 { return Array(statement.utf8) }
        let text = try PyRef(statement)
        let encoded = try core.encoding.encode(text.object)
        return Array(encoded.bytes)
    }
}
