import ApusPQ
import ApusValues
import CApusLibPQ
import CApusPython

/// `executemany`. Within a transaction the statements travel together: the server executes each by itself and stops at
/// the first that fails, so that only the number of messages differs.
extension Cursor {
    /// `executemany(query, vars_list)`
    func executeMany(_ query: PyObj, _ list: PyObj) throws(Raised) {
        try checkUnread()
        // As in psycopg2: nothing else of the last result goes before there is something to execute.
        fields.pointee.rowcount = -1
        let connection = try openConnection()
        try naming { () throws(Raised) in
            try connection.checkSynchronous("executemany")
            try connection.checkNotPrepared("executemany")
        }
        if isNamed {
            throw misuse("can't call .executemany() on named cursors")
        }
        try connection.settlePending()
        let iterator = try Owned(owned(PyObject_GetIter(list)))
        guard let first = PyIter_Next(iterator.object) else {
            fields.pointee.rowcount = 0
            if PyErr_Occurred() != nil { throw Raised() }
            return
        }
        let arguments = Owned(first)
        let affected: Int?
        if let template = try joinable(query, connection) {
            affected = try executeJoined(Owned(template), arguments, iterator.object, connection)
        } else {
            affected = try executeApart(query, arguments, iterator.object)
        }
        // The iterator's exception, if it raised, comes behind what was executed.
        let exception = apus_take_exception()
        fields.pointee.rowcount = affected ?? -1
        hideColumns()
        if let exception {
            apus_give_exception(exception)
            throw Raised()
        }
    }

    /// - Returns: how many rows were affected; nil if the server did not say. An exception of the iterator's is pending
    ///   then.
    private func executeApart(
        _ query: PyObj, _ first: borrowing Owned, _ iterator: PyObj
    ) throws(Raised) -> Int? {
        var affected: Int? = 0
        func execute(_ arguments: PyObj) throws(Raised) {
            try self.execute(query, arguments)
            let rows = fields.pointee.rowcount
            affected = rows < 0 ? nil : affected.map { $0 &+ rows }
        }
        try execute(first.object)
        while let arguments = PyIter_Next(iterator) {
            let arguments = Owned(arguments)
            try execute(arguments.object)
        }
        return affected
    }

    /// The statement's bytes, owned, if it can travel with others: outside of a transaction each is one of its own.
    private func joinable(_ query: PyObj, _ connection: Connection) throws(Raised) -> PyObj? {
        let core = connection.core
        guard core.encoding.kind == .utf8, core.status == .begin || !core.transaction.autocommit || core.isInBlock
        else { return nil }
        let template = try Owned(statement(query, nil, connection))
        if apus_is_bytes(template.object) != 0 {
            let bytes = UnsafeRawBufferPointer(
                start: apus_bytes_data(template.object), count: apus_bytes_size(template.object))
            return StatementScan.mayJoin(template: bytes) ? template.take() : nil
        }
        let (bytes, owner) = try core.encoding.encode(template.object)
        defer { owner.release() }
        return StatementScan.mayJoin(template: bytes) ? try pythonBytes(bytes) : nil
    }

    private func executeJoined(
        _ template: borrowing Owned, _ first: borrowing Owned, _ iterator: PyObj, _ connection: Connection
    ) throws(Raised) -> Int? {
        let query = UnsafeRawBufferPointer(
            start: apus_bytes_data(template.object), count: apus_bytes_size(template.object))
        let core = connection.core
        let pending = PendingStatements(of: self, connection)
        core.pending.append(pending)
        defer { core.pending.removeAll { $0 === pending } }
        var statement = ByteWriter(minimumCapacity: query.count + 256)
        let adaptations = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        defer { adaptations.deallocate() }
        var next: PyObj? = first.object.retained()
        while let current = next {
            let arguments = Owned(current)
            adaptations.pointee = 0
            var doublesBackslashes = false
            var quotedFor = 0
            statement.removeAll()
            do throws(Raised) {
                quotedFor = try connection.quotingChanges()
                // The template is in the encoding that there was at first.
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
            let isWhole =
                adaptations.pointee == 0
                || statement.withUnsafeBytes { StatementScan.isWhole($0, doublesBackslashes: doublesBackslashes) }
            try pending.append(statement, isWhole: isWhole, quotedFor: quotedFor)
            next = PyIter_Next(iterator)
        }
        if PyErr_Occurred() != nil { try pending.sendBeforeRaising() } else { try pending.send() }
        return pending.affectedRows
    }
}

extension Connection {
    /// Sends what an `executemany` of this thread still holds: its iterator, or an adapter, is about to use the
    /// connection.
    @inline(__always)
    func settlePending() throws(Raised) { if !core.pending.isEmpty { try sendPending() } }

    @inline(never)
    private func sendPending() throws(Raised) {
        for pending in core.pending where pending.isOurs { try pending.send() }
    }
}
