import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

/// The three ways to wait for a server: blocking without the GIL, in the program's wait callback (green), and in the
/// program's own event loop (asynchronous). All drive the same step machines.
extension Connection {
    /// Whether the program has set a wait callback.
    static var isGreen: Bool { !module.pointee.waitCallback.isNone }

    /// Runs an exchange to its end, blocking or green.
    /// - Parameters:
    ///   - mayBegin: whether the exchange begins a transaction if none is open and autocommit is off.
    ///   - preparing: runs under the GIL, when no other statement can be sent before this one. If it throws, nothing is
    ///     sent.
    /// - Returns: the exchange with its last result. Errors of the server are raised by `checkSuccess`.
    @discardableResult
    func perform(
        _ exchange: Exchange, mayBegin: Bool = true, preparing: () throws(PythonError) -> Void = {}
    ) throws(PythonError) -> Exchange {
        try perform(preparing: preparing) {
            if mayBegin { core.prepare(exchange) }
            return exchange
        }
    }

    /// Runs an exchange that is created under the lock, where the state of the transaction cannot change.
    /// - Parameter make: may run without the GIL. It returns an exchange that holds no Python object, or an existing
    ///   one.
    func perform(
        preparing: () throws(PythonError) -> Void = {}, _ make: () -> Exchange
    ) throws(PythonError) -> Exchange {
        try sendPendingStatements()
        if Self.isGreen {
            let exchange = try performGreen(preparing: preparing, make)
            try publishMessages()
            return exchange
        }
        let exchange = try performBlocking(timeout: core.commandTimeout, preparing: preparing, make)
        try publishFetchedMessages()
        return exchange
    }

    /// Checks that the server responds: sends an empty statement, in one round trip and without a transaction. If there
    /// is no response within the timeout, the session is closed. In green mode the timeout has no effect, because the
    /// wait callback decides how long it waits.
    func ping(within timeout: Duration) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("ping")
        try checkIdle("ping")
        let make = { Exchange(Statement(";")) }
        let exchange =
            try Self.isGreen ? performGreen(make) : performBlocking(timeout: timeout, grace: .zero, make)
        try publishMessages()
        if exchange.result?.status == .emptyQuery { return }
        try checkSuccess(exchange, cursor: nil)
    }

    /// Executes a command of the driver itself, never with BEGIN. Raises the server's error, or DatabaseError if the
    /// result is not a command's completion.
    func command(_ text: StaticString) throws(PythonError) {
        let exchange = try perform(Exchange(Statement(text)), mayBegin: false)
        try checkCompletion(exchange, of: "\(text)")
    }

    /// The same, for a text that is made at run time.
    func command(_ text: String) throws(PythonError) {
        let bytes = try encoded(text)
        let exchange = try perform(bytes.withUnsafeBytes { Exchange(Statement(copying: $0)) }, mayBegin: false)
        try checkCompletion(exchange, of: text)
    }

    /// Raises unless the result of a command of the driver is a command's completion. The command tag does not matter,
    /// because the server answers COMMIT in a failed transaction with ROLLBACK.
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
        // Show the keywords only, without quoted names.
        let words = command.split(separator: " ").prefix { !$0.contains("'") && !$0.contains("\"") }
        return raise(
            module.pointee.databaseError,
            "the server answered \(words.joined(separator: " ")) with \(shown) instead of the command's completion")
    }

    /// Raises the error of the exchange, if there is one.
    /// - Parameter raising: the class to raise; nil for the class that belongs to the SQLSTATE.
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

    /// Raises OperationalError if the connection was lost, DatabaseError for an unexpected result of BEGIN, and
    /// ProgrammingError for a COPY that the caller did not expect.
    @inline(never)
    private func check(_ anomalies: Exchange.Anomalies, cursor: PyObj?) throws(PythonError) {
        if let loss = anomalies.loss { throw raise(loss, cursor: cursor) }
        // The result contains the reason of the loss.
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

    /// Raises ProgrammingError, with the cursor if there is one.
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
            try checkNoExchange()
            try preparing()
        } _: { () throws(PQError) -> Wait? in
            let running = exchange ?? make()
            exchange = running
            return try running.advance(on: &core.session)
        } isDiscarded: {
            exchange?.anomalies?.refusedCopy != nil
        } finally: { isOverdue in
            if isOverdue { exchange?.timeout = timeout }
            if let exchange { core.finishExchange(exchange) }
        }
        if let failure, exchange?.recordLoss(failure) != true {
            do throws(PythonError) { try publishFetchedMessages() } catch { PendingException.clear() }
            throw raise(failure)
        }
        guard let exchange else { throw raise(module.pointee.interfaceError, "connection already closed") }
        return exchange
    }

    /// Raises ProgrammingError while an asynchronous or green statement is running.
    private func checkNoExchange() throws(PythonError) {
        if core.exchange != nil {
            throw raise(
                module.pointee.programmingError, "a single async query can be executed on the same connection")
        }
    }

    // MARK: Green

    private func performGreen(
        preparing: () throws(PythonError) -> Void = {}, _ make: () -> Exchange
    ) throws(PythonError) -> Exchange {
        try checkNoExchange()
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
        try accessing { core.finishExchange(exchange) }
        return exchange
    }

    /// Calls the wait callback. If it raises, the connection is closed, because the remaining results would be read by
    /// the next call.
    func waitGreen() throws(PythonError) {
        // Keep a reference, because the callback may set another one.
        let callback = PyRef(retaining: module.pointee.waitCallback)
        do throws(PythonError) { _ = try callback.object.call(object) } catch {
            closeBroken()
            throw error
        }
    }

    // MARK: Asynchronous

    /// `poll()`: advances the connect or the exchange without blocking.
    /// - Returns: one of psycopg2's `POLL_*` constants.
    func poll() throws(PythonError) -> Int {
        if core.opening != nil && core.isOurs { return try pollOpening() }
        try checkOpen()
        guard let exchange = core.exchange, !core.exchangeIsComplete else {
            try readInput()
            return Poll.ok
        }
        if let wait = try advance(exchange) { return try handOut(wait) }
        // Another thread may have polled, and completed the exchange.
        guard core.exchange === exchange, !core.exchangeIsComplete else { return Poll.ok }
        core.exchangeIsComplete = true
        if core.isAsynchronous { try deliverResult(of: exchange) }
        return Poll.ok
    }

    /// Reads from the socket while no exchange is running, for notifications.
    private func readInput() throws(PythonError) {
        let core = self.core
        let failure = try blocking { () throws(PQError) -> Wait? in
            try core.session?.consumeInput()
            return nil
        } finally: { _ in
            if core.session?.isBroken ?? true { core.markBroken() }
        }
        if let failure { throw raise(failure) }
        try publishFetchedMessages()
    }

    /// Advances an asynchronous or green exchange without blocking.
    /// - Returns: what to wait for; nil if the exchange is complete, if the connection was lost, or if the exchange is
    ///   not the running one any more.
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

    /// Stores the result of a completed asynchronous exchange in its cursor.
    private func deliverResult(of exchange: Exchange) throws(PythonError) {
        let core = self.core
        core.exchange = nil
        let reference = fields.pointee.async_cursor
        fields.pointee.async_cursor = nil
        defer { reference?.release() }
        try accessing { core.finishExchange(exchange) }
        try publishMessages()
        guard let reference, let cursor = reference.referent() else {
            throw raise(module.pointee.interfaceError, "the asynchronous cursor has disappeared")
        }
        try core.receiveResult?(cursor.object, exchange, self)
    }

    /// Records what the program must wait for.
    /// - Returns: the `POLL_*` constant for `poll()`.
    func handOut(_ wait: Wait) throws(PythonError) -> Int {
        core.handedOut = wait.descriptor ?? -1
        if let handedOutWait = core.handedOutWait {
            do { try handedOutWait.set(wait) } catch { throw raise(error) }
            return Poll.read
        }
        return wait.interest.contains(.write) ? Poll.write : Poll.read
    }

    /// `fileno()`: the descriptor that the program must wait for.
    func descriptor() throws(PythonError) -> Int {
        if let handedOutWait = core.handedOutWait { return Int(handedOutWait.descriptor) }
        if core.opening != nil { return Int(core.handedOut) }
        try checkOpen()
        return Int(core.session?.descriptor ?? -1)
    }
}

/// The values that `poll()` returns, as in psycopg2.
enum Poll {
    static let ok = 0
    static let read = 1
    static let write = 2
    static let error = 3
}
