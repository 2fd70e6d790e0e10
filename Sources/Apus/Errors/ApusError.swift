import ApusPQ

/// The error type of this library.
///
/// ``description`` contains everything that is known: the kind of error, the message, the server's detail and hint, the
/// SQLSTATE, and the source file and line of the call. `catch` patterns match the SQLSTATE: see ``SQLState``.
///
///     do {
///         try await connection.execute("INSERT INTO account VALUES (\(id))")
///     } catch SQLState.uniqueViolation {
///         …
///     } catch where error.code == .connectionLost {
///         …
///     }
public struct ApusError: Error, Sendable {
    /// The kinds of errors. More may be added, so that a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value {
            case server, connectFailed, connectionLost, connectionClosed, cancelled, timeout, options, usage, encoding
            case decoding, transaction, system
        }
        private let value: Value
        /// The name of the kind, such as `connectionLost`.
        public var description: String { "\(value)" }

        /// The server answered with an error, whose fields are in ``ApusError/server``.
        public static let server = Code(value: .server)
        /// No connection could be opened. The message names every node that was tried, and why it failed.
        public static let connectFailed = Code(value: .connectFailed)
        /// The connection broke, or it was closed because a statement could not be stopped or rolled back. It is
        /// unknown whether the statement took effect.
        public static let connectionLost = Code(value: .connectionLost)
        /// The program closed the connection before or during the call.
        public static let connectionClosed = Code(value: .connectionClosed)
        /// The task was cancelled. The statement was not executed, or the server has confirmed that it stopped it; only
        /// a statement that was sent behind others whose answers had not come yet may have taken effect.
        public static let cancelled = Code(value: .cancelled)
        /// The time-out of the call has passed. The server was asked to stop the statement, but it may have taken
        /// effect.
        public static let timeout = Code(value: .timeout)
        /// A connection option is invalid. The message names the option and the valid values.
        public static let options = Code(value: .options)
        /// The call is invalid: for example, the statement contains a zero byte.
        public static let usage = Code(value: .usage)
        /// A value cannot be sent, because PostgreSQL has no such value.
        public static let encoding = Code(value: .encoding)
        /// A column cannot be read as the type that the program asks for.
        public static let decoding = Code(value: .decoding)
        /// The transaction was rolled back at its end, because a statement in it had failed and the closure did not
        /// throw. Or the server's answer to `BEGIN` or `COMMIT` was another command's; it is unknown then whether the
        /// transaction was committed.
        public static let transaction = Code(value: .transaction)
        /// A call of the operating system failed: no descriptor or no thread is left.
        public static let system = Code(value: .system)
    }

    /// What kind of error it is.
    public var code: Code
    /// A description for people.
    public var message: String
    /// The server's message with all its fields, if the error came from the server.
    public var server: ServerMessage?
    /// The error that caused this one.
    public var underlying: (any Error)?
    /// The source file of the call that failed.
    public var file: String
    /// The line of the call that failed.
    public var line: Int
    private var state: SQLState?

    /// Makes an error.
    /// - Parameters:
    ///   - code: what kind of error it is.
    ///   - message: a description for people.
    ///   - server: the server's message.
    ///   - sqlState: the SQLSTATE, if there is one without a message.
    ///   - underlying: the error that caused this one.
    ///   - file: the source file of the call that failed.
    ///   - line: the line of the call that failed.
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

    /// The SQLSTATE, if the server sent one.
    public var sqlState: SQLState? { server?.sqlState ?? state }

    /// Whether the same work certainly had no effect and may succeed when it is repeated: the server has rolled it back
    /// (class 40), or no connection could be opened.
    public var isSafeToRetry: Bool {
        switch code {
        case .connectFailed: true
        case .server: sqlState?.errorClass == "40"
        default: false
        }
    }
}

extension ApusError: CustomStringConvertible {
    /// Everything that is known of the error, in one line.
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
    /// Converts an error of the lower layers, for a call at a source file and line.
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

    /// The same error, for another call.
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

/// The source file and line of a call, for the errors that it throws.
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
