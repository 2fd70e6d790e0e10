import ApusPQ

/// A connection URI. libpq parses it, except for the smart driver's properties, which are removed from the query first.
///
/// libpq's messages repeat the URI and its password, so errors are found and worded here. If a character of a password
/// is not percent-encoded though it has to be, a part of the password looks like a host, a port or a parameter. Where
/// that is possible, error messages show nothing of the URI.
struct ConnectionURI {
    private typealias Bytes = ArraySlice<UInt8>

    private let bytes: [UInt8]
    /// What is before the first `@`, if there is no `/` before it.
    private let user: Bytes?
    /// Hosts and ports.
    private let hosts: Bytes
    private let database: Bytes
    private let query: Bytes?

    /// - Parameter text: begins with `postgresql://` or `postgres://`.
    init(_ text: String) {
        bytes = Array(text.utf8)
        var rest = bytes[((bytes.firstIndex(of: UInt8(ascii: ":")) ?? 0) + 3)...]
        // User and password end at the first "@", if there is no "/" before it; they may contain a "?".
        let end = rest.firstIndex { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "/") }
        if let end, rest[end] == UInt8(ascii: "@") {
            user = rest[..<end]
            rest = rest[(end + 1)...]
        } else {
            user = nil
        }
        hosts = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        rest = rest[hosts.endIndex...]
        database = rest.prefix { $0 != UInt8(ascii: "?") }
        rest = rest[database.endIndex...]
        query = rest.isEmpty ? nil : rest.dropFirst()
    }

    /// Whether a part of the user or the password may be behind its place, or in place of a host and its port.
    private var mayMisplacePassword: Bool {
        let rest = hosts + database + (query ?? [])
        return rest.contains(UInt8(ascii: "@")) || (user == nil && hasOddPort)
    }

    /// Whether a port is no number.
    private var hasOddPort: Bool {
        hosts.split(separator: UInt8(ascii: ",")).contains { host in
            let name = host.first == UInt8(ascii: "[") ? host.prefix { $0 != UInt8(ascii: "]") } : host.prefix(0)
            let port = host[name.endIndex...].drop { $0 != UInt8(ascii: ":") }.dropFirst()
            return !port.allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    // MARK: Parsing

    /// The parameters of the URI.
    /// - Throws: ``PQError/Kind/options``.
    func parameters() throws(PQError) -> [ConnectionParameter] {
        var ours: [ConnectionParameter] = []
        var theirs: [Bytes] = []
        for part in parts(query ?? []) {
            let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let keyword = Self.decoded(pair[0]), let property = BalanceProperty(keyword: keyword) else {
                theirs.append(part)
                continue
            }
            try checkPair(part)
            guard let value = Self.decoded(pair[1]) else {
                throw invalidToken("the value of \(property.rawValue)", pair[1])
            }
            ours.append(ConnectionParameter(property.rawValue, value))
        }
        var rest = bytes
        if let query, !ours.isEmpty {
            rest = Array(bytes[..<(query.startIndex - (theirs.isEmpty ? 1 : 0))])
            rest += theirs.joined(separator: [UInt8(ascii: "&")])
        }
        let parameters: [ConnectionParameter]
        do { parameters = try ConnectionParameter.parse(String(decoding: rest, as: UTF8.self)) + ours } catch {
            throw explained(error)
        }
        try checkText()
        return parameters
    }

    /// Refuses bytes that are not UTF-8, because values are strings here, which would silently replace such bytes.
    private func checkText() throws(PQError) {
        guard bytes.contains(UInt8(ascii: "%")) else { return }
        let names = user?.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false) ?? []
        var places = Array(zip(names, ["the user", "the password"])) + [(hosts, "a host or port")]
        places.append((database, "the database"))
        for part in parts(query ?? []) {
            let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            if let value = pair.last {
                places.append((value, "the value of \(Self.decoded(pair[0]) ?? "a parameter")"))
            }
        }
        for (text, place) in places
        where Self.decodedBytes(text).flatMap({ String(validating: $0, as: UTF8.self) }) == nil {
            throw malformed("the percent-encoded bytes in \(place) of the URI are not UTF-8")
        }
    }

    private func parts(_ query: Bytes) -> [Bytes] {
        query.isEmpty ? [] : query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false)
    }

    /// A text with its percent-encoded bytes decoded; `nil` if one of them is malformed, or zero.
    private static func decoded(_ bytes: Bytes) -> String? {
        decodedBytes(bytes).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func decodedBytes(_ bytes: Bytes) -> [UInt8]? {
        var decoded: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                decoded.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal),
                high << 4 | low != 0
            else { return nil }
            decoded.append(high << 4 | low)
        }
        return decoded
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    // MARK: Errors

    private static let hint =
        "in a URI's user and password these characters must be percent-encoded: / (%2F), ? (%3F), @ (%40), : (%3A),"
        + " % (%25)"

    private func malformed(_ what: String) -> PQError {
        PQError(.options, mayMisplacePassword ? "\(what); \(Self.hint)" : what)
    }

    /// - Parameter token: shown, unless it may be a part of a password.
    private func invalidToken(_ place: String, _ token: Bytes? = nil) -> PQError {
        let shown = token.flatMap { mayMisplacePassword ? nil : ": \"\(String(decoding: $0, as: UTF8.self))\"" } ?? ""
        return malformed(
            "invalid percent-encoded token in \(place) of the URI\(shown) (a % must be followed by two hexadecimal"
                + " digits, and %00 is not allowed)")
    }

    /// The error that libpq found, looked for in libpq's order and worded without what may be a password.
    private func explained(_ error: PQError) -> PQError {
        if let user {
            let parts = user.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            if Self.decoded(parts[0]) == nil { return invalidToken("the user") }
            if parts.count > 1, Self.decoded(parts[1]) == nil { return invalidToken("the password") }
        }
        for host in hosts.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            if host.first == UInt8(ascii: "[") {
                guard let end = host.firstIndex(of: UInt8(ascii: "]")) else {
                    return malformed("the IPv6 host address in the URI has no matching \"]\"")
                }
                if end == host.startIndex + 1 { return malformed("the IPv6 host address in the URI is empty") }
                let next = host[(end + 1)...].first
                if let next, next != UInt8(ascii: ":") {
                    return malformed(
                        "unexpected character behind the IPv6 host address in the URI (expected \":\" or \"/\")")
                }
            }
            if Self.decoded(host) == nil { return invalidToken("a host or port", host) }
        }
        if Self.decoded(database) == nil { return invalidToken("the database", database) }
        for part in parts(query ?? []) {
            do throws(PQError) { try checkPair(part) } catch { return error }
            let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let keyword = Self.decoded(pair[0]) else { return invalidToken("a query parameter") }
            let isKnown =
                BalanceProperty(keyword: keyword) != nil || KnownKeywords.shared.contains(keyword) || keyword == "ssl"
            if !isKnown { return malformed("invalid URI query parameter\(shown(pair[0]))") }
            if Self.decoded(pair[1]) == nil {
                let isSecret = ConnectionParameter(keyword, "").isSecret
                return invalidToken("the value of \(keyword)", isSecret ? nil : pair[1])
            }
        }
        return malformed("the URI is malformed")
    }

    private func checkPair(_ part: Bytes) throws(PQError) {
        let pieces = part.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
        if pieces.count == 2 { return }
        let separator = "\(pieces.count < 2 ? "missing" : "extra") key/value separator \"=\""
        throw malformed("\(separator) in URI query parameter\(shown(pieces[0]))")
    }

    /// A query parameter's keyword, for an error message, if it can be no part of a password.
    private func shown(_ keyword: Bytes) -> String {
        let text = String(decoding: keyword, as: UTF8.self)
        return mayMisplacePassword || !ConnectionString.looksLikeKeyword(text) ? "" : ": \"\(text)\""
    }

    /// The error for a port that is no number, or a host with an `@`, if these may be parts of a password: libpq would
    /// find it only when it connects, and repeat them. `nil` if there is no such error, or it may be shown.
    var misplacedPassword: PQError? {
        guard mayMisplacePassword else { return nil }
        // A host that begins with an "@" is a socket in Linux's abstract namespace.
        let hasOddHost = hosts.split(separator: UInt8(ascii: ",")).contains {
            $0.dropFirst().contains(UInt8(ascii: "@"))
        }
        if hasOddHost { return malformed("there is an \"@\" in a host name or port of the URI") }
        return hasOddPort ? malformed("invalid port number in the URI") : nil
    }
}
