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

    /// Whether the driver writes any literal into the statement.
    @inline(__always)
    private func hasValues(_ query: PyObj, _ arguments: PyObj?) -> Bool {
        if let arguments, !arguments.isNone { return true }
        return !query.isStr && !query.isBytes
    }

    /// Executes a statement, which becomes `cursor.query`, and stores its result.
    /// - Parameters:
    ///   - quotedFor: the value of `quotingChanges()` before quoting, for `Connection.checkQuoting(since:)`; nil if the
    ///     driver wrote no literals.
    ///   - expectedCopy: the COPY whose data the caller transfers.
    ///   - preparing: runs before the statement is sent, when no other statement can be sent before it.
    func run(
        _ text: PyObj, _ connection: Connection, quotedFor: Int? = nil, expectedCopy: Exchange.CopyKind = .none,
        preparing: () -> Void = {}
    ) throws(PythonError) {
        let exchange = try Exchange(sendable(text))
        exchange.expectedCopy = expectedCopy
        func makeReady() throws(PythonError) {
            if let quotedFor { try connection.checkQuoting(since: quotedFor) }
            try prepare(for: exchange, query: text)
            preparing()
        }
        do throws(PythonError) {
            if connection.core.isAsynchronous {
                try connection.begin(exchange, for: object, preparing: makeReady)
                return
            }
            try connection.perform(exchange, preparing: makeReady)
        } catch { throw naming(error) }
        try storeResult(of: exchange, connection)
    }

    /// Converts a text to a statement. Raises ValueError if it contains a zero byte.
    func sendable(_ text: PyObj) throws(PythonError) -> Statement {
        let statement = try Statement(text)
        guard statement.bytes.baseAddress != nil else { throw emptyQuery() }
        if statement.bytes.position(of: 0) != nil {
            throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
        }
        return statement
    }

    private func emptyQuery() -> PythonError { misuse("can't execute an empty query") }

    /// Returns the statement with its arguments merged, in the connection's encoding: `bytes` or, if the encoding is
    /// UTF-8 and nothing was merged, `str`. Raises ProgrammingError for an empty text. As in psycopg2, the server
    /// rejects a statement that is empty after composition only.
    /// - Parameter hides: whether an error in merging the arguments hides the last result, as in psycopg2. A query of a
    ///   wrong type never does.
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
            throw mergeError(error, hides: hides)
        }
        return try writer.withUnsafeBytes { (bytes) throws(PythonError) in try PyRef(bytes: bytes) }
    }

    @inline(never)
    private func mergeError(_ error: PythonError, hides: Bool) -> PythonError {
        if hides {
            replace(&fields.pointee.query, with: nil)
            hideRows()
        }
        return naming(error)
    }

    /// Returns the text of a `psycopg2.sql` object. Raises TypeError for any other object.
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

    /// `mogrify(query, vars=None)`: returns the statement that `execute` would send, as bytes.
    func mogrify(_ query: PyObj, _ arguments: PyObj?) throws(PythonError) -> PyRef {
        let connection = try Connection(fields.pointee.connection)
        let statement = try self.statement(query, arguments, connection)
        return try statement.object.isBytes ? statement : statement.object.encodedAsUTF8()
    }

    /// `callproc(procname, parameters=None)`: executes `SELECT * FROM procname(…)`; a dict gives named arguments.
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
                // As in psycopg2, named parameters are not returned.
                if count > 0 { answer = Python.none }
                values = try count == 0 ? PyRef(retaining: parameters) : parameters.values()
            } else {
                for index in 0..<(try parameters.sequenceCount) { writer.append(index > 0 ? ",%s" : "%s") }
                values = PyRef(retaining: parameters)
            }
        }
        writer.append(")")
        let query = try PyRef(writer.string())
        // As in psycopg2, if there are arguments, a percent sign in the name must be doubled, because the name is a
        // part of the template.
        try execute(query.object, values?.object)
        return PyRef(retaining: answer)
    }
}

extension Cursor {
    /// Converts a name from a `str`, or from `bytes` in the connection's encoding.
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
    /// Whether an asynchronous query is running whose result is for this cursor.
    func isExecuting(for cursor: PyObj) -> Bool {
        guard core.exchange != nil, let reference = fields.pointee.async_cursor,
            let waiting = reference.referent()
        else { return false }
        return waiting.object == cursor
    }

    /// Sends an asynchronous query. When it is complete, `poll()` stores its result in the cursor.
    /// - Parameter preparing: runs before anything is sent. If it throws, nothing is sent.
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
        // From now on, another thread may poll.
        replace(&fields.pointee.async_cursor, with: reference)
        if let wait = try advance(exchange) { _ = try handOut(wait) }
    }
}

extension Cursor {
    /// Stores the result of a completed asynchronous query in its cursor.
    fileprivate static func receiveResult(
        _ object: PyObj, _ exchange: Exchange, _ connection: Connection
    ) throws(PythonError) {
        let cursor = try Cursor(object)
        cursor.clearResultIfClosed(before: exchange)
        try cursor.storeResult(of: exchange, connection)
    }
}
