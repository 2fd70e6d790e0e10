import ApusWaiting

/// An error of libpq or of the server, with every field that the server sent.
public struct PQError: Error, Sendable, CustomStringConvertible {
    /// The kinds of errors. More may be added, so that a `switch` needs a `default`.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        fileprivate enum Code { case server, connect, connectionLost, usage, deadline, system, memory, options }
        fileprivate let code: Code
        /// The name of the kind, such as `connectionLost`.
        public var description: String { "\(code)" }

        /// The server answered a statement with an error, whose fields are in ``PQError/server``.
        public static let server = Kind(code: .server)
        /// A connection could not be opened.
        public static let connect = Kind(code: .connect)
        /// The connection broke, or the server ended it. It is unknown whether the last statement took effect.
        public static let connectionLost = Kind(code: .connectionLost)
        /// The state of the connection, or an argument, does not allow the call.
        public static let usage = Kind(code: .usage)
        /// A deadline passed.
        public static let deadline = Kind(code: .deadline)
        /// A call of the operating system failed: no descriptor or no thread is left.
        public static let system = Kind(code: .system)
        /// libpq could not allocate memory.
        public static let memory = Kind(code: .memory)
        /// A connection option is malformed.
        public static let options = Kind(code: .options)
    }

    /// What kind of error it is.
    public var kind: Kind
    /// A description for people; never empty, without a line feed at its end.
    public var message: String
    /// The server's message, if the error came from the server.
    public var server: ServerMessage?
    private var state: SQLState?

    /// Makes an error.
    /// - Parameters:
    ///   - kind: what kind of error it is.
    ///   - message: a description for people. Line feeds at its end are removed.
    ///   - server: the server's message.
    ///   - sqlState: the SQLSTATE, if there is one without a message.
    public init(_ kind: Kind, _ message: String, server: ServerMessage? = nil, sqlState: SQLState? = nil) {
        let text = message.withoutLineEnd
        self.kind = kind
        self.message = text.isEmpty ? "unknown error" : text
        self.server = server
        self.state = sqlState
    }

    /// The SQLSTATE, if the server sent one.
    public var sqlState: SQLState? { server?.sqlState ?? state }

    /// The message.
    public var description: String { message }

    /// Runs a function, and throws its error as a ``PQError`` of kind ``Kind/system``.
    public static func system<Result: ~Copyable>(
        _ body: () throws(SystemError) -> Result
    ) throws(PQError) -> Result {
        do { return try body() } catch { throw PQError(.system, error.description) }
    }
}
