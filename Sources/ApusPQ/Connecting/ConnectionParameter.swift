import CApusLibPQ

/// A keyword of a connection string and its value, as libpq knows it.
public struct ConnectionParameter: Sendable, Hashable {
    /// libpq's keyword, such as `host`.
    public var keyword: String
    public var value: String

    public init(_ keyword: String, _ value: String) {
        self.keyword = keyword
        self.value = value
    }

    /// One row of libpq's own table of options.
    public struct Known: Sendable {
        public var keyword: String
        /// The environment variable that stands in for it, if there is one.
        public var environmentVariable: String?
        /// The value by environment, service file of `PGSERVICE`, or compiled in, if there is one.
        public var value: String?
        /// Whether the value must not be shown: a password.
        public var isSecret: Bool
        /// Whether the option is for debugging only, and not shown by default.
        public var isDebug: Bool

        var parameter: ConnectionParameter { ConnectionParameter(keyword, value ?? "") }
    }

    /// Every keyword that this libpq knows, with its default values now (`PQconndefaults`).
    /// - Throws: ``PQError/Kind/options`` when the environment names a service that does not exist.
    public static func known() throws(PQError) -> [Known] {
        // PQconndefaults answers NULL both for lack of memory and for a broken service file.
        guard let options = PQconndefaults() else {
            throw PQError(.options, "libpq cannot read its defaults: is the service named by PGSERVICE defined?")
        }
        defer { PQconninfoFree(options) }
        return readAll(options)
    }

    /// Parses a connection string or URI by libpq's own rules.
    /// - Throws: ``PQError/Kind/options`` with libpq's words.
    public static func parse(_ text: String) throws(PQError) -> [ConnectionParameter] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            defer { PQfreemem(message) }
            throw PQError(.options, message.map { String(cString: $0) } ?? "out of memory")
        }
        defer { PQconninfoFree(options) }
        return read(options).map(\.parameter)
    }

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
