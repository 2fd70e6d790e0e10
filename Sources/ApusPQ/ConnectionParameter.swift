import CApusLibPQ

/// A keyword of a connection string, and its value.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
public struct ConnectionParameter: Sendable, Hashable {
    /// libpq's keyword, such as `host`.
    public var keyword: String
    /// The value, without quotes and backslashes of a connection string.
    public var value: String

    /// Makes a parameter.
    public init(_ keyword: String, _ value: String) {
        self.keyword = keyword
        self.value = value
    }

    /// A row of libpq's table of options (`PQconninfoOption`).
    public struct Known: Sendable {
        /// The keyword, such as `host`.
        public var keyword: String
        /// The environment variable that gives the default value, such as `PGHOST`, if there is one.
        public var environmentVariable: String?
        /// The value, if there is one.
        public var value: String?
        /// Whether the value is a password.
        public var isSecret: Bool
        /// Whether the option is for debugging, and hidden by default.
        public var isDebug: Bool

        var parameter: ConnectionParameter { ConnectionParameter(keyword, value ?? "") }
    }

    /// All keywords of this libpq, without values.
    /// - Throws: ``PQError/Kind/memory``.
    public static func known() throws(PQError) -> [Known] {
        // An empty string parses to all options and, unlike PQconndefaults, does not depend on PGSERVICE.
        guard let options = PQconninfoParse("", nil) else { throw PQError(.memory, "out of memory") }
        defer { PQconninfoFree(options) }
        return readAll(options)
    }

    /// Writes parameters as a connection string; ``parse(_:)`` returns the same parameters.
    public static func format(_ parameters: [ConnectionParameter]) -> String {
        parameters.map { "\($0.keyword)=\(quoted($0.value))" }.joined(separator: " ")
    }

    /// A value as it is written in a connection string: quotes and backslashes are escaped, and a value that is empty or
    /// has white space is put in quotes, as psycopg2's `make_dsn()` writes it.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>
    public static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x27 && $0 != 0x5C }
        if isPlain { return value }
        var text = String.UnicodeScalarView()
        var needsQuotes = value.isEmpty
        for scalar in value.unicodeScalars {
            if scalar == "'" || scalar == "\\" { text.append("\\") }
            text.append(scalar)
            // Python's white space, of which libpq's is a part, has the separators U+001C to U+001F besides Unicode's.
            if scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value) { needsQuotes = true }
        }
        return needsQuotes ? "'\(text)'" : String(text)
    }

    /// Parses a connection string or URI with libpq.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNINFOPARSE>
    /// - Returns: the parameters that the text has values for.
    /// - Throws: ``PQError/Kind/options`` with libpq's message.
    public static func parse(_ text: String) throws(PQError) -> [ConnectionParameter] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            defer { PQfreemem(message) }
            throw PQError(.options, message.map { String(cString: $0) } ?? "out of memory")
        }
        defer { PQconninfoFree(options) }
        return read(options).map(\.parameter)
    }

    /// The options that have values.
    static func read(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [Known] {
        readAll(options).filter { $0.value != nil }
    }

    private static func readAll(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [Known] {
        var known: [Known] = []
        var option = options
        while let keyword = option.pointee.keyword {
            let display = option.pointee.dispchar.map { String(cString: $0) } ?? ""
            known.append(
                Known(
                    keyword: String(cString: keyword),
                    environmentVariable: option.pointee.envvar.map { String(cString: $0) },
                    value: option.pointee.val.map { String(cString: $0) },
                    isSecret: display == "*", isDebug: display == "D"))
            option += 1
        }
        return known
    }
}
