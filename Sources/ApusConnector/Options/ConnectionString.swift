import ApusPQ

/// A parsed connection string, in either of libpq's forms, with the smart driver's properties among libpq's own
/// keywords.
///
/// libpq refuses a keyword that it does not know, so the strings are parsed here, by libpq's rules, and never
/// rewritten. Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>
public struct ConnectionString: Sendable {
    /// Keywords and values in the order of the string. The smart driver's properties have their canonical names, and
    /// libpq's parameters libpq's names.
    public let parameters: [ConnectionParameter]
    /// The error that a plain connect fails with, if libpq's own error would show what may be a part of a password.
    let misplacedPassword: PQError?

    /// Parses keywords and values, or a URI; both may be empty.
    /// - Throws: ``PQError/Kind/options`` for a malformed string or an unknown keyword. The message never shows what
    ///   may be a password, or a part of one.
    public init(_ text: String) throws(PQError) {
        if Self.isURI(text) {
            let uri = ConnectionURI(text)
            parameters = try uri.parameters()
            misplacedPassword = uri.misplacedPassword
        } else {
            parameters = try Self.parse(text)
            misplacedPassword = nil
        }
    }

    /// The string as it may be shown: with `xxx` in place of passwords. `nil` if there is no password in it, so that
    /// the given text may be shown as it is.
    public var withHiddenSecrets: String? {
        if !parameters.contains(where: { $0.isSecret && !$0.value.isEmpty }) { return nil }
        return ConnectionParameter.format(parameters.map(\.shown))
    }

    /// A connection string as it may be shown: with `xxx` in place of passwords. One that cannot be parsed is not shown
    /// at all, because it is unknown where a password begins and ends.
    public static func hidingSecrets(in text: String) -> String {
        guard let string = try? ConnectionString(text) else { return "(malformed)" }
        return string.withHiddenSecrets ?? text
    }

    private static func parse(_ text: String) throws(PQError) -> [ConnectionParameter] {
        var parameters: [ConnectionParameter] = []
        let pairs = try parsePairs(text)
        for (index, pair) in pairs.enumerated() {
            guard let known = known(pair) else {
                let word = shown(pair.keyword, behind: pairs[..<index])
                throw PQError(.options, "invalid connection option\(word.utf8.first == 0x22 ? "" : ":") \(word)")
            }
            parameters.append(known)
        }
        return parameters
    }

    /// Whether libpq reads a text as a URI.
    private static func isURI(_ text: String) -> Bool {
        ["postgresql://", "postgres://"].contains { text.utf8.starts(with: $0.utf8) }
    }

    /// A parameter with its keyword's canonical name.
    /// - Throws: ``PQError/Kind/options`` for a keyword that neither libpq nor the smart driver knows.
    public static func recognised(_ parameter: ConnectionParameter) throws(PQError) -> ConnectionParameter {
        if let known = known(parameter) { return known }
        throw PQError(.options, "invalid connection option \"\(parameter.keyword)\"")
    }

    private static func known(_ parameter: ConnectionParameter) -> ConnectionParameter? {
        if let property = BalanceProperty(keyword: parameter.keyword) {
            return ConnectionParameter(property.rawValue, parameter.value)
        }
        return KnownKeywords.shared.contains(parameter.keyword) ? parameter : nil
    }

    // MARK: keyword=value

    private static func parsePairs(_ text: String) throws(PQError) -> [ConnectionParameter] {
        var pairs: [ConnectionParameter] = []
        var rest = Array(text.utf8)[...]
        func skipSpace() { rest = rest.drop(while: ASCII.isSpace) }
        while true {
            skipSpace()
            guard !rest.isEmpty else { return pairs }
            let keyword = string(rest.prefix { $0 != UInt8(ascii: "=") && !ASCII.isSpace($0) })
            rest = rest[(rest.startIndex + keyword.utf8.count)...]
            skipSpace()
            guard rest.first == UInt8(ascii: "=") else {
                let word = shown(keyword, behind: pairs[...])
                throw PQError(.options, "missing \"=\" after \(word) in connection info string")
            }
            rest.removeFirst()
            skipSpace()
            pairs.append(ConnectionParameter(keyword, try value(&rest)))
        }
    }

    private static func value(_ rest: inout ArraySlice<UInt8>) throws(PQError) -> String {
        var value: [UInt8] = []
        let isQuoted = rest.first == UInt8(ascii: "'")
        if isQuoted { rest.removeFirst() }
        while let byte = rest.first {
            if !isQuoted && ASCII.isSpace(byte) { return string(value[...]) }
            rest.removeFirst()
            if isQuoted && byte == UInt8(ascii: "'") { return string(value[...]) }
            if byte == UInt8(ascii: "\\") {
                if let escaped = rest.popFirst() { value.append(escaped) }
            } else {
                value.append(byte)
            }
        }
        if isQuoted { throw PQError(.options, "unterminated quoted string in connection info string") }
        return string(value[...])
    }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    // MARK: Errors

    /// How an error message names a word that is in the place of a keyword. It may be a part of a password that has
    /// spaces and no quotes, or that is in a URI of another scheme.
    private static func shown(_ word: String, behind pairs: ArraySlice<ConnectionParameter>) -> String {
        if !looksLikeKeyword(word) {
            return word.utf8.contains(UInt8(ascii: ":"))
                ? "a word that is no keyword (a URI begins with \"postgresql://\" or \"postgres://\")"
                : "a word that is no keyword"
        }
        if let secret = pairs.first(where: { known($0).map(\.isSecret) ?? true }) {
            let keyword = looksLikeKeyword(secret.keyword) ? "of \"\(secret.keyword)\"" : "before it"
            return "a word behind the value \(keyword) (a value with spaces must be in quotes)"
        }
        return "\"\(word)\""
    }

    /// Whether a text has only characters that keywords have.
    static func looksLikeKeyword(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
                default: false
                }
            }
    }
}
