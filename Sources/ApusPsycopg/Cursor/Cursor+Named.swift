import ApusPQ
import ApusPython
import ApusSessions
import ApusValues

/// Named cursors live on the server: `execute` declares them, a fetch asks for rows.
extension Cursor {
    func checkNamedExecution(_ connection: Connection) throws(PythonError) {
        if fields.pointee.query != nil {
            throw misuse("can't call .execute() on named cursors more than once")
        }
        if connection.core.transaction.autocommit, fields.pointee.withhold == 0 {
            throw misuse("can't use a named cursor outside of transactions")
        }
        if connection.core.isAsynchronous {
            throw misuse("asynchronous connections cannot produce named cursors")
        }
        // As in psycopg2: it belongs to the transaction in which it was made.
        try checkAlive(connection)
    }

    /// The cursor's name as an SQL identifier.
    func quotedName(_ connection: Connection) throws(PythonError) -> String {
        guard let name = fields.pointee.name else { return "" }
        return try connection.identifier(text(of: name))
    }

    /// Declares the cursor for a statement.
    /// - Parameter quotedFor: as for `run`.
    func declare(_ statement: borrowing PyRef, _ connection: Connection, quotedFor: Int?) throws(PythonError) {
        var writer = ByteWriter()
        try connection.encoded("DECLARE \(quotedName(connection)) ").withUnsafeBytes { writer.append($0) }
        switch fields.pointee.scrollable {
        case 0: writer.append("NO SCROLL ")
        case 1: writer.append("SCROLL ")
        default: break
        }
        writer.append(fields.pointee.withhold != 0 ? "CURSOR WITH HOLD FOR " : "CURSOR WITHOUT HOLD FOR ")
        writer.append(try statement.object.isBytes ? statement.object.bytes : statement.object.utf8)
        let query = try writer.withUnsafeBytes { (bytes) throws(PythonError) in try PyRef(bytes: bytes) }
        try run(query.object, connection, quotedFor: quotedFor)
        fields.pointee.rowcount = -1
        fields.pointee.is_declared = 1
        fields.pointee.transaction = connection.core.transactionNumber
    }

    /// Raises ProgrammingError where the transaction has ended that the cursor lived in: asking the server would begin
    /// another one, only for it to fail.
    func checkAlive(_ connection: Connection) throws(PythonError) {
        if fields.pointee.withhold == 0, fields.pointee.transaction != connection.core.transactionNumber {
            throw misuse("named cursor isn't valid anymore")
        }
    }

    /// Makes the rows of a `FETCH` the cursor's result.
    func fetchFromServer(_ direction: String, _ connection: Connection) throws(PythonError) {
        try naming { () throws(PythonError) in
            try connection.checkIdle("fetch")
            try connection.checkNotPrepared("fetch")
        }
        try checkAlive(connection)
        try executeOnServer("FETCH \(direction) FROM \(quotedName(connection))", connection)
        // Another thread may have begun another statement on the cursor.
        if fields.pointee.missing != 0 { throw noRows(connection) }
    }

    /// Runs a command about the cursor, whose result becomes the cursor's.
    func executeOnServer(_ command: String, _ connection: Connection) throws(PythonError) {
        let bytes = try connection.encoded(command)
        let exchange = bytes.withUnsafeBytes { Exchange(Statement(copying: $0)) }
        try connection.perform(exchange, mayBegin: fields.pointee.withhold == 0) { () throws(PythonError) in
            try prepare(for: exchange)
        }
        try accept(exchange, connection)
    }

    /// Closes the cursor on the server, where it still can be.
    func closeNamed() throws(PythonError) {
        let connection = try Connection(fields.pointee.connection)
        guard connection.core.closed == .open, connection.core.isOurs, connection.core.exchange == nil else { return }
        let status = connection.core.session?.transactionStatus
        // After an error, or outside of the transaction that it was declared in, the cursor is gone.
        let lives = status == .inTransaction || (status == .idle && fields.pointee.withhold != 0)
        guard lives else { return }
        let isOlder = fields.pointee.transaction != connection.core.transactionNumber
        // One of the same name may belong to the transaction that is open now.
        if isOlder && fields.pointee.withhold == 0 { return }
        // A transaction that was rolled back took its cursors with it, also those that were to be held. CLOSE of a cursor
        // that is not there would fail the transaction that is open now.
        if isOlder || fields.pointee.is_declared == 0, try !existsOnServer(connection) { return }
        try executeOnServer("CLOSE \(quotedName(connection))", connection)
    }

    /// Whether the program declared a cursor of this name, which this one then reads.
    private func existsOnServer(_ connection: Connection) throws(PythonError) -> Bool {
        guard let name = fields.pointee.name else { return false }
        let query = try PyRef("SELECT 1 FROM pg_catalog.pg_cursors WHERE name = %s")
        let arguments = try PyRef(tupleOf: 1)
        arguments.set(tupleItem: 0, to: PyRef(retaining: name))
        let quotedFor = try connection.quotingChanges()
        let statement = try statement(query.object, arguments.object, connection)
        let exchange = try connection.perform(Exchange(sendable(statement.object)), mayBegin: false) {
            () throws(PythonError) in try connection.checkQuoting(since: quotedFor)
        }
        try connection.checkSuccess(exchange, cursor: object)
        return exchange.result.map { $0.rowCount > 0 } ?? false
    }
}
