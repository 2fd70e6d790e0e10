import ApusPQ
import ApusValues
import CApusLibPQ
import CApusPython

/// `copy_from`, `copy_to` and `copy_expert`: COPY between a table and a Python file.
extension Cursor {
    /// `copy_expert(sql, file, size=8192)`
    func copyExpert(_ sql: PyObj, _ file: PyObj, size: Int) throws(Raised) {
        let connection = try checkCopy("copy_expert")
        let fits = try (Self.has("read", file), Self.has("write", file))
        guard fits.0 || fits.1 else {
            throw raiseTypeError(
                "file must be a readable file-like object for COPY FROM; a writable file-like object for COPY TO.")
        }
        let quotedFor = try connection.quotingChanges()
        try copy(statement(sql, nil, connection), file, size: size, connection, quotedFor: quotedFor)
    }

    /// `copy_from(file, table, sep='\t', null='\\N', size=8192, columns=None)`
    func copyFrom(_ file: PyObj, _ format: CopyFormat, size: Int) throws(Raised) {
        let connection = try checkCopy("copy_from")
        guard try Self.has("read", file) else { throw raiseTypeError("argument 1 must have a .read() method") }
        let quotedFor = try connection.quotingChanges()
        let command = try "COPY \(format.target(connection)) FROM stdin WITH \(format.options(connection))"
        try copy(bytes(of: command, connection), file, size: size, connection, quotedFor: quotedFor)
    }

    /// `copy_to(file, table, sep='\t', null='\\N', columns=None)`
    func copyTo(_ file: PyObj, _ format: CopyFormat) throws(Raised) {
        let connection = try checkCopy("copy_to")
        guard try Self.has("write", file) else { throw raiseTypeError("argument 1 must have a .write() method") }
        let quotedFor = try connection.quotingChanges()
        let command = try "COPY \(format.target(connection)) TO stdout WITH \(format.options(connection))"
        try copy(bytes(of: command, connection), file, size: 0, connection, quotedFor: quotedFor)
    }

    private func checkCopy(_ call: StaticString) throws(Raised) -> Connection {
        let connection = try openConnection()
        try naming { () throws(Raised) in
            try connection.checkOpen()
            try connection.checkSynchronous(call)
            if Connection.isGreen {
                throw misuse("\(call) cannot be used with an asynchronous callback.")
            }
            try connection.checkNotPrepared(call)
        }
        try connection.settlePending()
        return connection
    }

    private static func has(_ method: StaticString, _ file: PyObj) throws(Raised) -> Bool {
        let name = try Owned(interned(method))
        return PyObject_HasAttr(file, name.object) != 0
    }

    private func bytes(of command: String, _ connection: Connection) throws(Raised) -> PyObj {
        let text = try Owned(python(command))
        return try statement(text.object, nil, connection)
    }

    // MARK: Conversation

    /// - Parameters:
    ///   - statement: owned; taken over.
    ///   - quotedFor: see `Connection.checkQuoting(since:)`.
    private func copy(
        _ statement: PyObj, _ file: PyObj, size: Int, _ connection: Connection, quotedFor: Int
    ) throws(Raised) {
        let statement = Owned(statement)
        let exchange = try Exchange(sendable(statement.object))
        exchange.takes = .file
        let core = connection.core
        do throws(Raised) {
            try connection.holdingLock { () throws(Raised) in
                try connection.checkOpen()
                try naming { () throws(Raised) in try connection.checkIdle("copy") }
                try connection.checkQuoting(since: quotedFor)
                try prepare(for: exchange, query: statement.object)
                replace(&fields.pointee.copy_file, with: file.retained())
                core.prepare(exchange)
                defer {
                    core.note(exchange)
                    replace(&fields.pointee.copy_file, with: nil)
                }
                do throws(Raised) { try converse(exchange, file, size: size, connection) } catch {
                    connection.abandonCopy(exchange)
                    throw error
                }
            }
        } catch {
            // What the server reported meanwhile counts for the next statement all the same.
            connection.collectBesides()
            throw error
        }
        try connection.collect()
        try accept(exchange, connection)
    }

    /// The text may hold several statements, more than one of them a COPY.
    private func converse(_ exchange: Exchange, _ file: PyObj, size: Int, _ connection: Connection) throws(Raised) {
        let core = connection.core
        while true {
            try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
                try exchange.advanceToAnswer(on: &core.session)
            }
            switch exchange.result.map({ PQresultStatus($0) }) {
            case PGRES_COPY_IN: try feed(file, size: size, connection, exchange)
            case PGRES_COPY_OUT: try drain(into: file, connection, exchange)
            default: return
            }
            exchange.endCopy()
        }
    }

    /// COPY FROM: what the file's `read(size)` returns goes to the server, until it is nothing.
    private func feed(_ file: PyObj, size: Int, _ connection: Connection, _ exchange: Exchange) throws(Raised) {
        let size = try Owned(python(size))
        var outlet = CopyOutlet(connection, exchange)
        var problem: String?
        var cause: PyObj?
        reading: while true {
            switch read(file, size.object, connection) {
            case .end:
                try outlet.flush()
                break reading
            case .data(let bytes, let owner):
                // What goes wrong here is not the file's doing.
                let keeper = Owned(owner)
                try outlet.send(bytes)
                _ = keeper.object
                try Self.lookForSignals(exchange)
            case .failed(let exception):
                if let exception, apus_is_instance(exception, apus_exc_exception()) == 0 {
                    // Ctrl-C and SystemExit are no errors of the file's.
                    apus_give_exception(exception)
                    throw Raised()
                }
                cause = exception
                problem = "error in .read() call" + (exception.map(Self.description) ?? "")
                break reading
            }
        }
        let core = connection.core
        defer { cause?.release() }
        try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
            if case .wait(let wait)? = try core.session?.sendCopyEnd(error: problem) { return wait }
            return nil
        }
        guard let cause else { return }
        // The server's complaint is what is raised; what led to it is not to be lost.
        exchange.endCopy()
        try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
            try exchange.advanceToAnswer(on: &core.session)
        }
        do throws(Raised) { try connection.checkSuccess(exchange, cursor: object) } catch {
            if let exception = apus_take_exception() {
                PyException_SetCause(exception, cause.retained())
                apus_give_exception(exception)
            }
            throw error
        }
    }

    /// A file of C code never lets Python look.
    private static func lookForSignals(_ exchange: Exchange) throws(Raised) {
        guard PyErr_CheckSignals() != 0 else { return }
        exchange.isInterrupted = true
        throw Raised()
    }

    /// What a file's `read()` came to.
    private enum Reading {
        case end
        /// The bytes for the server, and who keeps them, owned.
        case data(UnsafeRawBufferPointer, PyObj)
        /// The exception, owned; nil for an answer that is neither `bytes` nor `str`.
        case failed(PyObj?)
    }

    private func read(_ file: PyObj, _ size: PyObj, _ connection: Connection) -> Reading {
        do throws(Raised) {
            let piece = try Owned(owned(apus_method1(file, module.pointee.nameRead, size)))
            if apus_is_bytes(piece.object) != 0 {
                let bytes = UnsafeRawBufferPointer(
                    start: apus_bytes_data(piece.object), count: apus_bytes_size(piece.object))
                return bytes.count == 0 ? .end : .data(bytes, piece.take())
            }
            guard apus_is_str(piece.object) != 0 else { return .failed(nil) }
            if apus_str_length(piece.object) == 0 { return .end }
            let (bytes, owner) = try connection.core.encoding.encode(piece.object)
            return .data(bytes, owner)
        } catch { return .failed(apus_take_exception()) }
    }

    private static func description(_ exception: PyObj) -> String {
        guard let shown = PyObject_Str(exception) else {
            PyErr_Clear()
            return ": \(exception.typeName)"
        }
        defer { shown.release() }
        let text = (try? text(of: shown)) ?? ""
        PyErr_Clear()
        return ": \(exception.typeName) \(text)"
    }

    /// COPY TO: whole rows go to the file's `write()`, as many at once as have come.
    private func drain(into file: PyObj, _ connection: Connection, _ exchange: Exchange) throws(Raised) {
        let core = connection.core
        let sink = try CopySink(file, core.encoding)
        var piece = ByteWriter(minimumCapacity: Self.pieceSize + 4096)
        var pace = CopyPace()
        defer { pace.reset(core.session) }
        var ended = false
        while !ended {
            // libpq reads less at once than a piece holds: it is asked again before what has come is handed over.
            var before = 0
            try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
                while true {
                    let step = try core.session?.copyData { row in
                        piece.append(row)
                        return piece.count < Self.pieceSize
                    }
                    switch step {
                    case .wait(let wait):
                        if piece.count == 0 {
                            guard let outcome = pace.pause(wait, core.session) else { return wait }
                            if outcome == .interrupted { return nil }
                        } else if piece.count == before {
                            return nil
                        }
                        before = piece.count
                    case .done(let isOver):
                        ended = isOver
                        return nil
                    case nil: throw PQError(.connectionLost, "connection already closed")
                    }
                }
            }
            try Self.lookForSignals(exchange)
            if piece.count == 0 { continue }
            try piece.withUnsafeBytes { (bytes) throws(Raised) in try sink.write(bytes) }
            pace.note(piece.count, core.session)
            piece.removeAll()
        }
    }

    private static let pieceSize = 64 << 10
}

/// What `copy_from` and `copy_to` say about the table and the format.
struct CopyFormat {
    private let table: String
    private let separator: String
    private let null: String
    private let columns: PyObj?

    /// From the arguments `table`, `sep` and `null`, which both calls have in the same places.
    init(_ given: Arguments, columns: PyObj?) throws(Raised) {
        table = try given.text(1)
        separator = try given.text(2, default: "\t")
        null = try given.text(3, default: "\\N")
        self.columns = columns
    }

    /// The table and the columns, in quotes.
    func target(_ connection: Connection) throws(Raised) -> String {
        let name = try connection.identifier(table)
        guard let columns, !columns.isNone else { return name }
        var names: [String] = []
        let iterator = try Owned(owned(PyObject_GetIter(columns)))
        while let column = PyIter_Next(iterator.object) {
            let column = Owned(column)
            names.append(try connection.identifier(text(of: column.object, as: "a column's name")))
        }
        if PyErr_Occurred() != nil { throw Raised() }
        return names.isEmpty ? name : "\(name)(\(names.joined(separator: ",")))"
    }

    func options(_ connection: Connection) throws(Raised) -> String {
        let separator = try connection.literal(separator)
        let null = try connection.literal(null)
        return "DELIMITER AS \(separator) NULL AS \(null)"
    }
}

extension Connection {
    /// Ends a COPY that Python code gave up: what is left of the answer is read and dropped, so that the connection
    /// stays usable. The pending exception stays; one of a signal handler's that interrupts this comes before it.
    fileprivate func abandonCopy(_ exchange: Exchange) {
        guard let exception = apus_take_exception() else { return }
        let core = self.core
        // After an error of the file's the rest is read, and the transaction goes on. Who interrupts does not wait.
        var isUrgent = exchange.isInterrupted || apus_is_instance(exception, apus_exc_exception()) == 0
        exchange.abandonCopy()
        var isOver = core.session?.transactionStatus != .active
        var interruption: PyObj?
        while !isOver {
            isOver = true
            let (dropped, waits) = (exchange.detour?.dropped, isUrgent)
            let raised = clearingUnderLock(isUrgent: isUrgent) { () throws(PQError) in
                let wait = try exchange.advance(on: &core.session)
                if wait == nil || waits || exchange.detour?.dropped == dropped { return wait }
                isOver = false
                return nil
            }
            guard let raised else { continue }
            interruption?.release()
            interruption = raised
            isUrgent = true
        }
        guard let interruption else {
            apus_give_exception(exception)
            return
        }
        PyException_SetContext(interruption, exception)
        apus_give_exception(interruption)
    }

    /// `collect()`, beside an exception that is pending and stays.
    fileprivate func collectBesides() {
        let exception = apus_take_exception()
        do throws(Raised) { try collect() } catch { PyErr_Clear() }
        if let exception { apus_give_exception(exception) }
    }
}
