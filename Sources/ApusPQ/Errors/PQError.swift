import ApusWaiting

/// What went wrong, with all that is known of it.
public struct PQError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        fileprivate enum Code { case server, connect, connectionLost, usage, deadline, system, memory, options }
        fileprivate let code: Code
        public var description: String { "\(code)" }

        /// The server answered a statement with an error; ``PQError/server`` has its fields.
        public static let server = Kind(code: .server)
        /// A connection could not be opened.
        public static let connect = Kind(code: .connect)
        /// The connection broke, or the server ended it; whether the last statement took effect is unknown.
        public static let connectionLost = Kind(code: .connectionLost)
        /// A call that the connection's state does not allow.
        public static let usage = Kind(code: .usage)
        /// A deadline passed.
        public static let deadline = Kind(code: .deadline)
        /// The operating system refused (no descriptor, no thread).
        public static let system = Kind(code: .system)
        /// libpq had no memory.
        public static let memory = Kind(code: .memory)
        /// A connection option is malformed.
        public static let options = Kind(code: .options)
    }

    public var kind: Kind
    /// What happened, for people; not empty, without a trailing line feed.
    public var message: String
    /// The server's own words, where it spoke.
    public var server: ServerMessage?
    private var state: SQLState?

    public init(_ kind: Kind, _ message: String, server: ServerMessage? = nil, sqlState: SQLState? = nil) {
        let text = message.withoutLineEnd
        self.kind = kind
        self.message = text.isEmpty ? "unknown error" : text
        self.server = server
        self.state = sqlState
    }

    /// The SQLSTATE, where the server gave one.
    public var sqlState: SQLState? { server?.sqlState ?? state }

    public var description: String { message }

    /// Runs `body`, and throws its error as one of the kind ``Kind/system``.
    public static func system<Result: ~Copyable>(
        _ body: () throws(SystemError) -> Result
    ) throws(PQError) -> Result {
        do { return try body() } catch { throw PQError(.system, error.description) }
    }
}
