import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

extension Cursor {
    /// The next row; nil when there is none left.
    func fetchOne() throws(PythonError) -> PyRef? {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD 1", connection) }
        return try nextRow(connection)
    }

    /// `__next__`: as `fetchOne`, but named cursors fetch `itersize` rows at once.
    func iterate() throws(PythonError) -> PyRef? {
        let connection = try checkFetch()
        if isNamed, fields.pointee.missing != 0 || fields.pointee.row >= fields.pointee.rowcount {
            try fetchFromServer(Self.forward(fields.pointee.itersize), connection)
        }
        return try nextRow(connection)
    }

    /// At most `count` rows as a list.
    func fetchMany(_ count: Int) throws(PythonError) -> PyRef {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer(Self.forward(count), connection) }
        // As in psycopg2, a negative number is all that are left.
        return try rows(count < 0 ? .max : count, connection)
    }

    /// `FETCH`'s words for so many rows, backwards if negative. The server reads numbers of 31 bits and a sign; beyond
    /// them are all rows that there can be.
    private static func forward(_ count: Int) -> String {
        guard count.magnitude > Int32.max.magnitude else { return "FORWARD \(count)" }
        return count > 0 ? "FORWARD ALL" : "BACKWARD ALL"
    }

    /// All rows that are left, as a list.
    func fetchAll() throws(PythonError) -> PyRef {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD ALL", connection) }
        return try rows(.max, connection)
    }

    @inline(__always)
    private func checkFetch() throws(PythonError) -> Connection {
        let connection = try openConnection()
        // The rows of a result are the cursor's, whatever statement another cursor of the connection executes.
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
        // Another thread may have fetched meanwhile.
        let first = fields.pointee.row
        let count = min(count, rowsLeft)
        guard count > 0, let result, var maker = try RowMaker(cursor: object, encoding: connection.core.encoding) else {
            return try PyRef(listOf: 0)
        }
        // From here on nothing may free the result: the new list may set off the cycle collector, and finalizers with
        // it.
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        let list = try PyRef(listOf: count)
        // What is being made is no garbage yet: looking through it again and again would find none.
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
            // The number in MOVE's tag is not a number of rows that could be fetched here.
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
