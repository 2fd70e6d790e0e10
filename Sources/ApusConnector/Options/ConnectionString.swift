import ApusPQ

/// Connection strings in both of libpq's forms, with the smart driver's properties among libpq's own keywords.
///
/// libpq refuses a keyword that it does not know, so the strings are taken apart here, by libpq's rules
/// (documentation, "Connection Strings"), and never rewritten.
public enum ConnectionString {
    /// Takes a connection string or URI apart, into keywords and values in their order. The smart driver's properties
    /// come under their canonical names; libpq's under libpq's.
    /// - Throws: ``PQError/Kind/options`` for a malformed string or a keyword that nobody knows.
    public static func parse(_ text: String) throws(PQError) -> [ConnectionParameter] {
        let isURI = text.hasPrefix("postgresql://") || text.hasPrefix("postgres://")
        if isURI { return try parseURI(text) }
        var parameters: [ConnectionParameter] = []
        for pair in try parsePairs(text) { parameters.append(try recognised(pair)) }
        return parameters
    }

    /// A keyword under the name that counts.
    /// - Throws: ``PQError/Kind/options`` for a keyword that neither libpq nor the smart driver knows.
    public static func recognised(_ parameter: ConnectionParameter) throws(PQError) -> ConnectionParameter {
        if let property = BalanceProperty(keyword: parameter.keyword) {
            return ConnectionParameter(property.rawValue, parameter.value)
        }
        if KnownKeywords.shared.contains(parameter.keyword) { return parameter }
        throw PQError(.options, "invalid connection option \"\(parameter.keyword)\"")
    }

    // MARK: keyword=value

    private static func parsePairs(_ text: String) throws(PQError) -> [ConnectionParameter] {
        var pairs: [ConnectionParameter] = []
        var rest = Array(text.utf8)[...]
        func skipSpace() { rest = rest.drop(while: isSpace) }
        while true {
            skipSpace()
            guard !rest.isEmpty else { return pairs }
            let keyword = rest.prefix { $0 != UInt8(ascii: "=") && !isSpace($0) }
            rest = rest[keyword.endIndex...]
            skipSpace()
            guard rest.first == UInt8(ascii: "=") else {
                throw PQError(.options, "missing \"=\" after \"\(string(keyword))\" in connection info string")
            }
            rest.removeFirst()
            skipSpace()
            pairs.append(ConnectionParameter(string(keyword), try value(&rest)))
        }
    }

    private static func value(_ rest: inout ArraySlice<UInt8>) throws(PQError) -> String {
        var value: [UInt8] = []
        let isQuoted = rest.first == UInt8(ascii: "'")
        if isQuoted { rest.removeFirst() }
        while let byte = rest.first {
            if !isQuoted && isSpace(byte) { return string(value[...]) }
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

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    // MARK: URI

    /// The smart driver's properties are picked out of the query; libpq parses what is left.
    private static func parseURI(_ text: String) throws(PQError) -> [ConnectionParameter] {
        let utf8 = Array(text.utf8)
        let authority = (utf8.firstIndex(of: UInt8(ascii: ":")) ?? 0) + 3
        // User and password end at the first "@" that comes before any "/"; a "?" inside them is theirs.
        let user = utf8[authority...].firstIndex { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "/") }
        let start = user.map { utf8[$0] == UInt8(ascii: "@") ? $0 : authority } ?? authority
        guard let question = utf8[start...].firstIndex(of: UInt8(ascii: "?")) else {
            return try ConnectionParameter.parse(text)
        }
        var ours: [ConnectionParameter] = []
        var theirs: [ArraySlice<UInt8>] = []
        for part in utf8[(question + 1)...].split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) {
            let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            if let property = BalanceProperty(keyword: try decoded(pair[0])) {
                guard pair.count == 2, !pair[1].contains(UInt8(ascii: "=")) else {
                    throw PQError(
                        .options,
                        "\(pair.count < 2 ? "missing" : "extra") key/value separator \"=\" in URI query parameter: "
                            + "\"\(string(part))\"")
                }
                ours.append(ConnectionParameter(property.rawValue, try decoded(pair[1])))
            } else {
                theirs.append(part)
            }
        }
        if ours.isEmpty { return try ConnectionParameter.parse(text) }
        var rest = string(utf8[..<question])
        if !theirs.isEmpty { rest += "?" + theirs.map(string).joined(separator: "&") }
        return try ConnectionParameter.parse(rest) + ours
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) throws(PQError) -> String {
        guard bytes.contains(UInt8(ascii: "%")) else { return string(bytes) }
        var decoded: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                decoded.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal),
                high << 4 | low != 0
            else { throw PQError(.options, "invalid percent-encoded token: \"\(string(bytes))\"") }
            decoded.append(high << 4 | low)
        }
        return string(decoded[...])
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
