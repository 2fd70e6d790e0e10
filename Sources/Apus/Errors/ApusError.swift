import ApusPQ

/// Everything that this library throws.
///
/// ``description`` tells all that is known: what was attempted, the server's words with detail and hint, the SQLSTATE,
/// and where in the program the call was made. `catch` patterns match the SQLSTATE: see ``SQLState``.
public struct ApusError: Error, Sendable {
    /// The kinds of failure. More may be added: a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value {
            case server, connectFailed, connectionLost, connectionClosed, cancelled, timeout, options, usage, encoding
            case decoding, transaction, system
        }
        private let value: Value
        public var description: String { "\(value)" }

        /// The server answered with an error; ``ApusError/server`` has its fields.
        public static let server = Code(value: .server)
        /// No connection could be opened; the message names every node that was tried, and why it failed.
        public static let connectFailed = Code(value: .connectFailed)
        /// The connection broke. Whether the statement took effect is unknown.
        public static let connectionLost = Code(value: .connectionLost)
        /// The connection was closed by this program before the call, or while it waited.
        public static let connectionClosed = Code(value: .connectionClosed)
        /// The task was cancelled, and the statement with it. A statement that was sent behind others that are not
        /// answered yet may have taken effect; of any other the server has said that it stopped it, or it never got it.
        public static let cancelled = Code(value: .cancelled)
        /// The call's deadline passed; the server was asked to stop, yet the statement may have taken effect.
        public static let timeout = Code(value: .timeout)
        /// A connection option is malformed; the message names it and the values that are valid.
        public static let options = Code(value: .options)
        /// A call that makes no sense, such as a statement with a zero byte in it.
        public static let usage = Code(value: .usage)
        /// A value has no form that PostgreSQL can take.
        public static let encoding = Code(value: .encoding)
        /// A column does not hold what the program expects.
        public static let decoding = Code(value: .decoding)
        /// `COMMIT` did not commit: an earlier error had aborted the transaction and the closure hid it. Or the server
        /// answered `BEGIN` or `COMMIT` with something else than that it is done; whether it committed is unknown then.
        public static let transaction = Code(value: .transaction)
        /// The operating system refused something: a descriptor, a thread.
        public static let system = Code(value: .system)
    }

    public var code: Code
    /// What happened, for people.
    public var message: String
    /// The server's own words, with every field that it sent.
    public var server: ServerMessage?
    /// The error behind this one.
    public var underlying: (any Error)?
    /// The source file of the call that failed.
    public var file: String
    /// The line of the call that failed.
    public var line: Int
    private var state: SQLState?

    public init(
        _ code: Code, _ message: String, server: ServerMessage? = nil, sqlState: SQLState? = nil,
        underlying: (any Error)? = nil, file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.message = message
        self.server = server
        self.state = sqlState
        self.underlying = underlying
        self.file = file
        self.line = line
    }

    /// The SQLSTATE, where the server gave one.
    public var sqlState: SQLState? { server?.sqlState ?? state }

    /// Whether the same work may be tried again as it was, on this connection or, where that broke, on a new one: the
    /// server rolled it back (class 40), or it was never begun.
    public var isSafeToRetry: Bool {
        switch code {
        case .connectFailed: true
        case .server: sqlState?.errorClass == "40"
        default: false
        }
    }
}

extension ApusError: CustomStringConvertible {
    public var description: String {
        var text = "\(code): \(message)"
        if let state = sqlState { text += " [SQLSTATE \(state.rawValue)]" }
        for (name, value) in details { text += "; \(name): \(value)" }
        if let underlying { text += "; caused by: \(underlying)" }
        return text + " (\(file):\(line))"
    }

    private var details: [(String, String)] {
        guard let server else { return [] }
        let fields: [(String, String?)] = [
            ("detail", server.detail), ("hint", server.hint), ("position", server.statementPosition),
            ("context", server.context), ("schema", server.schemaName), ("table", server.tableName),
            ("column", server.columnName), ("type", server.dataTypeName), ("constraint", server.constraintName),
        ]
        return fields.compactMap { name, value in value.map { (name, $0) } }
    }
}

extension ApusError {
    /// An error of the engine, seen from the call at `file` and `line`.
    init(_ error: any Error, file: String, line: Int) {
        switch error {
        case let error as ApusError:
            self = error
            self.file = file
            self.line = line
        case let error as PQError:
            let message = error.server?.primary ?? error.message
            self.init(
                Code(error.kind), message, server: error.server, sqlState: error.sqlState, file: file, line: line)
        case let error as ConnectFailure:
            self.init(
                error.reason == .invalidOptions ? .options : .connectFailed, error.message, sqlState: error.sqlState,
                file: file, line: line)
        case is CancellationError:
            self.init(.cancelled, "the task was cancelled", underlying: error, file: file, line: line)
        default:
            self.init(.usage, "\(error)", underlying: error, file: file, line: line)
        }
    }

    /// The same error, seen from another call.
    func at(_ site: CallSite) -> ApusError {
        var error = self
        error.file = site.file
        error.line = site.line
        return error
    }
}

extension ApusError.Code {
    init(_ kind: PQError.Kind) {
        switch kind {
        case .server: self = .server
        case .connect: self = .connectFailed
        case .connectionLost: self = .connectionLost
        case .deadline: self = .timeout
        case .options: self = .options
        case .system, .memory: self = .system
        default: self = .usage
        }
    }
}

/// Where in the program a call was made, for the errors that it throws.
@usableFromInline
struct CallSite: Sendable {
    @usableFromInline var file: String
    @usableFromInline var line: Int

    @usableFromInline
    init(file: String, line: Int) {
        self.file = file
        self.line = line
    }
}
