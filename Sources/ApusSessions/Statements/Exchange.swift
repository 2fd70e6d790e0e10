import ApusPQ
import ApusValues
import ApusWaiting

/// Sends one message of statements, and reads all of its results. A step machine: see ``advance(on:)``.
///
/// If a transaction must begin first, BEGIN is sent in the same message, on a line before the statements. If the first
/// result is not BEGIN's, the message did not parse and nothing was executed. Then BEGIN and the statements are sent
/// separately, because the transaction must end up in the state that two messages would have left.
public final class Exchange {
    private enum Phase {
        /// Nothing has been sent.
        case idle
        /// Reading the results of the statements.
        case statements
        /// Reading the results of a combined message: BEGIN's, then those of the statements.
        case joined
        /// The combined message did not parse; drain its results, then send BEGIN by itself.
        case retryingSeparately
        /// Reading the result of BEGIN, which was sent by itself.
        case beginAlone
    }
    private var phase = Phase.idle
    private let statements: Statement
    private let call: ServerCall?
    private var begin: String?
    private var joins = false
    /// Whether, and how, the statement ends the transaction.
    public let ending: Ending
    /// The number that the cursor gave to this execution. The cursor discards the result if it has executed another
    /// statement since. Nil if the result is for no cursor, or must always be stored.
    public var executionNumber: Int?

    /// The last result of the statements; nil if there is none yet.
    public var result: BorrowedResult? { ownedResult?.borrowed }
    private var ownedResult: PQResult?
    /// Whether BEGIN took effect.
    public private(set) var hasBegun = false
    /// The text before the statements, in the message that the last result belongs to.
    private var prefix = StatementPrefix()
    /// Returns the text before the statement at a position (in characters, from 1) of the statements' text. Set for a
    /// batch, because errors and notices then show one statement of it only. It is called without the GIL.
    public var statementPrefix: ((Int) -> StatementPrefix)?
    /// The number of notices that libpq held before the combined message was sent.
    private var noticesBefore = 0

    /// The COPYs whose data the caller transfers. Any other COPY is ended by the exchange.
    public var expectedCopy = CopyKind.none
    /// Unexpected results; nil for most exchanges.
    public var anomalies: Anomalies?
    /// The command timeout that expired, after which the server was asked to cancel; nil if none did.
    public var timeout: Duration?
    /// True if the program runs code of its own during the exchange: on an asynchronous connection, or in a wait
    /// callback.
    public var isHandedOut = false
    /// True if a signal handler raised an exception during the exchange.
    public var isInterrupted = false
    /// Counts results and rows, if set before the exchange starts.
    public var tally: Tally?

    /// How a statement ends the transaction.
    public enum Ending {
        case none, commit, rollback

        /// The SQL command; empty for `none`.
        public var command: StaticString {
            switch self {
            case .none: ""
            case .commit: "COMMIT"
            case .rollback: "ROLLBACK"
            }
        }
    }

    /// The number of successful results, and of the rows that they affected.
    public struct Tally {
        /// The number of results that are no errors.
        public private(set) var results = 0
        /// The sum of their affected rows; nil if one of the results has no such number.
        public var affectedRows: Int? { saysRows ? rows : nil }
        private var rows = 0
        private var saysRows = true

        /// Creates a tally of no results.
        public init() {}

        @inline(__always)
        mutating func count(_ status: ResultStatus, _ affected: Int?) {
            guard status == .commandOK || status == .tuplesOK else { return }
            results += 1
            if let affected { rows &+= affected } else { saysRows = false }
        }
    }

    /// Creates an exchange for statements without parameters.
    /// - Parameters:
    ///   - statements: the text to send.
    ///   - ending: whether, and how, the text ends the transaction.
    public init(_ statements: consuming Statement, ending: Ending = .none) {
        self.statements = statements
        call = nil
        self.ending = ending
    }

    /// Creates an exchange for a statement with parameters, whose results are in binary format.
    public init(_ call: ServerCall) {
        statements = Statement("")
        self.call = call
        ending = .none
    }

    /// Creates an exchange that sends nothing, and reads the results of a message that was sent before.
    public static func readingResults() -> Exchange {
        let exchange = Exchange(Statement(""))
        exchange.phase = .statements
        return exchange
    }

    /// Makes the exchange begin a transaction first. Must be called before the first `advance`.
    /// - Parameters:
    ///   - command: the command that begins the transaction.
    ///   - joins: whether the command may be sent in the same message as the statements. If the statement has
    ///     parameters, the command is always sent separately, because the extended protocol allows one statement per
    ///     message.
    public func begin(by command: String, joins: Bool) {
        begin = command
        self.joins = joins && call == nil
    }

    /// Does what is possible without blocking: sends messages and reads results.
    /// - Parameter connection: the open session, always the same one.
    /// - Returns: what to wait for before the next call; nil when all results have been read, or when a COPY that the
    ///   caller expects has started.
    /// - Throws: the error by which the session failed, of kind `connectionLost` if it is broken or closed.
    public func advance(on connection: inout PQConnection?) throws(PQError) -> Wait? {
        if phase == .idle { try start(&connection) }
        while true {
            if let anomalies, let wait = try leaveCopy(anomalies, &connection) { return wait }
            guard let step = try connection?.nextResult() else { throw Self.closed }
            switch consume step {
            case .wait(let wait): return wait
            case .done(let next):
                guard let next else {
                    if try sendNextMessage(&connection) { continue }
                    return nil
                }
                if store(next, isBroken: connection?.isBroken ?? true) { return nil }
            }
        }
    }

    /// Like `advance`, but records the loss of the connection instead of throwing it: see ``recordLoss(_:)``.
    public func advanceRecordingLoss(on connection: inout PQConnection?) throws(PQError) -> Wait? {
        do throws(PQError) { return try advance(on: &connection) } catch {
            if recordLoss(error) { return nil }
            throw error
        }
    }

    /// If the error that `advance` threw is the loss of the connection, drops the result and stores the error in
    /// ``anomalies``, where the code that reads the result finds it.
    /// - Returns: false if the error is another one; then nothing changes.
    public func recordLoss(_ failure: PQError) -> Bool {
        guard failure.kind == .connectionLost else { return false }
        makeAnomalies().loss = failure
        ownedResult = nil
        return true
    }

    /// Moves the last result to the caller.
    public func takeResult() -> PQResult? { ownedResult.take() }

    /// Converts a position in the message to a position in the statements; both count characters from 1.
    public func positionInStatements(_ position: Int) -> Int { prefix.position(position) }

    /// Returns the text before the statement that an error or a notice is about.
    /// - Parameter position: the position in the message, in characters from 1; nil if the server sent none.
    public func prefix(at position: Int?) -> StatementPrefix {
        guard let position, let statementPrefix else { return prefix }
        let own = statementPrefix(prefix.position(position))
        return StatementPrefix(characters: prefix.characters &+ own.characters, lines: prefix.lines &+ own.lines)
    }

    /// True if positions in the message differ from positions in the statement.
    public var hasPrefix: Bool { prefix.lines != 0 || statementPrefix != nil }

    /// Returns the notices with positions in the program's statement instead of positions in the message.
    public func convertPositions(of notices: [ServerMessage]) -> [ServerMessage] {
        notices.map { notice in
            guard let position = notice.statementPosition.flatMap({ Int($0) }) else { return notice }
            var notice = notice
            notice.encodedText = prefix(at: position).removed(
                from: notice.encodedText, head: 1 + (notice.primary ?? "").utf8.count { $0 == 10 })
            return notice
        }
    }

    /// The error of an operation on a closed connection.
    public static var closed: PQError { PQError(.connectionLost, "the connection is closed") }

    private func start(_ connection: inout PQConnection?) throws(PQError) {
        guard let begin else {
            phase = .statements
            try sendStatements(&connection)
            return
        }
        if !joins {
            phase = .beginAlone
            try connection?.send(query: begin)
            return
        }
        phase = .joined
        noticesBefore = connection?.noticeCount ?? 0
        var text = ByteWriter(minimumCapacity: statements.bytes.count + 64)
        text.append(begin)
        text.append(";\n")
        prefix = StatementPrefix(characters: text.count, lines: 1)
        text.append(statements.bytes)
        text.append(0)
        try text.withUnsafeBytes { (bytes) throws(PQError) in try Self.send(bytes, &connection) }
    }

    private func sendStatements(_ connection: inout PQConnection?) throws(PQError) {
        prefix = StatementPrefix()
        if let call {
            try connection?.send(query: Self.text(of: call.sql), parameters: call.parameters, binaryResults: true)
            return
        }
        try Self.send(statements.bytes, &connection)
    }

    private static func send(_ bytes: UnsafeRawBufferPointer, _ connection: inout PQConnection?) throws(PQError) {
        guard let start = bytes.baseAddress else { return }
        try connection?.send(query: start.assumingMemoryBound(to: CChar.self))
    }

    private static func text(of sql: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(sql.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    /// Stores a result, or records BEGIN's.
    /// - Returns: true if the caller must transfer the data of a COPY now.
    @inline(__always)
    private func store(_ next: consuming PQResult, isBroken: Bool) -> Bool {
        let status = next.status
        if phase == .joined || phase == .beginAlone, !hasBegun, anomalies?.unexpectedBeginStatus == nil {
            if status == .commandOK {
                hasBegun = true
                if phase == .joined { return false }
            } else if status != .fatalError {
                makeAnomalies().unexpectedBeginStatus = status
            } else if phase == .joined, !isBroken {
                phase = .retryingSeparately
            }
        }
        tally?.count(status, next.affectedRows)
        ownedResult = consume next
        guard status.isCopy else { return false }
        if expectedCopy.contains(status) { return true }
        refuse(status)
        return false
    }

    /// Sends the next message, if the exchange needs one. To be called when all results of a message have been read.
    /// - Returns: whether a message was sent.
    private func sendNextMessage(_ connection: inout PQConnection?) throws(PQError) -> Bool {
        switch phase {
        case .retryingSeparately:
            // If the connection is broken, the error was libpq's and not a syntax error.
            if connection?.isBroken ?? true { return false }
            // The server sends the notices of parsing the text again.
            connection?.dropNotices(after: noticesBefore)
            phase = .beginAlone
            try connection?.send(query: begin ?? "BEGIN")
            return true
        case .beginAlone where hasBegun:
            phase = .statements
            ownedResult = nil
            try sendStatements(&connection)
            return true
        default: return false
        }
    }
}

/// A statement of the driver itself, with its parameters.
public final class ServerCall {
    let sql: StaticString
    let parameters: PQParameters

    /// - Parameters:
    ///   - sql: one statement, with placeholders `$1`, `$2`, ….
    ///   - parameters: the values of the placeholders.
    public init(_ sql: StaticString, _ parameters: consuming PQParameters) {
        self.sql = sql
        self.parameters = parameters
    }
}
