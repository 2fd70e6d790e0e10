import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

/// A Python cursor, borrowed.
struct Cursor {
    let object: PyObj
    let fields: UnsafeMutablePointer<apus_cursor>

    /// From the `self` of a method. Raises InterfaceError if `__init__` never ran.
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

    /// ProgrammingError for a wrong use of this cursor, which it names.
    @inline(never)
    func misuse(_ message: String) -> PythonError { naming(raise(module.pointee.programmingError, message)) }

    /// Runs what may find the use of this cursor wrong. The error then names the cursor.
    @inline(__always)
    func naming<Result>(_ body: () throws(PythonError) -> Result) throws(PythonError) -> Result {
        do throws(PythonError) { return try body() } catch { throw naming(error) }
    }

    /// Makes the error that was raised name this cursor, unless it names one already.
    func naming(_ raised: PythonError) -> PythonError { ApusPsycopg.naming(raised, object) }

    /// The result, which the cursor owns.
    @inline(__always)
    var result: BorrowedResult? { fields.pointee.result.map { BorrowedResult(OpaquePointer($0)) } }

    var isNamed: Bool { fields.pointee.name != nil }

    /// The replication stream; nil as long as none was begun.
    var stream: ReplicationStream? {
        fields.pointee.stream.map { Unmanaged<ReplicationStream>.fromOpaque($0).takeUnretainedValue() }
    }

    func setStream(_ stream: ReplicationStream?) {
        let old = fields.pointee.stream
        fields.pointee.stream = stream.map { Unmanaged.passRetained($0).toOpaque() }
        if let old { Unmanaged<ReplicationStream>.fromOpaque(old).release() }
    }

    // MARK: The result

    /// Raises ProgrammingError from within a typecaster that reads the result.
    @inline(__always)
    func checkUnread() throws(PythonError) {
        if fields.pointee.readers > 0 { throw misuse("the cursor's result is being read by a typecaster") }
    }

    /// Gets ready for a statement that is about to be sent: when no other can come in between, because the connection's
    /// lock is held or its exchange is taken. From here on the cursor is the statement's, and the result of one that
    /// was sent before is not the cursor's any more.
    ///
    /// Raises ProgrammingError from within a typecaster that reads the last result, InterfaceError where the cursor was
    /// closed while the statement waited for its turn; then nothing has changed.
    /// - Parameter query: what the program sees as `query` from now on; nil leaves it as it is.
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
        if exchange.isHandedOut { setAside() } else { clearResult() }
        old?.release()
    }

    /// Frees what belongs to the last result.
    func clearResult() {
        Self.dropRows(fields)
        let (description, casts) = (fields.pointee.description, fields.pointee.casts)
        fields.pointee.description = nil
        fields.pointee.casts = nil
        fields.pointee.rowcount = -1
        fields.pointee.row = 0
        fields.pointee.lastoid = 0
        fields.pointee.missing = Missing.rows
        // A typecaster that goes with them may run Python code, which finds all of it done.
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

    /// Takes over a result that the server is content with, unless another statement was begun on the cursor since.
    func accept(_ exchange: Exchange, _ connection: Connection) throws(PythonError) {
        do throws(PythonError) { try connection.checkSuccess(exchange, cursor: object) } catch {
            if isCurrent(exchange) { noteFailure(connection) }
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

    /// Forgets what a cursor that was closed meanwhile has kept of the result before that of an exchange.
    func makeRoom(for exchange: Exchange) {
        guard fields.pointee.closed != 0, isCurrent(exchange) else { return }
        replace(&fields.pointee.last_status, with: nil)
        clearResult()
    }

    /// The server has refused the statement: of the result before, where it was kept so long, nothing stays. What a
    /// lost connection answered says nothing.
    @inline(never)
    private func noteFailure(_ connection: Connection) {
        fields.pointee.has_failed = 1
        if connection.core.closed == .open, fields.pointee.result != nil { clearResult() }
    }

    /// Lets go of a result that is not the cursor's any more. A stream is ended, because no cursor reads it.
    @inline(never)
    private func discard(_ exchange: Exchange, _ connection: Connection) throws(PythonError) {
        guard let result = exchange.result, result.status == .copyBoth else { return }
        exchange.abandonCopy()
        let core = connection.core
        _ = try connection.blocking(
            { () throws(PQError) in try exchange.advance(on: &core.session) },
            finally: { _ in core.finishExchange(exchange) })
    }

    /// Whether an exchange's result is the cursor's: no other statement was begun on it since.
    private func isCurrent(_ exchange: Exchange) -> Bool {
        exchange.executionNumber.map { $0 == fields.pointee.execution } ?? true
    }

    /// Finds the typecaster of every column, once for all rows.
    private func chooseCasts(_ result: BorrowedResult, _ connection: Connection) throws(PythonError) {
        let count = result.columnCount
        let casts = try PyRef(tupleOf: count)
        let columns = room(forColumns: count)
        var isAcyclic = true
        // The keys of a dict of typecasters may run Python code when they are compared.
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

    /// What `casts` holds, for the making of rows; nil if there never was a result.
    @inline(__always)
    var columns: UnsafeMutablePointer<ColumnCast>? {
        fields.pointee.columns?.assumingMemoryBound(to: ColumnCast.self)
    }

    /// The array of `columns`, which only ever grows: most cursors execute the same again and again.
    @inline(__always)
    private func room(forColumns count: Int) -> UnsafeMutablePointer<ColumnCast> {
        if let columns, fields.pointee.columns_capacity >= count { return columns }
        return moreRoom(forColumns: count)
    }

    @inline(never)
    private func moreRoom(forColumns count: Int) -> UnsafeMutablePointer<ColumnCast> {
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

    /// The typecaster for an OID, owned: the cursor's, else the connection's, else the module's.
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
        // Keys of the program's own may put another dict in its place while they are compared.
        let keeper = PyRef(retaining: types)
        guard let cast = try keeper.object.find(oid) else { return nil }
        if cast.object.type != state.pointee.typecaster { throw noTypecaster(cast, oid, owner, isBinary) }
        return cast
    }

    /// TypeError for what a program put into a dict of typecasters.
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

    /// `description`, made when it is first asked for; nil where the statement returned no rows.
    func description() throws(PythonError) -> PyRef? {
        if let description = fields.pointee.description { return PyRef(retaining: description) }
        guard let result, fields.pointee.missing < Missing.columns, Self.hasColumns(result) else { return nil }
        let encoding = try Connection(fields.pointee.connection).core.encoding
        // New objects may set off the cycle collector, and finalizers with it.
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

    func close() throws(PythonError) {
        if fields.pointee.closed != 0 { return }
        try checkUnread()
        if isNamed { try closeNamed() }
        // Programs look at these after a `with` block has closed the cursor.
        let description = try description()
        let status = try statusMessage()
        // Meanwhile another thread may have closed it, or begun to fetch.
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

    /// The tag of the last command, an empty text where the server refused it.
    func statusMessage() throws(PythonError) -> PyRef {
        if let last = fields.pointee.last_status { return PyRef(retaining: last) }
        if let result { return try PyRef(result.commandTag) }
        return try fields.pointee.has_failed != 0 ? PyRef("") : PyRef.none
    }
}
