import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting
import CApusPsycopg

/// The three ways to wait for a server: blocking without the GIL, by the program's wait callback (green), and handed
/// out to the program (asynchronous). All drive the same step machines.
extension Connection {
    /// Whether a wait callback is to be used.
    static var isGreen: Bool { !module.pointee.waitCallback.isNone }

    /// Executes statements to the end.
    /// - Parameters:
    ///   - mayBegin: false for what needs no transaction of its own.
    ///   - preparing: runs under the GIL when no other statement can come in between, before anything is sent. It may
    ///     still refuse.
    /// - Returns: the exchange with its last result; whether the server is content is for `checkSuccess` to see.
    @discardableResult
    func perform(
        _ exchange: Exchange, mayBegin: Bool = true, preparing: () throws(PythonError) -> Void = {}
    ) throws(PythonError) -> Exchange {
        try perform(preparing: preparing) {
            if mayBegin { core.prepare(exchange) }
            return exchange
        }
    }

    /// Executes an exchange that is made under the lock, when it is known what state the transaction is in.
    /// - Parameter make: returns an exchange that holds no Python object, or one made before.
    func perform(
        preparing: () throws(PythonError) -> Void = {}, _ make: () -> Exchange
    ) throws(PythonError) -> Exchange {
        try settlePending()
        if Self.isGreen {
            let exchange = try performGreen(preparing: preparing, make)
            try collect()
            return exchange
        }
        let exchange = try performBlocking(timeout: core.commandTimeout, preparing: preparing, make)
        try collectGathered()
        return exchange
    }

    /// Asks the server for a sign of life: for an answer to nothing, in one round trip and without a transaction. One
    /// that gives none in that time loses its session. A wait callback waits as long as it likes.
    func ping(within timeout: Duration) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("ping")
        try checkIdle("ping")
        let make = { Exchange(Statement(";")) }
        let exchange =
            try Self.isGreen ? performGreen(make) : performBlocking(timeout: timeout, grace: .zero, make)
        try collect()
        if exchange.result?.status == .emptyQuery { return }
        try checkSuccess(exchange, cursor: nil)
    }

    /// Executes a command of the driver's own and raises what the server says against it.
    /// It is never preceded by BEGIN.
    func command(_ text: StaticString) throws(PythonError) {
        let exchange = try perform(Exchange(Statement(text)), mayBegin: false)
        try checkCompletion(exchange, of: "\(text)")
    }

    /// The same, for a text that is not known beforehand.
    func command(_ text: String) throws(PythonError) {
        let bytes = try encoded(text)
        let exchange = try perform(bytes.withUnsafeBytes { Exchange(Statement(copying: $0)) }, mayBegin: false)
        try checkCompletion(exchange, of: text)
    }

    /// Raises what the server says against a command of the driver's own: anything but that the command is completed.
    /// The tag does not matter: a failed transaction's COMMIT is completed by a ROLLBACK.
    func checkCompletion(_ exchange: Exchange, of command: @autoclosure () -> String) throws(PythonError) {
        let status = exchange.result?.status
        let refusedCopy = exchange.anomalies?.refusedCopy
        if status == .commandOK, refusedCopy == nil { return }
        let isError = status?.isError ?? false
        let isLost = core.closed == .broken || exchange.anomalies?.loss != nil
        if isError && refusedCopy == nil || isLost { try checkSuccess(exchange, cursor: nil) }
        throw unexpected(refusedCopy ?? status, to: command())
    }

    private func unexpected(_ status: ResultStatus?, to command: String) -> PythonError {
        let shown = status?.libpqName ?? "no result"
        // Without the names that follow.
        let words = command.split(separator: " ").prefix { !$0.contains("'") && !$0.contains("\"") }
        return raise(
            module.pointee.databaseError,
            "the server answered \(words.joined(separator: " ")) with \(shown) instead of the command's completion")
    }

    /// Raises what the server says against the statements.
    /// - Parameter raising: the class to raise; nil for that of the SQLSTATE.
    func checkSuccess(_ exchange: Exchange, cursor: PyObj?, raising: PyObj? = nil) throws(PythonError) {
        if let anomalies = exchange.anomalies { try check(anomalies, cursor: cursor) }
        guard let result = exchange.result else {
            if core.closed == .broken {
                throw raise(module.pointee.operationalError, "the connection to the server was lost")
            }
            throw misuse("can't execute an empty query", cursor)
        }
        switch result.status {
        case .emptyQuery: throw misuse("can't execute an empty query", cursor)
        case .badResponse, .nonfatalError, .fatalError:
            var failure = ServerFailure(
                result: result, encoding: core.encoding, prefix: exchange.prefix(at: result.statementPosition))
            var raising = raising
            if let timeout = exchange.timeout, failure.isCancellation {
                raising = module.pointee.commandTimeout
                failure.preface = "no answer within the command timeout of \(timeout.inSeconds): "
            }
            core.shiftedError = failure.shift
            throw failure.raise(raising, cursor: cursor, connectionIsLost: core.closed == .broken)
        default: return
        }
    }

    /// Raises OperationalError if the connection was lost, DatabaseError if the server did not answer BEGIN as it
    /// should, and ProgrammingError for a COPY that the call does not go on with.
    @inline(never)
    private func check(_ anomalies: Exchange.Anomalies, cursor: PyObj?) throws(PythonError) {
        if let loss = anomalies.loss { throw raise(loss, cursor: cursor) }
        // Why a connection was lost is told by the result.
        if core.closed == .broken { return }
        if let answer = anomalies.unexpectedBeginStatus { throw unexpected(answer, to: "BEGIN") }
        guard let copy = anomalies.refusedCopy else { return }
        let message =
            switch copy {
            case .copyOut: "can't execute COPY TO: use the copy_to() method instead"
            case .copyIn: "can't execute COPY FROM: use the copy_from() method instead"
            default: "can't execute START_REPLICATION: use the start_replication() method instead"
            }
        throw misuse(message, cursor)
    }

    /// ProgrammingError, of a cursor if there is one.
    private func misuse(_ message: String, _ cursor: PyObj?) -> PythonError {
        let raised = raise(module.pointee.programmingError, message)
        return cursor.map { naming(raised, $0) } ?? raised
    }

    // MARK: Blocking

    private func performBlocking(
        timeout: Duration?, grace: Duration? = nil, preparing: () throws(PythonError) -> Void = {},
        _ make: () -> Exchange
    ) throws(PythonError) -> Exchange {
        var exchange: Exchange?
        let failure = try blocking(timeout: timeout, grace: grace) { () throws(PythonError) in
            try checkAlone()
            try preparing()
        } _: { () throws(PQError) -> Wait? in
            let running = exchange ?? make()
            exchange = running
            return try running.advance(on: &core.session)
        } isWasted: {
            exchange?.anomalies?.refusedCopy != nil
        } finally: { isOverdue in
            if isOverdue { exchange?.timeout = timeout }
            if let exchange { core.note(exchange) }
        }
        if let failure, exchange?.recordLoss(failure) != true {
            do throws(PythonError) { try collectGathered() } catch { PendingException.clear() }
            throw raise(failure)
        }
        guard let exchange else { throw raise(module.pointee.interfaceError, "connection already closed") }
        return exchange
    }

    /// Raises ProgrammingError while a statement is under way that the program, or its wait callback, waits for.
    private func checkAlone() throws(PythonError) {
        if core.exchange != nil {
            throw raise(
                module.pointee.programmingError, "a single async query can be executed on the same connection")
        }
    }

    // MARK: Green

    private func performGreen(
        preparing: () throws(PythonError) -> Void = {}, _ make: () -> Exchange
    ) throws(PythonError) -> Exchange {
        try checkAlone()
        let core = self.core
        let exchange = make()
        exchange.isHandedOut = true
        core.exchange = exchange
        core.exchangeIsComplete = false
        defer { if core.exchange === exchange { core.exchange = nil } }
        try preparing()
        try waitGreen()
        guard core.exchange === exchange, core.exchangeIsComplete else {
            closeBroken()
            throw raise(module.pointee.operationalError, "the wait callback returned before the query was complete")
        }
        try accessing { core.note(exchange) }
        return exchange
    }

    /// Lets the wait callback wait. If it raises, what the server sends from here on belongs to no call: the
    /// connection is closed.
    func waitGreen() throws(PythonError) {
        // It may set another callback, or none.
        let callback = PyRef(retaining: module.pointee.waitCallback)
        do throws(PythonError) { _ = try callback.object.call(object) } catch {
            closeBroken()
            throw error
        }
    }

    // MARK: Handed out

    /// `poll()`: goes on as far as is possible without waiting; answers with psycopg2's POLL constants.
    func poll() throws(PythonError) -> Int {
        if core.opening != nil && core.isOurs { return try pollOpening() }
        try checkOpen()
        guard let exchange = core.exchange, !core.exchangeIsComplete else {
            try readInput()
            return Poll.ok
        }
        if let wait = try advance(exchange) { return try handOut(wait) }
        // Another thread that polls may have been faster.
        guard core.exchange === exchange, !core.exchangeIsComplete else { return Poll.ok }
        core.exchangeIsComplete = true
        if core.isAsynchronous { try deliver(exchange) }
        return Poll.ok
    }

    /// Reads what the socket holds, while this thread waits for nothing.
    private func readInput() throws(PythonError) {
        let core = self.core
        let failure = try blocking { () throws(PQError) -> Wait? in
            try core.session?.consumeInput()
            return nil
        } finally: { _ in
            if core.session?.isBroken ?? true { core.markBroken() }
        }
        if let failure { throw raise(failure) }
        try collectGathered()
    }

    /// Goes on with an exchange that is not waited for here.
    /// - Returns: nil when it is complete, the connection's loss included, or not under way any more.
    func advance(_ exchange: Exchange) throws(PythonError) -> Wait? {
        let core = self.core
        var failure: PQError?
        let wait = try accessing { () -> Wait? in
            guard core.exchange === exchange, !core.exchangeIsComplete else { return nil }
            do throws(PQError) { return try exchange.advanceRecordingLoss(on: &core.session) } catch {
                failure = error
                core.markBroken()
                return nil
            }
        }
        if let failure {
            core.exchange = nil
            throw raise(failure)
        }
        return wait
    }

    /// Gives an asynchronous query's result to the cursor that waits for it.
    private func deliver(_ exchange: Exchange) throws(PythonError) {
        let core = self.core
        core.exchange = nil
        let reference = fields.pointee.async_cursor
        fields.pointee.async_cursor = nil
        defer { reference?.release() }
        try accessing { core.note(exchange) }
        try collect()
        guard let reference, let cursor = reference.referent() else {
            throw raise(module.pointee.interfaceError, "the asynchronous cursor has disappeared")
        }
        try core.receive?(cursor.object, exchange, self)
    }

    /// Lets the program wait.
    func handOut(_ wait: Wait) throws(PythonError) -> Int {
        core.handedOut = wait.descriptor ?? -1
        if let watch = core.watch {
            do { try watch.set(wait) } catch { throw raise(error) }
            return Poll.read
        }
        return wait.interest.contains(.write) ? Poll.write : Poll.read
    }

    /// The descriptor that the program is to wait for.
    func descriptor() throws(PythonError) -> Int {
        if let watch = core.watch { return Int(watch.descriptor) }
        if core.opening != nil { return Int(core.handedOut) }
        try checkOpen()
        return Int(core.session?.descriptor ?? -1)
    }
}

/// psycopg2's answers of `poll()`.
enum Poll {
    static let ok = 0
    static let read = 1
    static let write = 2
    static let error = 3
}
