import ApusPQ
import ApusPython
import ApusSessions
import ApusValues

/// Named cursors are cursors of the server: `execute` declares them, and each fetch requests rows.
extension Cursor {
    /// Raises ProgrammingError if `execute` cannot declare the cursor.
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
        // As in psycopg2, a named cursor belongs to the transaction in which the Python object was created.
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

    /// Raises ProgrammingError if the cursor's transaction has ended. The server is not asked, because that would begin
    /// a new transaction, in which the command fails.
    func checkAlive(_ connection: Connection) throws(PythonError) {
        if fields.pointee.withhold == 0, fields.pointee.transaction != connection.core.transactionNumber {
            throw misuse("named cursor isn't valid anymore")
        }
    }

    /// Executes `FETCH`, and stores its rows as the cursor's result.
    func fetchFromServer(_ direction: String, _ connection: Connection) throws(PythonError) {
        try naming { () throws(PythonError) in
            try connection.checkIdle("fetch")
            try connection.checkNotPrepared("fetch")
        }
        try checkAlive(connection)
        try executeOnServer("FETCH \(direction) FROM \(quotedName(connection))", connection)
        // Another thread may have executed another statement with the cursor.
        if fields.pointee.missing != 0 { throw noRows(connection) }
    }

    /// Executes a command about the server's cursor, and stores its result.
    func executeOnServer(_ command: String, _ connection: Connection) throws(PythonError) {
        let bytes = try connection.encoded(command)
        let exchange = bytes.withUnsafeBytes { Exchange(Statement(copying: $0)) }
        try connection.perform(exchange, mayBegin: fields.pointee.withhold == 0) { () throws(PythonError) in
            try prepare(for: exchange)
        }
        try storeResult(of: exchange, connection)
    }

    /// Closes the cursor on the server, if it may still exist there.
    func closeNamed() throws(PythonError) {
        let connection = try Connection(fields.pointee.connection)
        guard connection.core.closed == .open, connection.core.isOurs, connection.core.exchange == nil else { return }
        let status = connection.core.session?.transactionStatus
        // After an error, or outside of its transaction, the cursor does not exist any more.
        let mayExist = status == .inTransaction || (status == .idle && fields.pointee.withhold != 0)
        guard mayExist else { return }
        let isOlder = fields.pointee.transaction != connection.core.transactionNumber
        // A cursor of the same name may belong to the current transaction.
        if isOlder && fields.pointee.withhold == 0 { return }
        // Check that the cursor exists, because a rollback removes WITH HOLD cursors, too, and CLOSE of a missing
        // cursor would make the current transaction fail.
        if isOlder || fields.pointee.is_declared == 0, try !existsOnServer(connection) { return }
        try executeOnServer("CLOSE \(quotedName(connection))", connection)
    }

    /// Whether the server has a cursor of this name. The program may have declared it with a statement of its own.
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
