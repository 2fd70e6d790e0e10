import ApusPQ
import ApusPython
import ApusSessions
import ApusValues

/// `copy_from`, `copy_to` and `copy_expert`: COPY between a table and a Python file.
extension Cursor {
    /// `copy_expert(sql, file, size=8192)`
    func copyExpert(_ sql: PyObj, _ file: PyObj, size: Int) throws(PythonError) {
        let connection = try checkCopy("copy_expert")
        let fits = try (file.hasAttribute("read"), file.hasAttribute("write"))
        guard fits.0 || fits.1 else {
            throw raiseTypeError(
                "file must be a readable file-like object for COPY FROM; a writable file-like object for COPY TO.")
        }
        let quotedFor = try connection.quotingChanges()
        try copy(statement(sql, nil, connection), file, size: size, connection, quotedFor: quotedFor)
    }

    /// `copy_from(file, table, sep='\t', null='\\N', size=8192, columns=None)`
    func copyFrom(_ file: PyObj, _ format: CopyFormat, size: Int) throws(PythonError) {
        let connection = try checkCopy("copy_from")
        guard try file.hasAttribute("read") else { throw raiseTypeError("argument 1 must have a .read() method") }
        let quotedFor = try connection.quotingChanges()
        let command = try "COPY \(format.target(connection)) FROM stdin WITH \(format.options(connection))"
        try copy(bytes(of: command, connection), file, size: size, connection, quotedFor: quotedFor)
    }

    /// `copy_to(file, table, sep='\t', null='\\N', columns=None)`
    func copyTo(_ file: PyObj, _ format: CopyFormat) throws(PythonError) {
        let connection = try checkCopy("copy_to")
        guard try file.hasAttribute("write") else { throw raiseTypeError("argument 1 must have a .write() method") }
        let quotedFor = try connection.quotingChanges()
        let command = try "COPY \(format.target(connection)) TO stdout WITH \(format.options(connection))"
        try copy(bytes(of: command, connection), file, size: 0, connection, quotedFor: quotedFor)
    }

    private func checkCopy(_ call: StaticString) throws(PythonError) -> Connection {
        let connection = try openConnection()
        try naming { () throws(PythonError) in
            try connection.checkOpen()
            try connection.checkSynchronous(call)
            if Connection.isGreen {
                throw misuse("\(call) cannot be used with an asynchronous callback.")
            }
            try connection.checkNotPrepared(call)
        }
        try connection.sendPendingStatements()
        return connection
    }

    private func bytes(of command: String, _ connection: Connection) throws(PythonError) -> PyRef {
        let text = try PyRef(command)
        return try statement(text.object, nil, connection)
    }

    // MARK: Transfer

    /// Executes the statement and transfers the data of its COPYs.
    /// - Parameters:
    ///   - size: the argument for the file's `read()`.
    ///   - quotedFor: the value of `quotingChanges()` before quoting, for `Connection.checkQuoting(since:)`.
    private func copy(
        _ statement: consuming PyRef, _ file: PyObj, size: Int, _ connection: Connection, quotedFor: Int
    ) throws(PythonError) {
        let query = statement.object
        let exchange = try Exchange(sendable(query))
        exchange.expectedCopy = .file
        let core = connection.core
        do throws(PythonError) {
            try connection.holdingLock { () throws(PythonError) in
                try connection.checkOpen()
                try naming { () throws(PythonError) in try connection.checkIdle("copy") }
                try connection.checkQuoting(since: quotedFor)
                try prepare(for: exchange, query: query)
                replace(&fields.pointee.copy_file, with: PyRef(retaining: file))
                core.prepare(exchange)
                defer {
                    core.finishExchange(exchange)
                    replace(&fields.pointee.copy_file, with: nil)
                }
                do throws(PythonError) { try transferCopies(exchange, file, size: size, connection) } catch {
                    connection.abandonCopy(exchange)
                    throw error
                }
            }
        } catch {
            // Publish messages and update the encoding after an error, too, because the next statement depends on it.
            connection.publishMessagesKeepingException()
            throw error
        }
        try connection.publishMessages()
        try storeResult(of: exchange, connection)
    }

    /// Reads results, and transfers the data of each COPY, because the text may contain more than one.
    private func transferCopies(_ exchange: Exchange, _ file: PyObj, size: Int, _ connection: Connection)
        throws(PythonError)
    {
        let core = connection.core
        while true {
            try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
                try exchange.advanceRecordingLoss(on: &core.session)
            }
            switch exchange.result?.status {
            case .copyIn: try feed(file, size: size, connection, exchange)
            case .copyOut: try drain(into: file, connection, exchange)
            default: return
            }
            exchange.endCopy()
        }
    }

    /// COPY FROM: sends what the file's `read(size)` returns, until that is empty.
    private func feed(_ file: PyObj, size: Int, _ connection: Connection, _ exchange: Exchange) throws(PythonError) {
        let size = try PyRef(size)
        var buffer = CopyInBuffer(connection, exchange)
        var errorMessage: String?
        var cause: PyRef?
        reading: while true {
            switch read(file, size.object, connection) {
            case .end:
                try buffer.flush()
                break reading
            case .data(let piece):
                // Errors here are raised as they are, because they are not the file's.
                try buffer.send(piece.bytes)
                try Self.lookForSignals(exchange)
            case .noData:
                errorMessage = "error in .read() call"
                break reading
            case .failed(let exception):
                if !exception.object.isInstance(of: Python.exception) {
                    // KeyboardInterrupt and SystemExit are raised as they are, because they are not the file's errors.
                    PendingException.restore(exception)
                    throw PythonError()
                }
                errorMessage = "error in .read() call" + Self.description(exception.object)
                cause = consume exception
                break reading
            }
        }
        let core = connection.core
        try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
            if case .wait(let wait)? = try core.session?.sendCopyEnd(error: errorMessage) { return wait }
            return nil
        }
        guard let cause = cause.take() else { return }
        // As in psycopg2, the server's error is raised. The file's exception becomes its `__cause__`.
        exchange.endCopy()
        try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
            try exchange.advanceRecordingLoss(on: &core.session)
        }
        do throws(PythonError) { try connection.checkSuccess(exchange, cursor: object) } catch {
            if let exception = PendingException.take() {
                exception.object.setCause(cause)
                PendingException.restore(exception)
            }
            throw error
        }
    }

    /// Checks for signals, because a file that is written in C never does.
    private static func lookForSignals(_ exchange: Exchange) throws(PythonError) {
        do throws(PythonError) { try Python.checkSignals() } catch {
            exchange.isInterrupted = true
            throw error
        }
    }

    /// The result of a file's `read()`.
    private enum ReadOutcome: ~Copyable {
        case end
        case data(EncodedText)
        /// `read()` returned neither `bytes` nor `str`.
        case noData
        /// `read()` raised this exception.
        case failed(PyRef)
    }

    private func read(_ file: PyObj, _ size: PyObj, _ connection: Connection) -> ReadOutcome {
        do throws(PythonError) {
            let piece = try file.callMethod(module.pointee.nameRead, size)
            if piece.object.isBytes {
                if piece.object.bytes.isEmpty { return .end }
                return .data(EncodedText(bytes: piece.object.bytes, owner: piece))
            }
            guard piece.object.isStr else { return .noData }
            if piece.object.characterCount == 0 { return .end }
            return try .data(connection.core.encoding.encode(piece.object))
        } catch {
            guard let exception = PendingException.take() else { return .noData }
            return .failed(exception)
        }
    }

    private static func description(_ exception: PyObj) -> String {
        let shown = (try? exception.shown).map { " " + $0 } ?? ""
        PendingException.clear()
        return ": \(exception.typeName)\(shown)"
    }

    /// COPY TO: passes rows to the file's `write()`, as many in one call as have arrived, up to 64 KiB.
    private func drain(into file: PyObj, _ connection: Connection, _ exchange: Exchange) throws(PythonError) {
        let core = connection.core
        let sink = try CopySink(file, core.encoding)
        var piece = ByteWriter(minimumCapacity: Self.pieceSize + 4096)
        var pace = CopyPace()
        defer { pace.reset(core.session) }
        var ended = false
        while !ended {
            // Ask libpq again before writing, because it reads less than a piece at a time.
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
                            guard let outcome = pace.waitForMore(wait, core.session) else { return wait }
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
            try piece.withUnsafeBytes { (bytes) throws(PythonError) in try sink.write(bytes) }
            pace.countReceived(piece.count, core.session)
            piece.removeAll()
        }
    }

    private static let pieceSize = 64 << 10
}

/// The table, columns and format that `copy_from` and `copy_to` get.
struct CopyFormat {
    private let table: String
    private let separator: String
    private let null: String
    private let columns: PyObj?

    /// Reads the arguments `table`, `sep` and `null`, which have the same positions in both calls.
    init(_ given: Arguments, columns: PyObj?) throws(PythonError) {
        table = try given.text(1)
        separator = try given.text(2, default: "\t")
        null = try given.text(3, default: "\\N")
        self.columns = columns
    }

    /// Returns the table and the columns for COPY, in quotes.
    func target(_ connection: Connection) throws(PythonError) -> String {
        let name = try connection.identifier(table)
        guard let columns, !columns.isNone else { return name }
        var names: [String] = []
        let iterator = try columns.iterator()
        while let column = try iterator.object.next() {
            names.append(try connection.identifier(text(of: column.object, as: "a column's name")))
        }
        return names.isEmpty ? name : "\(name)(\(names.joined(separator: ",")))"
    }

    /// Returns the options of COPY.
    func options(_ connection: Connection) throws(PythonError) -> String {
        let separator = try connection.literal(separator)
        let null = try connection.literal(null)
        return "DELIMITER AS \(separator) NULL AS \(null)"
    }
}

extension Connection {
    /// Ends a COPY after Python code has raised: reads and drops the remaining results, so that the connection stays
    /// usable. The exception stays pending. If a signal handler raises meanwhile, its exception becomes the pending
    /// one, and the first becomes its `__context__`.
    fileprivate func abandonCopy(_ exchange: Exchange) {
        guard let exception = PendingException.take() else { return }
        let core = self.core
        // After an error of the file, the remaining data are read, and the transaction goes on. After an interruption,
        // the statement is canceled at once.
        var isUrgent = exchange.isInterrupted || !exception.object.isInstance(of: Python.exception)
        exchange.abandonCopy()
        var isOver = core.session?.transactionStatus != .active
        var interruption: PyRef?
        while !isOver {
            isOver = true
            let (dropped, waits) = (exchange.anomalies?.droppedPieces, isUrgent)
            let raised = drainingUnderLock(isUrgent: isUrgent) { () throws(PQError) in
                let wait = try exchange.advance(on: &core.session)
                if wait == nil || waits || exchange.anomalies?.droppedPieces == dropped { return wait }
                isOver = false
                return nil
            }
            guard let raised else { continue }
            interruption = consume raised
            isUrgent = true
        }
        guard let interruption = interruption.take() else {
            PendingException.restore(exception)
            return
        }
        interruption.object.setContext(exception)
        PendingException.restore(interruption)
    }

    /// Calls `publishMessages()`, and keeps the pending exception.
    fileprivate func publishMessagesKeepingException() {
        PendingException.preserving { () throws(PythonError) in try publishMessages() }
    }
}
