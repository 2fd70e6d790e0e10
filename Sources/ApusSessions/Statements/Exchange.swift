import ApusPQ
import ApusValues
import ApusWaiting

/// One string of statements sent to the server, until the last of its results has come.
///
/// Where a transaction has to begin first, BEGIN travels in the same message, on a line in front. If its result is not
/// the first that comes back, the text did not parse and nothing ran: then BEGIN and the statements go apart, so
/// that the transaction's state is what two messages would have left.
public final class Exchange {
    private enum Phase {
        /// Nothing was sent.
        case idle
        /// The statements' results come.
        case statements
        /// BEGIN's result comes first, the statements' follow.
        case joined
        /// The joined text failed before BEGIN: the rest of the answer comes, then BEGIN goes alone.
        case falling
        case beginAlone
    }
    private var phase = Phase.idle
    private let statements: Statement
    private let call: ServerCall?
    private var begin: String?
    private var joins = false
    /// Whether, and how, the transaction ends by this.
    public let ending: Ending
    /// The number that the cursor gave to it: see `Cursor.prepare(for:)`. Nil where no cursor takes the result, or where
    /// the cursor takes it in any case.
    public var number: Int?

    /// The last result; nil as long as none came, and when only BEGIN's did.
    public var result: BorrowedResult? { owned?.borrowed }
    private var owned: PQResult?
    /// Whether BEGIN took effect.
    public private(set) var hasBegun = false
    /// What was sent in front of the statements in the message that the last result answers.
    private var prefix = StatementPrefix()
    /// Tells what stands in front of the statement at a position of the statements' text, where they are several of which
    /// each is shown alone. Without the GIL.
    public var statementPrefix: ((Int) -> StatementPrefix)?
    /// How many notices there were before the joined text was sent.
    private var noticesBefore = 0

    /// Which COPYs the caller goes on with.
    public var takes = CopyKind.none
    /// What went another way than it should: nil for nearly all.
    public var detour: Detour?
    /// The time limit that the server was asked to cancel after; nil as long as it was not.
    public var timeout: Duration?
    /// Whether the program's code runs before the answer is there: on an asynchronous connection, or in a wait callback.
    public var isHandedOut = false
    /// Whether a signal handler raised in its midst.
    public var isInterrupted = false
    /// Counts the results, if somebody wants to know.
    public var tally: Tally?

    public enum Ending {
        case none, commit, rollback

        public var command: StaticString {
            switch self {
            case .none: ""
            case .commit: "COMMIT"
            case .rollback: "ROLLBACK"
            }
        }
    }

    /// What several statements did.
    public struct Tally {
        /// Results that were no errors.
        public private(set) var results = 0
        /// Rows of all of them; nil if one did not say.
        public private(set) var affectedRows: Int? = 0

        public init() {}

        public mutating func add(_ other: Tally) {
            results += other.results
            affectedRows = affectedRows.flatMap { rows in other.affectedRows.map { rows &+ $0 } }
        }

        mutating func count(_ status: ResultStatus, _ rows: Int?) {
            guard status == .commandOK || status == .tuplesOK else { return }
            results += 1
            affectedRows = affectedRows.flatMap { sum in rows.map { sum &+ $0 } }
        }
    }

    /// - Parameter ending: what the statement is, if it ends the transaction.
    public init(_ statements: consuming Statement, ending: Ending = .none) {
        self.statements = statements
        call = nil
        self.ending = ending
    }

    /// For a statement with parameters, whose results come in binary format.
    public init(_ call: ServerCall) {
        statements = Statement("")
        self.call = call
        ending = .none
    }

    /// For the answer to what was sent before.
    public static func answer() -> Exchange {
        let exchange = Exchange(Statement(""))
        exchange.phase = .statements
        return exchange
    }

    /// Makes a transaction begin first. Before anything is sent.
    /// - Parameters:
    ///   - command: the command that starts the transaction.
    ///   - joins: whether it may travel with the statements. It never does with a statement that has parameters.
    public func begin(by command: String, joins: Bool) {
        begin = command
        self.joins = joins && call == nil
    }

    public func advance(on connection: inout PQConnection?) throws(PQError) -> Wait? {
        if phase == .idle { try start(&connection) }
        while true {
            if let detour, let wait = try leaveCopy(detour, &connection) { return wait }
            guard let step = try connection?.nextResult() else { throw Self.closed }
            switch consume step {
            case .wait(let wait): return wait
            case .done(let next):
                guard let next else {
                    if try goOn(&connection) { continue }
                    return nil
                }
                if take(next, isBroken: connection?.isBroken ?? true) { return nil }
            }
        }
    }

    /// The same, with the loss of the connection as an answer.
    public func advanceToAnswer(on connection: inout PQConnection?) throws(PQError) -> Wait? {
        do throws(PQError) { return try advance(on: &connection) } catch {
            if lose(by: error) { return nil }
            throw error
        }
    }

    /// Makes the loss of the connection, by which `advance` failed, the answer: who asked for the result raises it.
    /// - Returns: whether the failure is one.
    public func lose(by failure: PQError) -> Bool {
        guard failure.kind == .connectionLost else { return false }
        takeDetour().loss = failure
        owned = nil
        return true
    }

    /// The last result, for the caller to keep.
    public func takeResult() -> PQResult? { owned.take() }

    /// The position in the statements of a position in the message.
    public func positionInStatements(_ position: Int) -> Int { prefix.position(position) }

    /// What stands in front of the statement that an error or a notice is about.
    /// - Parameter position: the server's, in the message; nil if it gave none.
    public func prefix(at position: Int?) -> StatementPrefix {
        guard let position, let statementPrefix else { return prefix }
        let own = statementPrefix(prefix.position(position))
        return StatementPrefix(characters: prefix.characters &+ own.characters, lines: prefix.lines &+ own.lines)
    }

    /// Whether positions in the message are not those in the statement.
    public var isShifted: Bool { prefix.lines != 0 || statementPrefix != nil }

    /// Shows the notices that came as the program's statements alone would have got them.
    public func ownPositions(of notices: [ServerMessage]) -> [ServerMessage] {
        notices.map { notice in
            guard let position = notice.statementPosition.flatMap({ Int($0) }) else { return notice }
            var notice = notice
            notice.encodedText = prefix(at: position).removed(
                from: notice.encodedText, head: 1 + (notice.primary ?? "").utf8.count { $0 == 10 })
            return notice
        }
    }

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

    /// Takes over a result.
    /// - Returns: whether to stop here, for the connection is in COPY mode now.
    private func take(_ next: consuming PQResult, isBroken: Bool) -> Bool {
        let status = next.status
        if phase == .joined || phase == .beginAlone, !hasBegun, detour?.strayAnswer == nil {
            if status == .commandOK {
                hasBegun = true
                if phase == .joined { return false }
            } else if status != .fatalError {
                takeDetour().strayAnswer = status
            } else if phase == .joined, !isBroken {
                phase = .falling
            }
        }
        if tally != nil { tally?.count(status, next.affectedRows) }
        owned = consume next
        guard status.isCopy else { return false }
        if takes.contains(status) { return true }
        refuse(status)
        return false
    }

    /// All results of a message have come.
    /// - Returns: whether another message was sent.
    private func goOn(_ connection: inout PQConnection?) throws(PQError) -> Bool {
        switch phase {
        case .falling:
            // What came instead of BEGIN's result was libpq's word that the connection is gone.
            if connection?.isBroken ?? true { return false }
            // What the server remarked while it read the text, it remarks again.
            connection?.dropNotices(after: noticesBefore)
            phase = .beginAlone
            try connection?.send(query: begin ?? "BEGIN")
            return true
        case .beginAlone where hasBegun:
            phase = .statements
            owned = nil
            try sendStatements(&connection)
            return true
        default: return false
        }
    }
}

/// A statement of the driver's own with its parameters.
public final class ServerCall {
    let sql: StaticString
    let parameters: PQParameters

    public init(_ sql: StaticString, _ parameters: consuming PQParameters) {
        self.sql = sql
        self.parameters = parameters
    }
}
