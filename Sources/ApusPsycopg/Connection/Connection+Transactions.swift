import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

extension Connection {
    // MARK: Ending

    /// Ends the transaction, if there is one.
    func endTransaction(by ending: Exchange.Ending) throws(PythonError) {
        try sendPendingStatements()
        let core = self.core
        if core.status != .begin {
            if core.transaction.autocommit && !core.isInBlock { return }
            // If another thread holds the lock, its statement may begin a transaction; then wait, and end that one.
            if core.lock.tryLock() {
                core.lock.unlock()
                return
            }
        }
        let exchange = try perform { core.makeEndingExchange(ending) }
        if exchange.ending != .none || exchange.anomalies != nil {
            try checkCompletion(exchange, of: "\(ending.command)")
        }
    }

    func commit() throws(PythonError) {
        try checkOpen()
        try checkSynchronous("commit")
        try checkNotTwoPhase("commit")
        try endTransaction(by: .commit)
    }

    func rollback() throws(PythonError) {
        try checkOpen()
        try checkSynchronous("rollback")
        try checkNotTwoPhase("rollback")
        try endTransaction(by: .rollback)
    }

    /// `__enter__`: begins a `with` block, which is a transaction.
    func enterBlock() throws(PythonError) {
        try checkOpen()
        if core.status == .begin, core.transaction.autocommit {
            throw raise(module.pointee.programmingError, "a transaction is open on a connection in autocommit")
        }
        if core.isInBlock {
            throw raise(module.pointee.programmingError, "the connection cannot be re-entered recursively")
        }
        core.isInBlock = true
    }

    /// `__exit__`: rolls back the transaction of a `with` block if the block raised, and commits it otherwise.
    func leaveBlock(raised: Bool) throws(PythonError) {
        core.isInBlock = false
        let name = try PyRef(interned: raised ? "rollback" : "commit")
        // Call the Python methods, because a subclass may override them.
        _ = try object.callMethod(name.object)
    }

    /// `reset()`: rolls back, and resets the session to its state after the opening.
    func reset() throws(PythonError) {
        try checkOpen()
        try checkSynchronous("reset")
        if core.session?.transactionStatus != .idle { try command("ROLLBACK") }
        core.endTransaction()
        // As in psycopg2: resets settings, the role, prepared statements, temporary tables, advisory locks and LISTEN.
        try command("DISCARD ALL")
        core.transaction = TransactionSettings()
        if try parameterStatus("DateStyle")?.hasPrefix("ISO") != true { try command("SET DateStyle TO 'ISO'") }
    }

    // MARK: Settings

    /// Applies new settings from the next transaction on. In autocommit, no BEGIN carries them, so the settings that
    /// the call names become defaults of the session. As in psycopg2, settings from before do not become defaults; they
    /// apply again when autocommit ends.
    func set(_ new: TransactionSettings, naming named: TransactionSettings.Names) throws(PythonError) {
        let old = core.transaction
        core.transaction.autocommit = true
        do throws(PythonError) {
            if new.autocommit {
                if named.contains(.isolation) {
                    try setDefault("default_transaction_isolation", new.isolation.map { "'\($0.sql.lowercased())'" })
                }
                if named.contains(.readonly) {
                    try setDefault("default_transaction_read_only", new.readonly.map { $0 ? "on" : "off" })
                }
                if named.contains(.deferrable) {
                    try setDefault("default_transaction_deferrable", new.deferrable.map { $0 ? "on" : "off" })
                }
            } else if old.autocommit {
                if old.isolation != nil { try setDefault("default_transaction_isolation", nil) }
                if old.readonly != nil { try setDefault("default_transaction_read_only", nil) }
                if old.deferrable != nil { try setDefault("default_transaction_deferrable", nil) }
            }
        } catch {
            core.transaction = old
            throw error
        }
        core.transaction = new
    }

    private func setDefault(_ parameter: String, _ value: String?) throws(PythonError) {
        try command("SET \(parameter) TO \(value ?? "DEFAULT")")
    }

    /// Converts an isolation level from Python: a number, a name, or None for the server's default.
    static func isolation(_ value: PyObj) throws(PythonError) -> TransactionSettings.Isolation? {
        if value.isNone { return nil }
        if value.isInt {
            let number = try value.integer
            guard let level = TransactionSettings.Isolation(rawValue: number) else {
                throw raiseValueError("isolation_level must be between 1 and 4")
            }
            return level
        }
        let name = try word(value)
        switch name.uppercased() {
        case "DEFAULT": return nil
        case "READ COMMITTED": return .readCommitted
        case "REPEATABLE READ": return .repeatableRead
        case "SERIALIZABLE": return .serializable
        case "READ UNCOMMITTED": return .readUncommitted
        default: throw raiseValueError("bad value for isolation_level: '\(name)'")
        }
    }

    /// Converts a word from `str` or `bytes`. It is not checked further.
    private static func word(_ value: PyObj) throws(PythonError) -> String {
        if !value.isBytes { return try text(of: value) }
        return String(
            decoding: value.bytes,
            as: UTF8.self)
    }

    /// Converts True, False, or None (or 'default') for the server's default.
    static func state(_ value: PyObj) throws(PythonError) -> Bool? {
        if value.isNone { return nil }
        if value.isStr || value.isBytes {
            let name = try word(value)
            guard name.lowercased() == "default" else {
                throw raiseValueError("the only string accepted is 'default'; got \(name)")
            }
            return nil
        }
        let truth = try value.truth
        return truth
    }

    // MARK: Closing

    /// `close()`: ends the session. A second call has no effect.
    func close() throws(PythonError) {
        let before = core.closed
        if before == .closed { return }
        // From now on, calls raise. A statement of another thread is waited for.
        core.closed = .closed
        // Do not wait for the lock in a forked child, or when the interpreter ends, because the thread that holds it
        // may not exist there.
        guard core.isOurs, !Python.isFinalizing else {
            core.abandonSession()
            return
        }
        let isLocked: Bool
        do throws(PythonError) { isLocked = try takeLock() } catch {
            core.closed = before
            throw error
        }
        let session = core.session.take()
        core.endSession()
        let closing = GIL.release()
        session?.close()
        if isLocked { core.lock.unlock() }
        GIL.take(closing)
    }

    /// `cancel()`: asks the server to cancel the statement that it is executing.
    func cancel() throws(PythonError) {
        try checkOpen()
        try checkNotPrepared("cancel")
        // Created under the GIL, because the session must not be released meanwhile.
        var machine: CancelMachine
        do throws(PQError) { machine = try core.cancelMachine(within: .seconds(10)) } catch {
            throw raise(module.pointee.operationalError, error.message)
        }
        var isDelivered = false
        while !isDelivered {
            var failure: PQError?
            let thread = GIL.release()
            do throws(PQError) {
                if let wait = try machine.advance(now: Monotonic.now) {
                    _ = BlockingWaiter.wait(for: wait, slice: .milliseconds(500))
                } else {
                    isDelivered = true
                }
            } catch { failure = error }
            GIL.take(thread)
            if let failure { throw raise(module.pointee.operationalError, failure.message) }
            try Python.checkSignals()
        }
    }
}
