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
            if fields.pointee.rowcount < 0 { isKnown = false } else { affected += fields.pointee.rowcount }
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
        var batch = StatementBatch()
        var statement = ByteWriter(minimumCapacity: query.count + 256)
        var tally = Exchange.Tally()
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
                try batch.append(statement)
            } catch {
                try sendRemaining(&batch, &tally, connection)
                throw error
            }
            if batch.isFull { try send(&batch, &tally, connection) }
        }
        if PyErr_Occurred() != nil {
            try sendRemaining(&batch, &tally, connection)
            throw Raised()
        }
        try send(&batch, &tally, connection)
        return tally.affectedRows
    }

    /// Executes what came before the arguments that raised, as if each had been sent when its turn was. The pending
    /// exception stays, unless the server objects.
    private func sendRemaining(
        _ batch: inout StatementBatch, _ tally: inout Exchange.Tally, _ connection: Connection
    ) throws(Raised) {
        guard let exception = apus_take_exception() else { return }
        do throws(Raised) { try send(&batch, &tally, connection) } catch {
            exception.release()
            throw error
        }
        apus_give_exception(exception)
    }

    private func send(
        _ batch: inout StatementBatch, _ tally: inout Exchange.Tally, _ connection: Connection
    ) throws(Raised) {
        if batch.isEmpty { return }
        try connection.checkOpen()
        try connection.checkIdle("executemany")
        try forgetResult()
        batch.terminate()
        let core = connection.core
        let exchange = try batch.text.withUnsafeBytes { (bytes) throws(Raised) -> Exchange in
            try connection.perform {
                let exchange = core.makeExchange(UnsafeRawBufferPointer(rebasing: bytes.dropLast()))
                exchange.tally = Exchange.Tally()
                return exchange
            }
        }
        let sent = exchange.tally ?? Exchange.Tally()
        let last = failed(exchange, sent, batch)
        try replace(&fields.pointee.query, with: batch.statement(last ?? batch.starts.count - 1))
        if let last {
            let front = batch.charactersAndLines(before: last)
            exchange.extendPrefix(characters: front.characters, lines: front.lines)
        }
        try accept(exchange, connection)
        tally.add(sent)
        batch.removeAll()
    }

    /// The number of the statement that the server objects to; nil if it does not.
    private func failed(_ exchange: Exchange, _ tally: Exchange.Tally, _ batch: borrowing StatementBatch) -> Int? {
        guard let result = exchange.result, PQresultStatus(result) == PGRES_FATAL_ERROR else { return nil }
        if let field = PQresultErrorField(result, apus_diag_statement_position),
            let position = Int(String(cString: field))
        {
            return batch.statement(atCharacter: position - exchange.prefixLength)
        }
        return min(tally.results, batch.starts.count - 1)
    }
}
