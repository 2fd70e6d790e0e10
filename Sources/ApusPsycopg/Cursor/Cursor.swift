import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

/// A borrowed reference to a Python cursor.
struct Cursor {
    let object: PyObj
    let fields: UnsafeMutablePointer<apus_cursor>

    /// Wraps the `self` of a method. Raises InterfaceError if `__init__` never ran.
    @inline(__always)
    init(_ object: PyObj?) throws(PythonError) {
        (self.object, fields) = try initializedCursor(object)
    }

    /// The cursor's connection. Raises InterfaceError if either is closed.
    @inline(__always)
    func openConnection() throws(PythonError) -> Connection {
        if fields.pointee.closed != 0 { throw closedError() }
        let connection = try Connection(fields.pointee.connection)
        if connection.core.closed != .open { throw closedError(of: connection) }
        return connection
    }

    /// Raises InterfaceError if the cursor or its connection is closed.
    @inline(__always)
    func checkOpen() throws(PythonError) { _ = try openConnection() }

    @inline(never)
    private func closedError() -> PythonError { naming(raise(module.pointee.interfaceError, "cursor already closed")) }

    @inline(never)
    private func closedError(of connection: Connection) -> PythonError {
        naming(
            raise(
                module.pointee.interfaceError,
                connection.core.closed == .broken
                    ? "connection already closed" : "cursor already closed"))
    }

    /// Raises ProgrammingError with this cursor in its `cursor` attribute.
    @inline(never)
    func misuse(_ message: String) -> PythonError { naming(raise(module.pointee.programmingError, message)) }

    /// Runs checks. If one raises, sets the error's `cursor` attribute.
    @inline(__always)
    func naming<Result>(_ body: () throws(PythonError) -> Result) throws(PythonError) -> Result {
        do throws(PythonError) { return try body() } catch { throw naming(error) }
    }

    /// Sets the `cursor` attribute of the raised error, unless it is set already.
    func naming(_ raised: PythonError) -> PythonError { ApusPsycopg.naming(raised, object) }

    /// The result; the cursor owns it.
    @inline(__always)
    var result: BorrowedResult? { fields.pointee.result.map { BorrowedResult(OpaquePointer($0)) } }

    /// Whether this is a named cursor, which is a cursor of the server.
    var isNamed: Bool { fields.pointee.name != nil }

    /// The replication stream; nil if none was started.
    var stream: ReplicationStream? {
        fields.pointee.stream.map { Unmanaged<ReplicationStream>.fromOpaque($0).takeUnretainedValue() }
    }

    func setStream(_ stream: ReplicationStream?) {
        let old = fields.pointee.stream
        fields.pointee.stream = stream.map { Unmanaged.passRetained($0).toOpaque() }
        if let old { Unmanaged<ReplicationStream>.fromOpaque(old).release() }
    }

    // MARK: The result

    /// Raises ProgrammingError inside a typecaster that is reading the result.
    @inline(__always)
    func checkUnread() throws(PythonError) {
        if fields.pointee.readers > 0 { throw misuse("the cursor's result is being read by a typecaster") }
    }

    /// Prepares the cursor for a statement that is about to be sent: frees the rows of the last result, and numbers the
    /// execution, so that the results of earlier statements are discarded. To be called when no other statement can be
    /// sent before this one, because the caller holds the connection's lock or has set its exchange.
    ///
    /// Raises ProgrammingError inside a typecaster that is reading the last result, and InterfaceError if the cursor
    /// was closed while the statement waited for the lock. Then nothing has changed.
    /// - Parameter query: the new value of the attribute `query`; nil leaves it unchanged.
    func prepare(for exchange: Exchange, query: PyObj? = nil) throws(PythonError) {
        try checkUnread()
        if fields.pointee.closed != 0 { throw closedError() }
        fields.pointee.execution &+= 1
        exchange.executionNumber = fields.pointee.execution
        var old: PyObj?
        if let query {
            old = fields.pointee.query
            fields.pointee.query = query.retained()
        }
        if exchange.isHandedOut { releaseRows() } else { clearResult() }
        old?.release()
    }

    /// Frees the last result, and resets the attributes that depend on it.
    func clearResult() {
        Self.dropRows(fields)
        let (description, casts) = (fields.pointee.description, fields.pointee.casts)
        fields.pointee.description = nil
        fields.pointee.casts = nil
        fields.pointee.rowcount = -1
        fields.pointee.row = 0
        fields.pointee.lastoid = 0
        fields.pointee.missing = Missing.rows
        // Released last, because the finalizer of a typecaster may run Python code that uses this cursor.
        description?.release()
        casts?.release()
    }

    /// Frees the rows and the PGresult.
    static func dropRows(_ fields: UnsafeMutablePointer<apus_cursor>) {
        if let result = fields.pointee.result {
            fields.pointee.result = nil
            _ = PQResult(owning: OpaquePointer(result))
        }
        if let large = fields.pointee.large { dropLargeRows(large, fields) }
        fields.pointee.is_pinned = 0
    }

    @inline(never)
    static func dropLargeRows(_ large: UnsafeMutableRawPointer, _ fields: UnsafeMutablePointer<apus_cursor>) {
        fields.pointee.large = nil
        let rows = large.assumingMemoryBound(to: LargeRows.self)
        rows.deinitialize(count: 1)
        rows.deallocate()
    }

    /// Stores the result of an exchange. Raises the server's error, if there is one. Discards the result if the cursor
    /// has executed another statement since.
    func storeResult(of exchange: Exchange, _ connection: Connection) throws(PythonError) {
        do throws(PythonError) { try connection.checkSuccess(exchange, cursor: object) } catch {
            if isCurrent(exchange) { recordFailure(connection) }
            throw error
        }
        guard isCurrent(exchange), fields.pointee.readers == 0 else {
            try discard(exchange, connection)
            return try checkUnread()
        }
        fields.pointee.has_failed = 0
        guard let taken = exchange.takeResult() else { return }
        if fields.pointee.result != nil { clearResult() }
        let result = taken.borrowed
        fields.pointee.result = UnsafeMutableRawPointer(taken.release())
        switch result.status {
        case .tuplesOK, .singleTuple:
            fields.pointee.rowcount = result.rowCount
            fields.pointee.missing = Missing.nothing
            do throws(PythonError) { try chooseCasts(result, connection) } catch {
                clearResult()
                throw error
            }
        case .copyBoth: return
        default:
            fields.pointee.rowcount = result.affectedRows ?? -1
            fields.pointee.lastoid = result.insertedOID
        }
    }

    /// Clears the last result if the cursor was closed during the exchange, and so kept that result.
    func clearResultIfClosed(before exchange: Exchange) {
        guard fields.pointee.closed != 0, isCurrent(exchange) else { return }
        replace(&fields.pointee.last_status, with: nil)
        clearResult()
    }

    /// Records that the statement failed, and clears an earlier result that was kept during the exchange. If the
    /// connection was lost, the earlier result stays.
    @inline(never)
    private func recordFailure(_ connection: Connection) {
        fields.pointee.has_failed = 1
        if connection.core.closed == .open, fields.pointee.result != nil { clearResult() }
    }

    /// Drops a result that is not for this cursor any more. Ends a replication stream, because no cursor would read it.
    @inline(never)
    private func discard(_ exchange: Exchange, _ connection: Connection) throws(PythonError) {
        guard let result = exchange.result, result.status == .copyBoth else { return }
        exchange.abandonCopy()
        let core = connection.core
        _ = try connection.blocking(
            { () throws(PQError) in try exchange.advance(on: &core.session) },
            finally: { _ in core.finishExchange(exchange) })
    }

    /// Whether the cursor has executed no other statement since.
    private func isCurrent(_ exchange: Exchange) -> Bool {
        exchange.executionNumber.map { $0 == fields.pointee.execution } ?? true
    }

    /// Finds the typecaster of each column, once for all rows.
    private func chooseCasts(_ result: BorrowedResult, _ connection: Connection) throws(PythonError) {
        let count = result.columnCount
        let casts = try PyRef(tupleOf: count)
        let columns = columnArray(capacity: count)
        var isAcyclic = true
        // Protect the result, because comparing the keys of a dict of typecasters may run Python code.
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        for index in 0..<count {
            let oid = try PyRef(Int(result.columnType(index)))
            let isBinary = result.isBinary(index)
            let cast = try cast(oid.object, connection, isBinary: isBinary)
            let column = ColumnCast(cast.object)
            casts.set(tupleItem: index, to: cast)
            (columns + index).initialize(to: column)
            isAcyclic = isAcyclic && column.decoder.isAcyclic
        }
        fields.pointee.is_acyclic = isAcyclic ? 1 : 0
        replace(&fields.pointee.casts, with: casts)
    }

    /// The typecasters in `casts`, in a form that is fast to read; nil if there never was a result.
    @inline(__always)
    var columns: UnsafeMutablePointer<ColumnCast>? {
        fields.pointee.columns?.assumingMemoryBound(to: ColumnCast.self)
    }

    /// Returns the array of `columns`. It never shrinks, because most cursors execute the same statement again.
    @inline(__always)
    private func columnArray(capacity count: Int) -> UnsafeMutablePointer<ColumnCast> {
        if let columns, fields.pointee.columns_capacity >= count { return columns }
        return growColumnArray(capacity: count)
    }

    @inline(never)
    private func growColumnArray(capacity count: Int) -> UnsafeMutablePointer<ColumnCast> {
        Self.dropColumns(fields)
        let columns = UnsafeMutablePointer<ColumnCast>.allocate(capacity: max(count, 4))
        fields.pointee.columns = UnsafeMutableRawPointer(columns)
        fields.pointee.columns_capacity = max(count, 4)
        return columns
    }

    static func dropColumns(_ fields: UnsafeMutablePointer<apus_cursor>) {
        fields.pointee.columns?.deallocate()
        fields.pointee.columns = nil
    }

    /// Finds the typecaster for an OID: the cursor's, else the connection's, else the module's, else the default.
    func cast(_ oid: PyObj, _ connection: Connection, isBinary: Bool = false) throws(PythonError) -> PyRef {
        let state = module
        let own = isBinary ? fields.pointee.binary_types : fields.pointee.string_types
        if let own, let cast = try Self.find(oid, in: own, "cursor", isBinary, state) { return cast }
        let connections = isBinary ? connection.fields.pointee.binary_types : connection.fields.pointee.string_types
        if let connections, let cast = try Self.find(oid, in: connections, "connection", isBinary, state) {
            return cast
        }
        let common = isBinary ? state.pointee.binaryTypes : state.pointee.stringTypes
        if let cast = try Self.find(oid, in: common, "psycopg2.extensions", isBinary, state) { return cast }
        return PyRef(retaining: isBinary ? state.pointee.defaultBinaryCast : state.pointee.defaultCast)
    }

    @inline(__always)
    private static func find(
        _ oid: PyObj, in types: PyObj, _ owner: StaticString, _ isBinary: Bool,
        _ state: UnsafeMutablePointer<ModuleState>
    ) throws(PythonError) -> PyRef? {
        if types.dictCount == 0 { return nil }
        // Keep a reference, because comparing the program's keys may run code that assigns another dict.
        let keeper = PyRef(retaining: types)
        guard let cast = try keeper.object.find(oid) else { return nil }
        if cast.object.type != state.pointee.typecaster { throw noTypecaster(cast, oid, owner, isBinary) }
        return cast
    }

    /// Raises TypeError for an object in a dict of typecasters that is no typecaster.
    @inline(never)
    private static func noTypecaster(
        _ value: consuming PyRef, _ oid: PyObj, _ owner: StaticString, _ isBinary: Bool
    ) -> PythonError {
        do throws(PythonError) {
            let shown = try value.object.shownRepr
            return try raiseTypeError(
                "\(owner).\(isBinary ? "binary" : "string")_types[\(oid.shownRepr)] must be a typecaster, "
                    + "as new_type() makes them, not \(shown)")
        } catch { return error }
    }

    /// Returns the attribute `description`, which is created when it is first read; nil if the statement returned no
    /// rows.
    func description() throws(PythonError) -> PyRef? {
        if let description = fields.pointee.description { return PyRef(retaining: description) }
        guard let result, fields.pointee.missing < Missing.columns, Self.hasColumns(result) else { return nil }
        let encoding = try Connection(fields.pointee.connection).core.encoding
        // Protect the result, because new objects may start the cycle collector, whose finalizers may use this cursor.
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        let count = result.columnCount
        let columns = try PyRef(tupleOf: count)
        for index in 0..<count {
            try columns.set(tupleItem: index, to: Column.make(result, index, encoding))
        }
        replace(&fields.pointee.description, with: PyRef(retaining: columns.object))
        return columns
    }

    /// `close()`. Keeps `description`, `statusmessage`, `rowcount`, `rownumber` and `lastrowid`.
    func close() throws(PythonError) {
        if fields.pointee.closed != 0 { return }
        try checkUnread()
        if isNamed { try closeNamed() }
        // Keep these, because programs read them after a `with` block has closed the cursor.
        let description = try description()
        let status = try statusMessage()
        // Another thread may have closed the cursor meanwhile, or started to fetch.
        if fields.pointee.closed != 0 || fields.pointee.readers > 0 { return try checkUnread() }
        fields.pointee.closed = 1
        let (rowcount, row, lastoid) = (fields.pointee.rowcount, fields.pointee.row, fields.pointee.lastoid)
        replace(&fields.pointee.last_status, with: status)
        clearResult()
        replace(&fields.pointee.description, with: description)
        fields.pointee.rowcount = rowcount
        fields.pointee.row = row
        fields.pointee.lastoid = lastoid
    }

    /// Returns the attribute `statusmessage`: the tag of the last command, or an empty string if it failed.
    func statusMessage() throws(PythonError) -> PyRef {
        if let last = fields.pointee.last_status { return PyRef(retaining: last) }
        if let result { return try PyRef(result.commandTag) }
        return try fields.pointee.has_failed != 0 ? PyRef("") : PyRef.none
    }
}
