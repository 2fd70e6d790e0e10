import ApusPQ
import ApusPython
import ApusSessions
import ApusValues
import ApusWaiting
import CApusPsycopg

/// The statements of a running `executemany` that have not been sent yet, and the row count of those that have.
///
/// The connection holds a reference, because the iterator of the arguments may use the connection itself: a statement,
/// a commit or a COPY sends the pending statements first. Used under the GIL.
final class PendingStatements: HeldStatements {
    private let cursor: Cursor
    private let connection: Connection
    private let thread = pthread_self()
    private var batch = StatementBatch()
    /// The value of `quotingChanges()` for the literals of the batch: see `Connection.checkQuoting(since:)`.
    private var quotedFor = 0
    private var isSending = false
    /// The number of rows that the sent statements affected; nil if it is unknown.
    private(set) var affectedRows: Int? = 0

    /// Both must outlive this object; `executemany` keeps them.
    init(of cursor: Cursor, _ connection: Connection) {
        self.cursor = cursor
        self.connection = connection
    }

    /// True if this thread created them, and they are not being sent.
    var isOurs: Bool { pthread_equal(thread, pthread_self()) != 0 && !isSending }

    /// Raises ValueError if a statement contains a zero byte.
    func check(_ statement: borrowing ByteWriter) throws(PythonError) {
        if statement.withUnsafeBytes({ $0.position(of: 0) }) != nil {
            throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
        }
    }

    /// Adds a checked statement, and sends the batch if it is full.
    /// - Parameters:
    ///   - isComplete: false if it may not be a single, complete statement; then it is sent alone.
    ///   - quotedFor: the value of `quotingChanges()` before its literals were quoted.
    func append(_ statement: borrowing ByteWriter, isComplete: Bool, quotedFor: Int) throws(PythonError) {
        // If the quoting rules have changed, sending the earlier statements raises the error.
        if !isComplete || quotedFor != self.quotedFor { try send() }
        if batch.isEmpty { self.quotedFor = quotedFor }
        batch.append(statement)
        if batch.isFull || !isComplete { try send() }
    }

    /// Sends the statements from before the arguments that raised, so that the effect is the same as without a batch.
    /// The exception stays pending, unless the server raises an error.
    func sendBeforeRaising() throws(PythonError) {
        guard let exception = PendingException.take() else { return }
        try send()
        PendingException.restore(exception)
    }

    /// Sends the batch, and empties it.
    func send() throws(PythonError) {
        if batch.isEmpty { return }
        isSending = true
        // After an error, too, they must not be sent again.
        defer {
            batch.removeAll()
            isSending = false
        }
        batch.terminate()
        var next = 0
        while next < batch.count { next = try send(from: next) }
    }

    /// Sends the whole batch if it is inside a transaction, otherwise the statement `first` only, because the server
    /// makes one transaction of all statements in a message. The server's state decides, not `status`, because the
    /// program may have ended the transaction with a statement of its own.
    /// - Returns: the number of the first statement that was not sent.
    private func send(from first: Int) throws(PythonError) -> Int {
        try cursor.naming { () throws(PythonError) in
            try connection.checkOpen()
            try connection.checkIdle("executemany")
        }
        let core = connection.core
        let alone = try bytes(of: first)
        let one = try Exchange(Statement(alone.object))
        one.isHandedOut = Connection.isGreen
        let all: Exchange? = first > 0 || batch.count == 1 ? nil : makeCombinedExchange()
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
            try storeResults(of: exchange)
            return batch.count
        }
        try cursor.storeResult(of: exchange, connection)
        count(cursor.fields.pointee.rowcount < 0 ? nil : cursor.fields.pointee.rowcount)
        return first + 1
    }

    /// Creates an exchange for all statements of the batch in one message.
    private func makeCombinedExchange() -> Exchange {
        let exchange = batch.text.withUnsafeBytes {
            Exchange(Statement(copying: UnsafeRawBufferPointer(rebasing: $0.dropLast())))
        }
        exchange.statementPrefix = { self.batch.statement(atCharacter: $0).prefix }
        exchange.tally = Exchange.Tally()
        return exchange
    }

    /// Stores the results of the whole batch, or raises the error of the statement that failed.
    private func storeResults(of exchange: Exchange) throws(PythonError) {
        let tally = exchange.tally ?? Exchange.Tally()
        let isLost = exchange.anomalies?.loss != nil
        guard isLost || exchange.result?.status == .fatalError else {
            try replace(&cursor.fields.pointee.query, with: bytes(of: batch.count - 1))
            try cursor.storeResult(of: exchange, connection)
            count(tally.affectedRows)
            return
        }
        var failed = min(tally.results, batch.count - 1)
        var isPastEnd = false
        if let position = exchange.result?.statementPosition {
            // The position in the batch, without BEGIN before it.
            let own = exchange.positionInStatements(position)
            let place = batch.statement(atCharacter: own)
            failed = place.number
            isPastEnd = place.prefix.position(own) > batch.characters(of: failed)
        }
        let statement = try bytes(of: failed)
        replace(&cursor.fields.pointee.query, with: PyRef(retaining: statement.object))
        if isPastEnd, failed + 1 < batch.count, let other = try resend(statement.object) {
            try cursor.storeResult(of: other, connection)
        }
        try cursor.storeResult(of: exchange, connection)
    }

    /// Sends a statement again by itself, after a syntax error at its end, because the error in the batch quotes the
    /// next statement. A text with a syntax error executes nothing, and the server reports the same error in a failed
    /// transaction.
    /// - Returns: the exchange with the error; nil if the statement can be parsed.
    private func resend(_ statement: PyObj) throws(PythonError) -> Exchange? {
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

    /// Adds to `affectedRows`; nil makes it unknown.
    private func count(_ rows: Int?) {
        affectedRows = affectedRows.flatMap { sum in rows.map { sum &+ $0 } }
    }
}
