import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

/// Waits that block the thread, without the GIL. A signal handler that raises, such as Ctrl-C's, ends each of them, and
/// the connection's `command_timeout` ends the wait for the result of a statement.
extension Connection {
    /// The time between checks for Python's signals. A signal usually interrupts the wait, but not if it arrives
    /// between a check and the wait, or at another thread.
    private static var signalInterval: Duration { .milliseconds(500) }
    /// The same while waiting for the lock, because a signal never interrupts that wait.
    private static var lockSignalInterval: Duration { .milliseconds(100) }

    // MARK: The lock

    /// Takes the connection's lock, which every use of the server needs. Releases the GIL while it waits.
    /// - Returns: false if this thread holds the lock already: in a signal handler or a callback during a statement.
    func takeLock() throws(PythonError) -> Bool {
        while true {
            let thread = GIL.release()
            let outcome = core.lock.lock(within: Self.lockSignalInterval)
            GIL.take(thread)
            switch outcome {
            case .locked: return true
            case .alreadyHeld: return false
            case .timedOut: try checkMayWait()
            }
        }
    }

    /// Takes the lock. Raises ProgrammingError if this thread holds it already.
    private func takeLockOrRaise() throws(PythonError) {
        if core.lock.tryLock() { return }
        guard try takeLock() else { throw isInUse() }
    }

    /// Takes the lock, and ignores signals while it waits. For closing a session, which must not be interrupted.
    /// - Returns: false if this thread holds the lock already, or if its holder does not exist any more.
    private func takeLockIgnoringSignals() -> Bool {
        if core.lock.tryLock() { return true }
        while true {
            let thread = GIL.release()
            let outcome = core.lock.lock(within: Self.lockSignalInterval)
            GIL.take(thread)
            if outcome != .timedOut { return outcome == .locked }
            // The holder may have ended with the interpreter, or not exist in a forked child.
            if Python.isFinalizing || !core.isOurs { return false }
        }
    }

    /// Raises if this thread must not go on waiting for another thread that holds the lock.
    private func checkMayWait() throws(PythonError) {
        try Python.checkSignals()
        try checkOwner()
        if Python.isFinalizing {
            throw raise(
                module.pointee.interfaceError,
                "the connection was in use by a thread that ended with the interpreter")
        }
    }

    private func isInUse() -> PythonError {
        raise(module.pointee.programmingError, "the connection is already in use by this thread")
    }

    /// Runs `body` with the lock and the GIL. `body` may run Python code.
    func holdingLock<Result>(_ body: () throws(PythonError) -> Result) throws(PythonError) -> Result {
        try takeLockOrRaise()
        defer { core.lock.unlock() }
        return try body()
    }

    /// Calls libpq, without waiting for the statement of another thread.
    /// - Parameter body: runs under the GIL and `access`. It must touch no Python object.
    func accessing<Result>(_ body: () -> Result) throws(PythonError) -> Result {
        if !core.isOurs {
            // A thread of the parent may have been inside a call of libpq during the fork.
            guard core.lock.tryLock() else { throw inherited() }
            defer { core.lock.unlock() }
            return body()
        }
        while !core.access.tryLock() {
            // Free `access` before taking the GIL, because the lock order forbids waiting for the GIL with it.
            let thread = GIL.release()
            core.access.lock()
            core.access.unlock()
            GIL.take(thread)
        }
        defer { core.access.unlock() }
        return body()
    }

    // MARK: Machines

    /// Drives a step machine to its end, under the lock and without the GIL. If a signal handler raises, the statement
    /// is canceled, its results are read and dropped, so that the connection stays usable, and the exception is raised.
    /// - Parameters:
    ///   - timeout: the time after which the statement is canceled as well; then the machine gets the server's error.
    ///   - grace: how long the server may take to cancel; nil for the connection's `cancellation_timeout`.
    ///   - preparing: runs under the lock and the GIL before the first step. If it throws, nothing is sent.
    ///   - isDiscarded: whether the rest of the results is dropped anyway; then the statement is canceled after 1 s.
    ///   - finally: runs under the lock after the last step. `isOverdue` is true if the timeout expired.
    /// - Returns: the error that the machine threw; nil if none.
    func blocking(
        timeout: Duration? = nil, grace: Duration? = nil, preparing: () throws(PythonError) -> Void = {},
        _ step: () throws(PQError) -> Wait?, isDiscarded: () -> Bool = { false }, finally: (_ isOverdue: Bool) -> Void
    ) throws(PythonError) -> PQError? {
        let timeouts = Timeouts(timeout: timeout, grace: grace ?? core.cancellationTimeout)
        try takeLockOrRaise()
        do throws(PythonError) { try preparing() } catch {
            core.lock.unlock()
            throw error
        }
        var thread = GIL.release()
        var outcome = drive(&thread, timeouts, isDiscarded: isDiscarded) { () throws(PQError) in
            try core.accessing(step)
        }
        core.access.lock()
        finally(outcome.isOverdue)
        core.fetchMessages()
        core.access.unlock()
        if outcome.isLost {
            // The session must be released under both the lock and the GIL.
            GIL.take(thread)
            dropSession()
            core.lock.unlock()
        } else {
            core.lock.unlock()
            GIL.take(thread)
        }
        if let interruption = outcome.takeInterruption() {
            do throws(PythonError) { try publishMessages() } catch { PendingException.clear() }
            PendingException.restore(interruption)
            throw PythonError()
        }
        if outcome.isLost { throw raiseLost(timeouts) }
        return outcome.failure
    }

    /// Drives a step machine like `blocking`, but under a lock that the caller holds: for several machines with Python
    /// code in between, see `holdingLock`.
    /// - Parameters:
    ///   - cancels: whether Ctrl-C cancels the statement, or only ends the wait.
    ///   - exchange: the running exchange, if `command_timeout` applies to this step; nil if it does not.
    func blockingUnderLock(
        cancels: Bool = true, limiting exchange: Exchange? = nil, _ step: () throws(PQError) -> Wait?
    ) throws(PythonError) {
        let timeouts = Timeouts(
            timeout: exchange == nil ? nil : core.commandTimeout, grace: core.cancellationTimeout)
        var thread = GIL.release()
        var outcome = drive(&thread, cancels: cancels, timeouts) { () throws(PQError) in try core.accessing(step) }
        if outcome.isOverdue { exchange?.timeout = timeouts.timeout }
        GIL.take(thread)
        if core.session?.isBroken ?? true { core.markBroken() }
        if outcome.isLost { dropSession() }
        if let interruption = outcome.takeInterruption() {
            PendingException.restore(interruption)
            throw PythonError()
        }
        if outcome.isLost { throw raiseLost(timeouts) }
        if let failure = outcome.failure { throw raise(failure) }
    }

    /// Drives a step machine that drops the remaining results, after Python code has raised. It raises nothing itself,
    /// because the caller keeps that exception.
    /// - Parameters:
    ///   - isUrgent: whether to cancel the statement at once.
    ///   - step: reads and drops results. It may return nil, and be driven again, whenever it has read something,
    ///     because `command_timeout` limits the time in which the server sends nothing.
    /// - Returns: the exception that a signal handler raised meanwhile.
    func drainingUnderLock(isUrgent: Bool, _ step: () throws(PQError) -> Wait?) -> PyRef? {
        let timeouts = Timeouts(timeout: core.commandTimeout, grace: core.cancellationTimeout)
        var thread = GIL.release()
        let core = self.core
        var outcome = drive(&thread, timeouts, isUrgent: isUrgent) { () throws(PQError) in try core.accessing(step) }
        GIL.take(thread)
        if core.session?.isBroken ?? true { core.markBroken() }
        if outcome.isLost { dropSession() }
        return outcome.takeInterruption()
    }

    /// Releases a session that cannot be used any more, under the lock and the GIL.
    private func dropSession() {
        core.endSession()
        core.closed = .broken
    }

    /// Closes a connection that cannot be used any more. It works with a pending exception, too.
    func closeBroken() {
        let isLocked = takeLockIgnoringSignals()
        dropSession()
        if isLocked { core.lock.unlock() }
    }

    private func raiseLost(_ timeouts: Timeouts) -> PythonError {
        let request = timeouts.grace > .zero ? "to the request to cancel within \(timeouts.grace.inSeconds)" : ""
        guard let timeout = timeouts.timeout else {
            return raise(
                module.pointee.operationalError, "the server did not answer \(request): the connection is closed")
        }
        return raise(
            module.pointee.commandTimeout,
            "the server did not answer within the command timeout of \(timeout.inSeconds)"
                + "\(request.isEmpty ? "" : ", nor \(request)"): the connection is closed")
    }

    /// How long to wait for the server. Read from the connection under the GIL.
    private struct Timeouts {
        /// The time until the statement is canceled; nil for no limit.
        let timeout: Duration?
        /// The time that the server may take to cancel. If it is zero, no request is sent, and the session is closed.
        let grace: Duration
    }

    /// How a step machine ended.
    private struct Outcome: ~Copyable {
        /// The error that it threw.
        var failure: PQError?
        /// The last exception that a signal handler raised.
        private var interruption: PyRef?
        /// True if the timeout expired, and the server was asked to cancel.
        var isOverdue = false
        /// True if the server did not cancel in time, and the session must be closed.
        var isLost = false

        /// Stores the exception of a signal handler instead of an earlier one. To be called under the GIL.
        mutating func interrupt(_ exception: consuming PyRef?) { interruption = exception }
        mutating func takeInterruption() -> PyRef? { interruption.take() }
    }

    /// How long the server may send data that are discarded, before the statement is canceled.
    private static var discardTimeout: Duration { .seconds(1) }

    /// Drives a step machine to its end. Takes the GIL only to check for Python's signals. This function decides when
    /// the statement must be stopped; `StatementStop` decides how.
    private func drive(
        _ thread: inout ThreadState?, cancels: Bool = true, _ timeouts: Timeouts, isUrgent: Bool = false,
        isDiscarded: () -> Bool = { false }, _ step: () throws(PQError) -> Wait?
    ) -> Outcome {
        var outcome = Outcome()
        var stop: StatementStop?
        let due = timeouts.timeout.map { Monotonic.now + $0 }
        var discardingSince: Duration?
        var readyInARow = 0
        if isUrgent { stop = StatementStop(core.session, timeouts.grace) }
        do throws(PQError) {
            while let wait = try step() {
                if self.wait(for: wait.until(stop?.moment ?? due), advancing: &stop) == .ready {
                    readyInARow &+= 1
                    // Check signals and timeouts after every 16 waits, because a fast server never makes a wait time
                    // out.
                    if readyInARow & 15 != 0 { continue }
                }
                let raised = lookForSignals(&thread, &outcome)
                let now = Monotonic.now
                // During a connect there is no statement to cancel, and no session to keep.
                if raised, !cancels || core.session == nil { break }
                if stop != nil {
                    if raised { stop?.hurry(now) }
                } else if raised {
                    stop = StatementStop(core.session, timeouts.grace)
                    stop?.hurry(now)
                } else if let due, now >= due {
                    outcome.isOverdue = true
                    stop = StatementStop(core.session, timeouts.grace)
                } else if timeouts.grace > .zero, isDiscarded() {
                    let since = discardingSince ?? now
                    discardingSince = since
                    if now - since >= Self.discardTimeout { stop = StatementStop(core.session, timeouts.grace) }
                }
                if stop?.advance(now, core.session) == .isLost {
                    outcome.isLost = true
                    break
                }
            }
        } catch { outcome.failure = error }
        if stop != nil, !outcome.isLost { awaitDelivery(&stop, &thread, &outcome) }
        return outcome
    }

    /// Runs Python's signal handlers, and stores the exception if one raises.
    /// - Returns: whether one raised.
    private func lookForSignals(_ thread: inout ThreadState?, _ outcome: inout Outcome) -> Bool {
        GIL.take(thread)
        var raised = false
        do throws(PythonError) { try Python.checkSignals() } catch {
            raised = true
            outcome.interrupt(PendingException.take())
        }
        thread = GIL.release()
        return raised
    }

    /// After the last result, waits until no request to cancel is on its way, because it could hit the next statement.
    /// If a signal handler raises, the session is lost unless the request is delivered within a second, and at once if
    /// another one raises.
    private func awaitDelivery(_ stop: inout StatementStop?, _ thread: inout ThreadState?, _ outcome: inout Outcome) {
        stop?.answered()
        while let moment = stop?.moment, stop?.isOver == false, core.session?.isBroken == false {
            _ = self.wait(for: Wait(descriptor: nil, interest: [], deadline: moment), advancing: &stop)
            if stop?.isOver == true { return }
            if lookForSignals(&thread, &outcome) { stop?.hurry(Monotonic.now) }
            outcome.isLost = stop?.advance(Monotonic.now, core.session) == .isLost
            if outcome.isLost { return }
        }
    }

    /// Waits, and advances the request to cancel that is on its way.
    private func wait(for wait: Wait, advancing stop: inout StatementStop?) -> BlockingWaiter.Outcome {
        guard stop?.isRequesting == true else { return BlockingWaiter.wait(for: wait, slice: Self.signalInterval) }
        guard let request = stop?.advanceRequest(Monotonic.now, core.session) else {
            // The request has been delivered, but `wait` has not been checked.
            return wait.descriptor == nil ? .ready : .interrupted
        }
        return BlockingWaiter.wait(for: wait, or: request, slice: Self.signalInterval)
    }
}

extension ConnectionCore {
    /// Calls libpq under `access`, without the GIL.
    @inline(__always)
    fileprivate func accessing(_ step: () throws(PQError) -> Wait?) throws(PQError) -> Wait? {
        access.lock()
        defer { access.unlock() }
        return try step()
    }
}
