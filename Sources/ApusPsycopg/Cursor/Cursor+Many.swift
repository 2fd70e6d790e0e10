import ApusPQ
import ApusValues
import CApusLibPQ
import CApusPython

/// `executemany`. Within a transaction the statements travel together: the server executes each by itself and stops at
/// the first that fails, so that only the number of messages differs.
extension Cursor {
    /// `executemany(query, vars_list)`
    func executeMany(_ query: PyObj, _ list: PyObj) throws(Raised) {
        let connection = try openConnection()
        try connection.checkSynchronous("executemany")
        try connection.checkNotPrepared("executemany")
        if isNamed {
            throw misuse("can't call .executemany() on named cursors")
        }
        try connection.settlePending()
        try forgetResult()
        let iterator = try Owned(owned(PyObject_GetIter(list)))
        let affected: Int?
        if let template = try joinable(query, connection) {
            affected = try executeJoined(Owned(template), iterator.object, connection)
        } else {
            affected = try executeApart(query, iterator.object)
        }
        fields.pointee.rowcount = affected ?? -1
        // The last statement's rows are nobody's.
        fields.pointee.no_tuples = 1
        replace(&fields.pointee.description, with: nil)
    }

    /// - Returns: how many rows were affected; nil if the server did not say.
    private func executeApart(_ query: PyObj, _ iterator: PyObj) throws(Raised) -> Int? {
        var affected = 0
        var isKnown = true
        while let arguments = PyIter_Next(iterator) {
            let arguments = Owned(arguments)
            try execute(query, arguments.object)
            if fields.pointee.rowcount < 0 { isKnown = false } else { affected &+= fields.pointee.rowcount }
        }
        if PyErr_Occurred() != nil { throw Raised() }
        return isKnown ? affected : nil
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
            return StatementBatch.mayJoin(bytes) ? template.take() : nil
        }
        let (bytes, owner) = try core.encoding.encode(template.object)
        defer { owner.release() }
        return StatementBatch.mayJoin(bytes) ? try pythonBytes(bytes) : nil
    }

    private func executeJoined(
        _ template: borrowing Owned, _ iterator: PyObj, _ connection: Connection
    ) throws(Raised) -> Int? {
        let query = UnsafeRawBufferPointer(
            start: apus_bytes_data(template.object), count: apus_bytes_size(template.object))
        let core = connection.core
        let pending = PendingStatements(of: self, connection)
        core.pending.append(pending)
        defer { core.pending.removeAll { $0 === pending } }
        var statement = ByteWriter(minimumCapacity: query.count + 256)
        while let arguments = PyIter_Next(iterator) {
            let arguments = Owned(arguments)
            statement.removeAll()
            do throws(Raised) {
                if arguments.object.isNone {
                    statement.append(query)
                } else {
                    var merge = StatementMerge(query, arguments.object, connection.quoting)
                    try merge.write(to: &statement)
                }
                try pending.append(statement)
            } catch {
                try pending.sendBeforeRaising()
                replace(&fields.pointee.query, with: nil)
                throw error
            }
        }
        if PyErr_Occurred() != nil {
            try pending.sendBeforeRaising()
            throw Raised()
        }
        try pending.send()
        return pending.tally.affectedRows
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
