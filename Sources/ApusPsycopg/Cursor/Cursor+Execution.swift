import ApusPQ
import ApusPython
import ApusSessions
import ApusValues

extension Cursor {
    /// `execute(query, vars=None)`
    func execute(_ query: PyObj, _ arguments: PyObj?) throws(PythonError) {
        let connection = try openConnection()
        try naming { () throws(PythonError) in
            try connection.checkOpen()
            try connection.checkIdle("execute")
            try connection.checkNotPrepared("execute")
        }
        try connection.sendPendingStatements()
        if isNamed { try checkNamedExecution(connection) }
        try checkUnread()
        let quotedFor = try hasValues(query, arguments) ? connection.quotingChanges() : nil
        let statement = try statement(query, arguments, connection, hides: true)
        if isNamed {
            try declare(statement, connection, quotedFor: quotedFor)
            return
        }
        try run(statement.object, connection, quotedFor: quotedFor)
    }

    /// Whether the driver quotes anything for the statement.
    @inline(__always)
    private func hasValues(_ query: PyObj, _ arguments: PyObj?) -> Bool {
        if let arguments, !arguments.isNone { return true }
        return !query.isStr && !query.isBytes
    }

    /// Runs a statement, which becomes `query`, and takes over its result.
    /// - Parameters:
    ///   - quotedFor: see `Connection.checkQuoting(since:)`; nil where there are no literals of the driver's.
    ///   - expectedCopy: the COPY that the caller goes on with.
    ///   - preparing: runs when the statement's turn has come, before it is sent.
    func run(
        _ text: PyObj, _ connection: Connection, quotedFor: Int? = nil, expectedCopy: Exchange.CopyKind = .none,
        preparing: () -> Void = {}
    ) throws(PythonError) {
        let exchange = try Exchange(sendable(text))
        exchange.expectedCopy = expectedCopy
        do throws(PythonError) {
            if connection.core.isAsynchronous {
                try connection.begin(exchange, for: object) { () throws(PythonError) in
                    if let quotedFor { try connection.checkQuoting(since: quotedFor) }
                    try prepare(for: exchange, query: text)
                    preparing()
                }
                return
            }
            try connection.perform(exchange) { () throws(PythonError) in
                if let quotedFor { try connection.checkQuoting(since: quotedFor) }
                try prepare(for: exchange, query: text)
                preparing()
            }
        } catch { throw naming(error) }
        try accept(exchange, connection)
    }

    /// A text that can be sent. Raises ValueError for a zero byte.
    func sendable(_ text: PyObj) throws(PythonError) -> Statement {
        let statement = try Statement(text)
        guard statement.bytes.baseAddress != nil else { throw emptyQuery() }
        if statement.bytes.position(of: 0) != nil {
            throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
        }
        return statement
    }

    private func emptyQuery() -> PythonError { misuse("can't execute an empty query") }

    /// The statement with its arguments, in the connection's encoding: bytes or, where the two are the same, `str`.
    /// Raises ProgrammingError for an empty text. One that only turns out to be empty is the server's to refuse, as in
    /// psycopg2: a composition of nothing, say.
    /// - Parameter hides: whether arguments that do not fit into the statement, or cannot be adapted, hide the last
    ///   result, as in psycopg2. A query that is no statement never does.
    func statement(
        _ query: PyObj, _ arguments: PyObj?, _ connection: Connection, hides: Bool = false
    ) throws(PythonError) -> PyRef {
        let text: PyRef
        if query.isStr {
            if query.characterCount == 0 { throw emptyQuery() }
            text = PyRef(retaining: query)
        } else if query.isBytes {
            if query.bytes.isEmpty { throw emptyQuery() }
            text = PyRef(retaining: query)
        } else {
            text = try composed(query)
        }
        let source = text.object
        if connection.core.isShared { try connection.rereadQuotingRules() }
        let encoding = connection.core.encoding
        guard let arguments, !arguments.isNone else {
            if source.isBytes || source.isExactStr && encoding.kind == .utf8 { return text }
            let encoded = try encoding.encode(source)
            return try encoded.owner.object.isBytes ? encoded.take() : PyRef(bytes: encoded.bytes)
        }
        let template = try source.isBytes ? EncodedText(bytes: source.bytes, owner: text) : encoding.encode(source)
        var writer = ByteWriter(minimumCapacity: template.bytes.count + 256)
        var merge = try StatementMerge(template.bytes, arguments, connection.quoting)
        do throws(PythonError) { try merge.write(to: &writer) } catch {
            throw misfit(error, hides: hides)
        }
        return try writer.withUnsafeBytes { (bytes) throws(PythonError) in try PyRef(bytes: bytes) }
    }

    @inline(never)
    private func misfit(_ error: PythonError, hides: Bool) -> PythonError {
        if hides {
            replace(&fields.pointee.query, with: nil)
            hideRows()
        }
        return naming(error)
    }

    /// A `psycopg2.sql` object as text.
    private func composed(_ query: PyObj) throws(PythonError) -> PyRef {
        if query.isNone { throw emptyQuery() }
        let sql = try Python.module("psycopg2.sql")
        let composable = try sql.object.attribute("Composable")
        let fits = try query.isInstance(asking: composable.object)
        if !fits {
            throw raiseTypeError("argument 1 must be a string or unicode object: got \(query.typeName) instead")
        }
        let text = try query.callMethod("as_string", object)
        guard text.object.isStr || text.object.isBytes else {
            throw raiseTypeError("as_string() of \(query.typeName) must return str, not \(text.object.shownType)")
        }
        return text
    }

    /// `mogrify(query, vars=None)`: what `execute` would send, as bytes.
    func mogrify(_ query: PyObj, _ arguments: PyObj?) throws(PythonError) -> PyRef {
        let connection = try Connection(fields.pointee.connection)
        let statement = try self.statement(query, arguments, connection)
        return try statement.object.isBytes ? statement : statement.object.encodedAsUTF8()
    }

    /// `callproc(procname, parameters=None)`: `SELECT * FROM procname(…)`; a mapping gives named arguments.
    /// - Returns: the parameters, or None if they have names.
    func callProcedure(_ name: PyObj, _ parameters: PyObj?) throws(PythonError) -> PyRef {
        let connection = try openConnection()
        if isNamed { throw misuse("can't call .callproc() on named cursors") }
        var writer = ByteWriter()
        writer.append("SELECT * FROM ")
        writer.append(try Self.name(name, "the procedure's name", connection))
        writer.append("(")
        var values: PyRef?
        var answer = parameters ?? Python.none
        if let parameters, !parameters.isNone {
            if parameters.isDict {
                let keys = try parameters.keys()
                let count = keys.object.listCount
                for index in 0..<count {
                    if index > 0 { writer.append(",") }
                    let key = try Self.name(keys.object.listItem(index), "a parameter's name", connection)
                    writer.append(try connection.identifier(key))
                    writer.append(":=%s")
                }
                // As in psycopg2: there is no sequence to return.
                if count > 0 { answer = Python.none }
                values = try count == 0 ? PyRef(retaining: parameters) : parameters.values()
            } else {
                for index in 0..<(try parameters.sequenceCount) { writer.append(index > 0 ? ",%s" : "%s") }
                values = PyRef(retaining: parameters)
            }
        }
        writer.append(")")
        let query = try PyRef(writer.string())
        // As in psycopg2: with arguments, a percent sign in the name is merged as every other is, and has to be
        // doubled.
        try execute(query.object, values?.object)
        return PyRef(retaining: answer)
    }
}

extension Cursor {
    /// A name that a program gives as `str`, or as `bytes` of the connection's encoding.
    private static func name(_ name: PyObj, _ what: StaticString, _ connection: Connection) throws(PythonError)
        -> String
    {
        if name.isStr { return try text(of: name) }
        guard name.isBytes else {
            throw raiseTypeError("\(what) must be str or bytes, not \(name.typeName)")
        }
        return try text(of: connection.core.encoding.decode(name.bytes))
    }
}

extension Connection {
    /// Whether an asynchronous query runs whose result is for a cursor.
    func isExecuting(for cursor: PyObj) -> Bool {
        guard core.exchange != nil, let reference = fields.pointee.async_cursor,
            let waiting = reference.referent()
        else { return false }
        return waiting.object == cursor
    }

    /// Sends an asynchronous query, whose result goes to the cursor when `poll()` finds it complete.
    /// - Parameter preparing: runs before anything is sent. It may still refuse.
    func begin(_ exchange: Exchange, for cursor: PyObj, preparing: () throws(PythonError) -> Void) throws(PythonError) {
        let core = self.core
        let reference = try cursor.weakReference()
        try checkIdle("execute")
        core.prepare(exchange)
        exchange.isHandedOut = true
        core.exchangeIsComplete = false
        core.exchange = exchange
        core.receiveResult = Cursor.receiveResult
        do throws(PythonError) { try preparing() } catch {
            core.exchange = nil
            throw error
        }
        // From here on another thread may poll.
        replace(&fields.pointee.async_cursor, with: reference)
        if let wait = try advance(exchange) { _ = try handOut(wait) }
    }
}

extension Cursor {
    /// Takes over the result of an asynchronous query that is complete.
    fileprivate static func receiveResult(
        _ object: PyObj, _ exchange: Exchange, _ connection: Connection
    ) throws(PythonError) {
        let cursor = try Cursor(object)
        cursor.makeRoom(for: exchange)
        try cursor.accept(exchange, connection)
    }
}
