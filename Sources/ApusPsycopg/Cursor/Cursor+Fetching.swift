import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

extension Cursor {
    /// Returns the next row; nil if there are no more.
    func fetchOne() throws(PythonError) -> PyRef? {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD 1", connection) }
        return try nextRow(connection)
    }

    /// `__next__`: like `fetchOne`, but a named cursor fetches `itersize` rows at a time.
    func iterate() throws(PythonError) -> PyRef? {
        let connection = try checkFetch()
        if isNamed, fields.pointee.missing != 0 || fields.pointee.row >= fields.pointee.rowcount {
            try fetchFromServer(Self.forward(fields.pointee.itersize), connection)
        }
        return try nextRow(connection)
    }

    /// Returns a list of at most `count` rows.
    func fetchMany(_ count: Int) throws(PythonError) -> PyRef {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer(Self.forward(count), connection) }
        // As in psycopg2, a negative number means all remaining rows.
        return try rows(count < 0 ? .max : count, connection)
    }

    /// Returns the direction of `FETCH` for a number of rows, backwards if it is negative. Numbers that the server's 32
    /// bits cannot hold become ALL.
    private static func forward(_ count: Int) -> String {
        guard count.magnitude > Int32.max.magnitude else { return "FORWARD \(count)" }
        return count > 0 ? "FORWARD ALL" : "BACKWARD ALL"
    }

    /// Returns a list of all remaining rows.
    func fetchAll() throws(PythonError) -> PyRef {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD ALL", connection) }
        return try rows(.max, connection)
    }

    @inline(__always)
    private func checkFetch() throws(PythonError) -> Connection {
        let connection = try openConnection()
        // A running statement of another cursor does not matter, because this cursor owns its rows.
        if fields.pointee.missing != 0, !isNamed { throw noRows(connection) }
        return connection
    }

    // MARK: Rows

    private func nextRow(_ connection: Connection) throws(PythonError) -> PyRef? {
        let row = fields.pointee.row
        guard let result, row < fields.pointee.rowcount,
            var maker = try RowMaker(cursor: object, encoding: connection.core.encoding)
        else { return nil }
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        fields.pointee.row = row + 1
        if let large { return try Self.row(row, of: large, &maker) }
        var reader = ResultReader(result, row: row)
        return try maker.row(&reader)
    }

    private var rowsLeft: Int { max(0, fields.pointee.rowcount - fields.pointee.row) }

    private func rows(_ count: Int, _ connection: Connection) throws(PythonError) -> PyRef {
        if mayPack(min(count, rowsLeft)) { pack() }
        // Read the position again, because another thread may have fetched meanwhile.
        let first = fields.pointee.row
        let count = min(count, rowsLeft)
        guard count > 0, let result, var maker = try RowMaker(cursor: object, encoding: connection.core.encoding) else {
            return try PyRef(listOf: 0)
        }
        // Protect the result, because a new list may start the cycle collector, whose finalizers may execute a
        // statement on this cursor.
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        let list = try PyRef(listOf: count)
        // Pause the cycle collector, because it would traverse the new rows again and again, and none is garbage.
        let isPaused = count > 100 && maker.isNative && CycleCollector.pause()
        defer { if isPaused { CycleCollector.resume() } }
        maker.prepare(for: count)
        if let large {
            try fill(list, first..<first + count, from: large, &maker)
            return list
        }
        for index in 0..<count {
            fields.pointee.row = first &+ index &+ 1
            var reader = ResultReader(result, row: first &+ index)
            list.set(listItem: index, to: try maker.row(&reader))
        }
        return list
    }

    // MARK: Moving

    /// `scroll(value, mode='relative')`
    func scroll(_ value: Int, absolute: Bool) throws(PythonError) {
        let connection = try openConnection()
        if isNamed {
            guard value.magnitude <= Int32.max.magnitude else {
                throw raise(
                    Python.overflowError,
                    "a named cursor scrolls by \(-Int32.max) to \(Int32.max) rows, and not by \(value)")
            }
            let position = absolute ? "ABSOLUTE \(value)" : "\(value)"
            try naming { () throws(PythonError) in
                try connection.checkIdle("scroll")
                try connection.checkNotPrepared("scroll")
            }
            try checkAlive(connection)
            try executeOnServer("MOVE \(position) FROM \(quotedName(connection))", connection)
            // MOVE's tag counts rows that were skipped, not rows to fetch.
            fields.pointee.rowcount = -1
            return
        }
        let (destination, overflow) = absolute ? (value, false) : fields.pointee.row.addingReportingOverflow(value)
        guard !overflow, destination >= 0, destination < max(0, fields.pointee.rowcount),
            fields.pointee.missing < Missing.position
        else {
            throw misuse("scroll destination out of bounds")
        }
        fields.pointee.row = destination
    }
}
