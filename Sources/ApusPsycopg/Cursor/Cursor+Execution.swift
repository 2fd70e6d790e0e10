import ApusPQ
import ApusValues
import CApusLibPQ
import CApusPython

extension Cursor {
    /// `execute(query, vars=None)`
    func execute(_ query: PyObj, _ arguments: PyObj?) throws(Raised) {
        let connection = try openConnection()
        try connection.checkOpen()
        try connection.checkIdle("execute")
        try connection.checkNotPrepared("execute")
        try connection.settlePending()
        if isNamed { try checkNamedExecution() }
        try checkUnread()
        let quotedFor = try hasValues(query, arguments) ? connection.quotingChanges() : nil
        let statement = try Owned(statementToRun(query, arguments, connection))
        if isNamed {
            try declare(statement.take(), connection, quotedFor: quotedFor)
            return
        }
        try run(statement.object, connection, quotedFor: quotedFor)
    }

    /// Whether the driver quotes anything for the statement.
    @inline(__always)
    private func hasValues(_ query: PyObj, _ arguments: PyObj?) -> Bool {
        if let arguments, !arguments.isNone { return true }
        return apus_is_str(query) == 0 && apus_is_bytes(query) == 0
    }

    /// The statement with its arguments. What cannot be made or is empty leaves the last result as it is, but if the
    /// arguments are to blame there is no `query` any more.
    private func statementToRun(
        _ query: PyObj, _ arguments: PyObj?, _ connection: Connection
    ) throws(Raised) -> PyObj {
        let statement: Owned
        do throws(Raised) { statement = try Owned(self.statement(query, arguments, connection)) } catch {
            if let arguments, !arguments.isNone {
                replace(&fields.pointee.query, with: nil)
                hideRows()
            }
            throw error
        }
        let isBytes = apus_is_bytes(statement.object) != 0
        let count = isBytes ? apus_bytes_size(statement.object) : apus_str_length(statement.object)
        if count == 0 { throw misuse("can't execute an empty query") }
        return statement.take()
    }

    /// Runs a statement, which becomes `query`, and takes over its result.
    /// - Parameters:
    ///   - quotedFor: see `Connection.checkQuoting(since:)`; nil where there are no literals of the driver's.
    ///   - takes: the COPY that the caller goes on with.
    ///   - preparing: runs when the statement's turn has come, before it is sent.
    func run(
        _ text: PyObj, _ connection: Connection, quotedFor: Int? = nil, takes: Exchange.CopyKind = .none,
        preparing: () -> Void = {}
    ) throws(Raised) {
        let exchange = try Exchange(sendable(text))
        exchange.takes = takes
        if connection.core.isAsynchronous {
            try connection.begin(exchange, for: object) { () throws(Raised) in
                if let quotedFor { try connection.checkQuoting(since: quotedFor) }
                try prepare(for: exchange, query: text)
                preparing()
            }
            return
        }
        try connection.perform(exchange) { () throws(Raised) in
            if let quotedFor { try connection.checkQuoting(since: quotedFor) }
            try prepare(for: exchange, query: text)
            preparing()
        }
        try accept(exchange, connection)
    }

    /// A text that can be sent. Raises ProgrammingError where it is empty, ValueError for a zero byte.
    func sendable(_ text: PyObj) throws(Raised) -> Statement {
        let statement = try Statement(text)
        guard let start = statement.bytes.baseAddress, statement.bytes.count > 0 else {
            throw misuse("can't execute an empty query")
        }
        if memchr(start, 0, statement.bytes.count) != nil {
            throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
        }
        return statement
    }

    /// The statement with its arguments, in the connection's encoding: bytes or, where the two are the same, `str`.
    func statement(_ query: PyObj, _ arguments: PyObj?, _ connection: Connection) throws(Raised) -> PyObj {
        let source: PyObj
        if apus_is_str(query) != 0 || apus_is_bytes(query) != 0 {
            source = query.retained()
        } else {
            source = try composed(query)
        }
        let keeper = Owned(source)
        if connection.core.isShared { try connection.lookAgain() }
        let encoding = connection.core.encoding
        guard let arguments, !arguments.isNone else {
            if apus_is_exact_str(source) != 0, encoding.kind == .utf8 { return keeper.take() }
            if apus_is_bytes(source) != 0 { return keeper.take() }
            let (bytes, owner) = try encoding.encode(source)
            let holder = Owned(owner)
            if apus_is_bytes(owner) != 0 { return holder.take() }
            return try pythonBytes(bytes)
        }
        let bytes: UnsafeRawBufferPointer
        let holder: Owned
        if apus_is_bytes(source) != 0 {
            bytes = UnsafeRawBufferPointer(start: apus_bytes_data(source), count: apus_bytes_size(source))
            holder = Owned(source.retained())
        } else {
            let encoded = try encoding.encode(source)
            bytes = encoded.bytes
            holder = Owned(encoded.owner)
        }
        var writer = ByteWriter(minimumCapacity: bytes.count + 256)
        var merge = try StatementMerge(bytes, arguments, connection.quoting)
        try merge.write(to: &writer)
        _ = holder.object
        return try writer.withUnsafeBytes { (bytes) throws(Raised) in try pythonBytes(bytes) }
    }

    /// A `psycopg2.sql` object as text.
    private func composed(_ query: PyObj) throws(Raised) -> PyObj {
        if query.isNone { throw misuse("can't execute an empty query") }
        let sql = try Owned(owned(PyImport_ImportModule("psycopg2.sql")))
        let composable = try Owned(attribute("Composable", of: sql.object))
        let fits = PyObject_IsInstance(query, composable.object)
        try check(fits)
        if fits == 0 {
            throw raiseTypeError("argument 1 must be a string or unicode object: got \(query.typeName) instead")
        }
        let name = try Owned(interned("as_string"))
        return try owned(apus_method1(query, name.object, object))
    }

    /// `mogrify(query, vars=None)`: what `execute` would send, as bytes.
    func mogrify(_ query: PyObj, _ arguments: PyObj?) throws(Raised) -> PyObj {
        let connection = try Connection(fields.pointee.connection)
        let statement = try Owned(self.statement(query, arguments, connection))
        if apus_is_bytes(statement.object) != 0 { return statement.take() }
        return try owned(PyUnicode_AsUTF8String(statement.object))
    }

    /// `callproc(procname, parameters=None)`: `SELECT * FROM procname(…)`; a mapping gives named arguments.
    func callProcedure(_ name: PyObj, _ parameters: PyObj?) throws(Raised) -> PyObj {
        let connection = try openConnection()
        if isNamed { throw misuse("can't call .callproc() on named cursors") }
        var writer = ByteWriter()
        writer.append("SELECT * FROM ")
        writer.append(try Self.name(name, "the procedure's name", connection))
        writer.append("(")
        var values: PyObj?
        if let parameters, !parameters.isNone {
            if apus_is_dict(parameters) != 0 {
                let keys = try Owned(owned(PyDict_Keys(parameters)))
                let count = apus_list_size(keys.object)
                for index in 0..<count {
                    if index > 0 { writer.append(",") }
                    let key = try Self.name(apus_list_get(keys.object, index), "a parameter's name", connection)
                    writer.append(try connection.identifier(key))
                    writer.append(":=%s")
                }
                values = try count == 0 ? parameters.retained() : owned(PyDict_Values(parameters))
            } else {
                let count = PySequence_Size(parameters)
                if count < 0 { throw Raised() }
                for index in 0..<count { writer.append(index > 0 ? ",%s" : "%s") }
                values = parameters.retained()
            }
        }
        writer.append(")")
        defer { values?.release() }
        let query = try Owned(python(writer.string()))
        // As in psycopg2: with arguments, a percent sign in the name is merged as every other is, and has to be
        // doubled.
        try execute(query.object, values)
        return (parameters ?? apus_none()).retained()
    }
}

extension Cursor {
    /// A name that a program gives as `str`, or as `bytes` of the connection's encoding.
    private static func name(_ name: PyObj, _ what: StaticString, _ connection: Connection) throws(Raised) -> String {
        if apus_is_str(name) != 0 { return try text(of: name) }
        guard apus_is_bytes(name) != 0 else {
            throw raiseTypeError("\(what) must be str or bytes, not \(name.typeName)")
        }
        let bytes = UnsafeRawBufferPointer(start: apus_bytes_data(name), count: apus_bytes_size(name))
        let decoded = try Owned(connection.core.encoding.decode(bytes))
        return try text(of: decoded.object)
    }
}

extension Connection {
    /// Sends an asynchronous query, whose result goes to the cursor when `poll()` finds it complete.
    /// - Parameter preparing: runs before anything is sent. It may still refuse.
    func begin(_ exchange: Exchange, for cursor: PyObj, preparing: () throws(Raised) -> Void) throws(Raised) {
        let core = self.core
        let reference = try Owned(owned(PyWeakref_NewRef(cursor, nil)))
        try checkIdle("execute")
        core.prepare(exchange)
        core.exchangeIsComplete = false
        core.exchange = exchange
        do throws(Raised) { try preparing() } catch {
            core.exchange = nil
            throw error
        }
        // From here on another thread may poll.
        replace(&fields.pointee.async_cursor, with: reference.take())
        if let wait = try advance(exchange) { _ = try handOut(wait) }
    }
}
