import ApusPQ
import ApusPython
import ApusSessions
import ApusValues
import ApusWaiting
import CApusPsycopg

/// The statements of an `executemany` under way that have not been sent yet, and what those before have done.
///
/// The connection knows of them, so that a statement, a commit or a COPY by the iterator that the arguments come from
/// finds the rows before executed. It is used under the GIL.
final class PendingStatements: HeldStatements {
    private let cursor: Cursor
    private let connection: Connection
    private let thread = pthread_self()
    private var batch = StatementBatch()
    /// What the literals of the batch were quoted for: see `Connection.checkQuoting(since:)`.
    private var quotedFor = 0
    private var isSending = false
    /// How many rows the statements that were sent affected; nil if the server did not say.
    private(set) var affectedRows: Int? = 0

    /// Both outlive it: `executemany` keeps them.
    init(of cursor: Cursor, _ connection: Connection) {
        self.cursor = cursor
        self.connection = connection
    }

    /// Whether they are this thread's, and not on their way.
    var isOurs: Bool { pthread_equal(thread, pthread_self()) != 0 && !isSending }

    /// Raises ValueError for a statement with a zero byte.
    func check(_ statement: borrowing ByteWriter) throws(PythonError) {
        if statement.withUnsafeBytes({ $0.position(of: 0) }) != nil {
            throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
        }
    }

    /// Adds a statement that was checked; sends it with those before if they are enough.
    /// - Parameters:
    ///   - isComplete: false for what is not surely a single, complete statement: it is sent alone.
    ///   - quotedFor: what its literals were quoted for.
    func append(_ statement: borrowing ByteWriter, isComplete: Bool, quotedFor: Int) throws(PythonError) {
        // Those before do not fit any more if it was quoted for something else: to send them says so.
        if !isComplete || quotedFor != self.quotedFor { try send() }
        if batch.isEmpty { self.quotedFor = quotedFor }
        batch.append(statement)
        if batch.isFull || !isComplete { try send() }
    }

    /// Executes what came before the arguments that raised, as if each had been sent when its turn was. The pending
    /// exception stays, unless the server objects.
    func sendBeforeRaising() throws(PythonError) {
        guard let exception = PendingException.take() else { return }
        try send()
        PendingException.restore(exception)
    }

    func send() throws(PythonError) {
        if batch.isEmpty { return }
        isSending = true
        // Whatever becomes of them, they are not sent again.
        defer {
            batch.removeAll()
            isSending = false
        }
        batch.terminate()
        var next = 0
        while next < batch.count { next = try send(from: next) }
    }

    /// Sends statements from one on: all that are left if they share a transaction, else that one. What `status` says
    /// of the transaction does not count here: outside of one, statements of one message would be a transaction of
    /// their own.
    /// - Returns: the number of the first that was not sent.
    private func send(from first: Int) throws(PythonError) -> Int {
        try cursor.naming { () throws(PythonError) in
            try connection.checkOpen()
            try connection.checkIdle("executemany")
        }
        let core = connection.core
        let alone = try bytes(of: first)
        let one = try Exchange(Statement(alone.object))
        one.isHandedOut = Connection.isGreen
        let all: Exchange? = first > 0 || batch.count == 1 ? nil : together()
        var isStale = false
        let exchange = try connection.perform { () throws(PythonError) in
            try cursor.prepare(for: one, query: alone.object)
            all?.executionNumber = one.executionNumber
        } _: {
            isStale = !core.isUnchanged(since: quotedFor)
            if isStale { return Exchange(Statement("")) }
            let exchange = core.mustBegin || core.isInTransaction ? all ?? one : one
            core.prepare(exchange)
            return exchange
        }
        if isStale { throw connection.quotingHasChanged() }
        if exchange === all {
            try take(exchange)
            return batch.count
        }
        try cursor.accept(exchange, connection)
        count(cursor.fields.pointee.rowcount < 0 ? nil : cursor.fields.pointee.rowcount)
        return first + 1
    }

    /// All statements of the batch in one message.
    private func together() -> Exchange {
        let exchange = batch.text.withUnsafeBytes {
            Exchange(Statement(copying: UnsafeRawBufferPointer(rebasing: $0.dropLast())))
        }
        exchange.statementPrefix = { self.batch.statement(atCharacter: $0).prefix }
        exchange.tally = Exchange.Tally()
        return exchange
    }

    /// Takes over what became of all statements of the batch.
    private func take(_ exchange: Exchange) throws(PythonError) {
        let tally = exchange.tally ?? Exchange.Tally()
        let isLost = exchange.anomalies?.loss != nil
        guard isLost || exchange.result?.status == .fatalError else {
            try replace(&cursor.fields.pointee.query, with: bytes(of: batch.count - 1))
            try cursor.accept(exchange, connection)
            count(tally.affectedRows)
            return
        }
        var failed = min(tally.results, batch.count - 1)
        var isBehind = false
        if let position = exchange.result?.statementPosition {
            // The text of the batch alone: BEGIN in front of it has its own prefix.
            let own = exchange.positionInStatements(position)
            let place = batch.statement(atCharacter: own)
            failed = place.number
            isBehind = place.prefix.position(own) > batch.characters(of: failed)
        }
        let statement = try bytes(of: failed)
        replace(&cursor.fields.pointee.query, with: PyRef(retaining: statement.object))
        if isBehind, failed + 1 < batch.count, let other = try repeated(statement.object) {
            try cursor.accept(other, connection)
        }
        try cursor.accept(exchange, connection)
    }

    /// Sends a statement alone whose end the server did not understand, for it to say so in words about that statement
    /// and not about the one behind it. A text that cannot be parsed executes nothing, and is answered by that in a
    /// failed transaction, too.
    /// - Returns: nil if it can be parsed after all.
    private func repeated(_ statement: PyObj) throws(PythonError) -> Exchange? {
        let core = connection.core
        guard core.session?.transactionStatus == .inError else { return nil }
        let exchange = try connection.perform(Exchange(Statement(statement)), mayBegin: false)
        guard let result = exchange.result, result.status == .fatalError else { return nil }
        return result.sqlState == .inFailedSQLTransaction ? nil : exchange
    }

    /// The text of a statement of the batch, as `bytes`.
    private func bytes(of index: Int) throws(PythonError) -> PyRef {
        try batch.withStatement(index) { (bytes) throws(PythonError) in try PyRef(bytes: bytes) }
    }

    private func count(_ rows: Int?) {
        affectedRows = affectedRows.flatMap { sum in rows.map { sum &+ $0 } }
    }
}
