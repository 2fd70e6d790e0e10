import ApusPQ
import ApusValues
import CApusLibPQ

/// One string of statements sent to the server, until the last of its results has come.
///
/// Where a transaction has to begin first, BEGIN travels in the same message, on a line in front. If its result is not
/// the first that comes back, the text did not parse and nothing ran: then BEGIN and the statements go apart, so
/// that the transaction's state is what two messages would have left.
final class Exchange {
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
    /// Whether this is the end of a transaction.
    let endsTransaction: Bool
    /// The number that the cursor gave to it: see `Cursor.prepare(for:)`. Nil where no cursor takes the result, or where
    /// the cursor takes it in any case.
    var number: Int?

    /// The last result; nil as long as none came, and when only BEGIN's did.
    private(set) var result: OpaquePointer?
    /// Whether BEGIN took effect.
    private(set) var hasBegun = false
    /// How long the text in front of the statements was, where an error's position counts it: characters, lines.
    private(set) var prefixLength = 0
    private(set) var prefixLines = 0
    /// The time limit that the server was asked to cancel after; nil as long as it was not.
    var timeout: Duration?
    /// Whether a signal handler raised in its midst.
    var isInterrupted = false
    /// Counts the results, if somebody wants to know.
    var tally: Tally?

    /// What several statements did.
    struct Tally {
        /// Results that were no errors.
        private(set) var results = 0
        /// Rows of all of them; nil if one did not say.
        private(set) var affectedRows: Int? = 0

        mutating func add(_ other: Tally) {
            results += other.results
            affectedRows = affectedRows.flatMap { rows in other.affectedRows.map { rows + $0 } }
        }

        fileprivate mutating func count(_ result: OpaquePointer) {
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
                results += 1
                let rows = Cursor.affectedRows(result)
                affectedRows = rows < 0 ? nil : affectedRows.map { $0 + rows }
            default: break
            }
        }
    }

    /// - Parameter endsTransaction: whether the statement is COMMIT, ROLLBACK or the like.
    init(_ statements: consuming Statement, endsTransaction: Bool = false) {
        self.statements = statements
        call = nil
        self.endsTransaction = endsTransaction
    }

    /// For a statement with parameters, whose results come in binary format.
    init(_ call: ServerCall) {
        statements = Statement("")
        self.call = call
        endsTransaction = false
    }

    /// For the answer to what was sent before.
    static func answer() -> Exchange {
        let exchange = Exchange(Statement(""))
        exchange.phase = .statements
        return exchange
    }

    /// Makes a transaction begin first. Before anything is sent.
    /// - Parameters:
    ///   - command: the command that starts the transaction.
    ///   - joins: whether it may travel with the statements. It never does with a statement that has parameters.
    func begin(by command: String, joins: Bool) {
        begin = command
        self.joins = joins && call == nil
    }

    deinit { PQclear(result) }

    func advance(on connection: inout PQConnection?) throws(PQError) -> Wait? {
        if phase == .idle { try start(&connection) }
        while true {
            guard let step = try connection?.nextResult() else { throw Self.closed }
            switch consume step {
            case .wait(let wait): return wait
            case .done(let next):
                guard let next = next?.release() else {
                    if try goOn(&connection) { continue }
                    return nil
                }
                if take(next, isBroken: connection?.isBroken ?? true) { return nil }
            }
        }
    }

    /// The last result, which the caller has to clear.
    func takeResult() -> OpaquePointer? {
        defer { result = nil }
        return result
    }

    /// Counts further text in front of the statement that failed.
    func extendPrefix(characters: Int, lines: Int) {
        prefixLength += characters
        prefixLines += lines
    }

    /// COPY's data has been exchanged: its own result is the next that comes.
    func leaveCopy() { PQclear(takeResult()) }

    private static var closed: PQError { PQError(.connectionLost, "the connection is closed") }

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
        var text = ByteWriter(minimumCapacity: statements.bytes.count + 64)
        text.append(begin)
        text.append(";\n")
        (prefixLength, prefixLines) = (text.count, 1)
        text.append(statements.bytes)
        text.append(0)
        try text.withUnsafeBytes { (bytes) throws(PQError) in try Self.send(bytes, &connection) }
    }

    private func sendStatements(_ connection: inout PQConnection?) throws(PQError) {
        (prefixLength, prefixLines) = (0, 0)
        if let call {
            try connection?.send(query: call.sql.c, parameters: call.parameters, binaryResults: true)
            return
        }
        try Self.send(statements.bytes, &connection)
    }

    private static func send(_ bytes: UnsafeRawBufferPointer, _ connection: inout PQConnection?) throws(PQError) {
        guard let start = bytes.baseAddress else { return }
        try connection?.send(query: start.assumingMemoryBound(to: CChar.self))
    }

    /// Takes over a result.
    /// - Returns: whether to stop here, for the connection is in COPY mode now.
    private func take(_ next: OpaquePointer, isBroken: Bool) -> Bool {
        let status = PQresultStatus(next)
        if phase == .joined && !hasBegun {
            if status == PGRES_COMMAND_OK {
                hasBegun = true
                PQclear(next)
                return false
            }
            if !isBroken { phase = .falling }
        }
        if phase == .beginAlone, status == PGRES_COMMAND_OK { hasBegun = true }
        tally?.count(next)
        PQclear(result)
        result = next
        return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH
    }

    /// All results of a message have come.
    /// - Returns: whether another message was sent.
    private func goOn(_ connection: inout PQConnection?) throws(PQError) -> Bool {
        switch phase {
        case .falling:
            // What came instead of BEGIN's result was libpq's word that the connection is gone.
            if connection?.isBroken ?? true { return false }
            phase = .beginAlone
            try connection?.send(query: begin ?? "BEGIN")
            return true
        case .beginAlone where hasBegun:
            phase = .statements
            PQclear(takeResult())
            try sendStatements(&connection)
            return true
        default: return false
        }
    }
}

/// A statement of the driver's own with its parameters.
final class ServerCall {
    let sql: StaticString
    let parameters: PQParameters

    init(_ sql: StaticString, _ parameters: consuming PQParameters) {
        self.sql = sql
        self.parameters = parameters
    }
}
