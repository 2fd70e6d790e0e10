import ApusPQ
import ApusValues
import CApusLibPQ
import CApusPython

extension Cursor {
    /// `execute(query, vars=None)`
    func execute(_ query: PyObj, _ arguments: PyObj?) throws(Raised) {
        let connection = try openConnection()
        try naming { () throws(Raised) in
            try connection.checkOpen()
            try connection.checkIdle("execute")
            try connection.checkNotPrepared("execute")
        }
        try connection.settlePending()
        if isNamed { try checkNamedExecution(connection) }
        try checkUnread()
        let quotedFor = try hasValues(query, arguments) ? connection.quotingChanges() : nil
        let statement = try Owned(statement(query, arguments, connection, hides: true))
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
        do throws(Raised) {
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
        } catch { throw naming(error) }
        try accept(exchange, connection)
    }

    /// A text that can be sent. Raises ValueError for a zero byte.
    func sendable(_ text: PyObj) throws(Raised) -> Statement {
        let statement = try Statement(text)
        guard let start = statement.bytes.baseAddress else { throw emptyQuery() }
        if memchr(start, 0, statement.bytes.count) != nil {
            throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
        }
        return statement
    }

    private func emptyQuery() -> Raised { misuse("can't execute an empty query") }

    /// The statement with its arguments, in the connection's encoding: bytes or, where the two are the same, `str`.
    /// Raises ProgrammingError for an empty text. One that only turns out to be empty is the server's to refuse, as in
    /// psycopg2: a composition of nothing, say.
    /// - Parameter hides: whether arguments that do not fit into the statement, or cannot be adapted, hide the last result,
    ///   as in psycopg2. A query that is no statement never does.
    func statement(
        _ query: PyObj, _ arguments: PyObj?, _ connection: Connection, hides: Bool = false
    ) throws(Raised) -> PyObj {
        let source: PyObj
        if apus_is_str(query) != 0 {
            if apus_str_length(query) == 0 { throw emptyQuery() }
            source = query.retained()
        } else if apus_is_bytes(query) != 0 {
            if apus_bytes_size(query) == 0 { throw emptyQuery() }
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
        do throws(Raised) { try merge.write(to: &writer) } catch {
            throw misfit(error, hides: hides)
        }
        _ = holder.object
        return try writer.withUnsafeBytes { (bytes) throws(Raised) in try pythonBytes(bytes) }
    }

    @inline(never)
    private func misfit(_ error: Raised, hides: Bool) -> Raised {
        if hides {
            replace(&fields.pointee.query, with: nil)
            hideRows()
        }
        return naming(error)
    }

    /// A `psycopg2.sql` object as text.
    private func composed(_ query: PyObj) throws(Raised) -> PyObj {
        if query.isNone { throw emptyQuery() }
        let sql = try Owned(owned(PyImport_ImportModule("psycopg2.sql")))
        let composable = try Owned(attribute("Composable", of: sql.object))
        let fits = PyObject_IsInstance(query, composable.object)
        try check(fits)
        if fits == 0 {
            throw raiseTypeError("argument 1 must be a string or unicode object: got \(query.typeName) instead")
        }
        let name = try Owned(interned("as_string"))
        let text = try Owned(owned(apus_method1(query, name.object, object)))
        guard apus_is_str(text.object) != 0 || apus_is_bytes(text.object) != 0 else {
            throw raiseTypeError("as_string() of \(query.typeName) must return str, not \(text.object.shownType)")
        }
        return text.take()
    }

    /// `mogrify(query, vars=None)`: what `execute` would send, as bytes.
    func mogrify(_ query: PyObj, _ arguments: PyObj?) throws(Raised) -> PyObj {
        let connection = try Connection(fields.pointee.connection)
        let statement = try Owned(self.statement(query, arguments, connection))
        if apus_is_bytes(statement.object) != 0 { return statement.take() }
        return try owned(PyUnicode_AsUTF8String(statement.object))
    }

    /// `callproc(procname, parameters=None)`: `SELECT * FROM procname(…)`; a mapping gives named arguments.
    /// - Returns: the parameters, or None if they have names.
    func callProcedure(_ name: PyObj, _ parameters: PyObj?) throws(Raised) -> PyObj {
        let connection = try openConnection()
        if isNamed { throw misuse("can't call .callproc() on named cursors") }
        var writer = ByteWriter()
        writer.append("SELECT * FROM ")
        writer.append(try Self.name(name, "the procedure's name", connection))
        writer.append("(")
        var values: PyObj?
        var answer = parameters ?? apus_none()
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
                // As in psycopg2: there is no sequence to return.
                if count > 0 { answer = apus_none() }
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
        return answer.retained()
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
    /// Whether an asynchronous query runs whose result is for a cursor.
    func isExecuting(for cursor: PyObj) -> Bool {
        guard core.exchange != nil, let reference = fields.pointee.async_cursor,
            let waiting = apus_weakref_get(reference)
        else { return false }
        return Owned(waiting).object == cursor
    }

    /// Sends an asynchronous query, whose result goes to the cursor when `poll()` finds it complete.
    /// - Parameter preparing: runs before anything is sent. It may still refuse.
    func begin(_ exchange: Exchange, for cursor: PyObj, preparing: () throws(Raised) -> Void) throws(Raised) {
        let core = self.core
        let reference = try Owned(owned(PyWeakref_NewRef(cursor, nil)))
        try checkIdle("execute")
        core.prepare(exchange)
        exchange.isHandedOut = true
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
