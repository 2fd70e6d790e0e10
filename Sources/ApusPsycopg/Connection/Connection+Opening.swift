import ApusCluster
import ApusConnector
import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

/// Opens the session of a Python connection: runs the balanced connect, in each of the three ways to wait, and sets up
/// the session for the first statement.
extension Connection {
    /// `connection.__init__`: opens the session; if `asynchronous`, only starts to open it.
    func open(_ dsn: PyObj, asynchronous: Bool) throws(PythonError) {
        try checkNotOpened()
        let parsed = try DSN.parse(text(of: dsn, withoutNUL: "a connection string"))
        let options: ConnectionOptions
        do { options = try ConnectionOptions(parsed) } catch { throw raise(error) }
        try replace(&fields.pointee.dsn, with: DSN.shown(dsn, parsed))
        // Safe, because no thread of this process can hold the locks of a connection that was never opened.
        if core.session == nil, core.opening == nil { core.resetLocksAfterFork() }
        try holdingLock { () throws(PythonError) in
            try checkNotOpened()
            core.isAsynchronous = asynchronous
            core.generation = .current
            core.opening = BalancedConnect(options)
            core.status = .connecting
        }
        do throws(PythonError) {
            if asynchronous {
                core.closed = .open
                if options.balance != nil { try makeHandedOutWait() }
                core.transaction.autocommit = true
                // The first step runs here, because `fileno()` needs a descriptor.
                _ = try pollOpening()
            } else if Self.isGreen {
                core.closed = .open
                if options.balance != nil { try makeHandedOutWait() }
                try waitGreen()
                guard core.status == .ready else {
                    throw raise(
                        module.pointee.operationalError, "the wait callback returned before the connection was open")
                }
                core.handedOutWait = nil
            } else {
                try openBlocking()
            }
        } catch {
            closeBroken()
            throw error
        }
    }

    /// Raises ProgrammingError for a second `__init__`.
    func checkNotOpened() throws(PythonError) {
        if core.session != nil || core.opening != nil {
            throw raise(module.pointee.programmingError, "the connection was opened already")
        }
    }

    private func makeHandedOutWait() throws(PythonError) {
        do { core.handedOutWait = try HandedOutWait() } catch { throw raise(error) }
    }

    private func openBlocking() throws(PythonError) {
        let core = self.core
        let failure = try blocking { () throws(PQError) -> Wait? in
            guard core.opening != nil else { return nil }
            return try core.opening?.advance(now: Monotonic.now) ?? nil
        } finally: { _ in
        }
        if let failure { throw raise(failure, whileOpening: true) }
        try holdingLock { core.takeOpenedSession() }
        try logWarnings()
        try completeOpening()
        if try !hasISODates, !isReplication { try command("SET DateStyle TO 'ISO'") }
    }

    /// `poll()` while the connection is being opened. Threads that poll at the same time take turns.
    func pollOpening() throws(PythonError) -> Int {
        try holdingLock { () throws(PythonError) in
            // Another thread may have completed the opening.
            if core.opening == nil { return Poll.ok }
            do throws(PythonError) { return try continueOpening() } catch {
                // Close the session, because without its setup, dates or text could not be read.
                closeBroken()
                throw error
            }
        }
    }

    private func continueOpening() throws(PythonError) -> Int {
        let core = self.core
        if core.session == nil {
            // Release the GIL, because a step may resolve names, or compute for milliseconds.
            var failure: PQError?
            var wait: Wait?
            let thread = GIL.release()
            do { wait = try core.opening?.advance(now: Monotonic.now) ?? nil } catch { failure = error }
            GIL.take(thread)
            if let failure { throw raise(failure, whileOpening: true) }
            if let wait { return try handOut(wait) }
            core.takeOpenedSession(keepsOpening: true)
            core.fetchMessages()
            try logWarnings()
            try completeOpening()
            if try !hasISODates, !isReplication {
                core.exchangeIsComplete = false
                core.exchange = Exchange(Statement("SET DateStyle TO 'ISO'"))
            }
        }
        if let exchange = core.exchange {
            if let wait = try advance(exchange) { return try handOut(wait) }
            core.exchange = nil
            try checkCompletion(exchange, of: "SET DateStyle")
        }
        core.opening = nil
        if let handedOutWait = core.handedOutWait, let descriptor = core.session?.descriptor {
            // From now on the descriptor follows the socket, so that notifications wake the program.
            do { try handedOutWait.set(Wait(descriptor: descriptor, interest: .read)) } catch { throw raise(error) }
        }
        return Poll.ok
    }

    /// Whether the server sends dates in ISO format, the only one that the typecasters read.
    private var hasISODates: Bool {
        get throws(PythonError) { try parameterStatus("DateStyle")?.hasPrefix("ISO") ?? false }
    }

    /// Whether this is a replication connection, on which the server may reject SQL.
    private var isReplication: Bool {
        core.session?.parameters.contains {
            $0.keyword == "replication" && !["", "0", "false", "no", "off"].contains($0.value.lowercased())
        } ?? false
    }

    /// Reads the properties of the session, and marks the connection as ready.
    private func completeOpening() throws(PythonError) {
        try followEncoding()
        // YugabyteDB retries a statement after a conflict by itself, but not if its message holds other statements.
        core.joinsBegin = try parameterStatus("server_version")?.contains("-YB-") != true
        core.status = .ready
        core.closed = .open
        try publishMessages()
    }

    private func logWarnings() throws(PythonError) {
        for warning in core.takeWarnings() {
            let logging = try Python.module("logging")
            let name = try PyRef("psycopg2")
            let getLogger = try PyRef(interned: "getLogger")
            let logger = try logging.object.callMethod(getLogger.object, name.object)
            let message = try PyRef(warning)
            let level = try PyRef(interned: "warning")
            _ = try logger.object.callMethod(level.object, message.object)
        }
    }
}

extension ConnectionCore {
    /// Takes the session from a completed balanced connect. To be called under the lock and the GIL.
    func takeOpenedSession(keepsOpening: Bool = false) {
        guard let connection = opening?.takeConnection() else { return }
        session = consume connection
        reservation = opening?.reservation
        warnings = opening?.warnings ?? []
        if !keepsOpening { opening = nil }
    }

    /// Returns the warnings of the balanced connect, and removes them.
    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }
}
