import ApusCluster
import ApusConnector
import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

/// How a Python connection comes to its session: the balanced connect, waited for in each of the three ways, and what
/// has to be settled before the first statement.
extension Connection {
    /// `connection.__init__`: opens the session or, if `asynchronous`, begins to.
    func open(_ dsn: PyObj, asynchronous: Bool) throws(PythonError) {
        try checkNotOpened()
        let parsed = try DSN.parse(text(of: dsn, withoutNUL: "a connection string"))
        let options: ConnectionOptions
        do { options = try ConnectionOptions(parsed) } catch { throw raise(error) }
        try replace(&fields.pointee.dsn, with: DSN.shown(dsn, parsed))
        // No thread of this process can hold the locks of a connection that was never opened.
        if core.session == nil, core.opening == nil { core.adoptLocks() }
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
                if options.balance != nil { try watch() }
                core.transaction.autocommit = true
                // The first step is made here, so that there is a descriptor to wait for.
                _ = try pollOpening()
            } else if Self.isGreen {
                core.closed = .open
                if options.balance != nil { try watch() }
                try waitGreen()
                guard core.status == .ready else {
                    throw raise(
                        module.pointee.operationalError, "the wait callback returned before the connection was open")
                }
                core.watch = nil
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

    private func watch() throws(PythonError) {
        do { core.watch = try HandedOutWait() } catch { throw raise(error) }
    }

    private func openBlocking() throws(PythonError) {
        let core = self.core
        let failure = try blocking { () throws(PQError) -> Wait? in
            guard core.opening != nil else { return nil }
            return try core.opening?.advance(now: Monotonic.now) ?? nil
        } finally: { _ in
        }
        if let failure { throw raise(failure, whileOpening: true) }
        try holdingLock { core.adoptSession() }
        try logWarnings()
        try settle()
        if try !hasISODates, !isReplication { try command("SET DateStyle TO 'ISO'") }
    }

    /// `poll()` while the connection is being opened. Two threads that poll at once take turns.
    func pollOpening() throws(PythonError) -> Int {
        try holdingLock { () throws(PythonError) in
            // The other one may have come to the end.
            if core.opening == nil { return Poll.ok }
            do throws(PythonError) { return try goOnOpening() } catch {
                // A session that is not settled must not be used: dates could not be read, or text.
                closeBroken()
                throw error
            }
        }
    }

    private func goOnOpening() throws(PythonError) -> Int {
        let core = self.core
        if core.session == nil {
            // A step may compute for milliseconds, and look up names.
            var failure: PQError?
            var wait: Wait?
            let thread = GIL.release()
            do { wait = try core.opening?.advance(now: Monotonic.now) ?? nil } catch { failure = error }
            GIL.take(thread)
            if let failure { throw raise(failure, whileOpening: true) }
            if let wait { return try handOut(wait) }
            core.adoptSession(keepsOpening: true)
            core.gather()
            try logWarnings()
            try settle()
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
        if let watch = core.watch, let descriptor = core.session?.descriptor {
            // From now on the descriptor stands for the socket: notifications wake a program that waits.
            do { try watch.set(Wait(descriptor: descriptor, interest: .read)) } catch { throw raise(error) }
        }
        return Poll.ok
    }

    /// The typecasters read dates in ISO's form only.
    private var hasISODates: Bool {
        get throws(PythonError) { try parameterStatus("DateStyle")?.hasPrefix("ISO") ?? false }
    }

    /// Whether the server takes replication commands, and perhaps nothing else.
    private var isReplication: Bool {
        core.session?.parameters.contains {
            $0.keyword == "replication" && !["", "0", "false", "no", "off"].contains($0.value.lowercased())
        } ?? false
    }

    /// Learns what the server said of itself.
    private func settle() throws(PythonError) {
        try followEncoding()
        // YugabyteDB repeats a statement by itself after a conflict, but not one that shares its message with others.
        core.joinsBegin = try parameterStatus("server_version")?.contains("-YB-") != true
        core.status = .ready
        core.closed = .open
        try collect()
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
    /// Takes over the session of a balanced connect that is complete. Under the lock and the GIL.
    func adoptSession(keepsOpening: Bool = false) {
        guard let connection = opening?.takeConnection() else { return }
        session = consume connection
        reservation = opening?.reservation
        warnings = opening?.warnings ?? []
        if !keepsOpening { opening = nil }
    }

    func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }
}
