import ApusPQ
import ApusPython
import ApusSessions
import ApusValues

/// `executemany`. Inside a transaction, it sends several statements in one message. The server executes them one by one
/// and stops at the first that fails, so only the number of messages differs.
extension Cursor {
    /// `executemany(query, vars_list)`
    func executeMany(_ query: PyObj, _ list: PyObj) throws(PythonError) {
        try checkUnread()
        // As in psycopg2, the rest of the last result stays until there is a statement to execute.
        fields.pointee.rowcount = -1
        let connection = try openConnection()
        try naming { () throws(PythonError) in
            try connection.checkSynchronous("executemany")
            try connection.checkNotPrepared("executemany")
        }
        if isNamed {
            throw misuse("can't call .executemany() on named cursors")
        }
        try connection.sendPendingStatements()
        let iterator = try list.iterator()
        guard let arguments = try? iterator.object.next() else {
            fields.pointee.rowcount = 0
            if PendingException.exists { throw PythonError() }
            return
        }
        let affected: Int?
        if let template = try joinable(query, connection) {
            affected = try executeJoined(template, arguments, iterator.object, connection)
        } else {
            affected = try executeSeparately(query, arguments, iterator.object)
        }
        // If the iterator raised, first update the cursor for the statements that were executed.
        let exception = PendingException.take()
        fields.pointee.rowcount = affected ?? -1
        hideColumns()
        if let exception {
            PendingException.restore(exception)
            throw PythonError()
        }
    }

    /// Executes the statements one by one.
    /// - Returns: the number of affected rows; nil if it is unknown. If the iterator raised, its exception is pending.
    private func executeSeparately(
        _ query: PyObj, _ first: borrowing PyRef, _ iterator: PyObj
    ) throws(PythonError) -> Int? {
        var affected: Int? = 0
        func execute(_ arguments: PyObj) throws(PythonError) {
            try self.execute(query, arguments)
            let rows = fields.pointee.rowcount
            affected = rows < 0 ? nil : affected.map { $0 &+ rows }
        }
        try execute(first.object)
        while let arguments = try? iterator.next() { try execute(arguments.object) }
        return affected
    }

    /// Returns the template as bytes, if its statements can be sent in one message; otherwise nil. Outside of a
    /// transaction they cannot, because each statement must be its own transaction.
    private func joinable(_ query: PyObj, _ connection: Connection) throws(PythonError) -> PyRef? {
        let core = connection.core
        guard core.encoding.kind == .utf8, core.status == .begin || !core.transaction.autocommit || core.isInBlock
        else { return nil }
        let template = try statement(query, nil, connection)
        if template.object.isBytes {
            if !StatementScan.mayJoin(template: template.object.bytes) { return nil }
            return template
        }
        let encoded = try core.encoding.encode(template.object)
        if !StatementScan.mayJoin(template: encoded.bytes) { return nil }
        return try PyRef(bytes: encoded.bytes)
    }

    /// Executes the statements, several in one message.
    /// - Returns: as `executeSeparately`.
    private func executeJoined(
        _ template: borrowing PyRef, _ first: borrowing PyRef, _ iterator: PyObj, _ connection: Connection
    ) throws(PythonError) -> Int? {
        let query = template.object.bytes
        let core = connection.core
        let pending = PendingStatements(of: self, connection)
        core.pending.append(pending)
        defer { core.pending.removeAll { $0 === pending } }
        var statement = ByteWriter(minimumCapacity: query.count + 256)
        let adaptations = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        defer { adaptations.deallocate() }
        var next: PyRef? = PyRef(retaining: first.object)
        while let arguments = next.take() {
            adaptations.pointee = 0
            var doublesBackslashes = false
            var quotedFor = 0
            statement.removeAll()
            do throws(PythonError) {
                quotedFor = try connection.quotingChanges()
                // The template was encoded at the start, and must not be sent in another encoding.
                if core.encoding.kind != .utf8 { throw connection.quotingHasChanged() }
                if arguments.object.isNone {
                    statement.append(query)
                } else {
                    var quoting = try connection.quoting
                    quoting.adaptations = adaptations
                    doublesBackslashes = quoting.doublesBackslashes
                    var merge = StatementMerge(query, arguments.object, quoting)
                    try merge.write(to: &statement)
                }
                try pending.check(statement)
            } catch {
                try pending.sendBeforeRaising()
                replace(&fields.pointee.query, with: nil)
                hideRows()
                throw naming(error)
            }
            let isComplete =
                adaptations.pointee == 0
                || statement.withUnsafeBytes { StatementScan.isComplete($0, doublesBackslashes: doublesBackslashes) }
            try pending.append(statement, isComplete: isComplete, quotedFor: quotedFor)
            next = try? iterator.next()
        }
        if PendingException.exists { try pending.sendBeforeRaising() } else { try pending.send() }
        return pending.affectedRows
    }
}
