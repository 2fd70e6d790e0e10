import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

/// Waiting that blocks the thread, without the GIL. All of it gives way to a signal handler that raises, Ctrl-C's say,
/// and what waits for a statement's result gives way to the connection's `command_timeout`.
extension Connection {
    /// How often Python's signals are looked at though none cut the wait short: one that comes between the last look
    /// and the wait, or to another thread, cuts nothing.
    private static var slice: Duration { .milliseconds(500) }
    /// The same while another thread has the lock: that wait is never cut short.
    private static var lockSlice: Duration { .milliseconds(100) }

    // MARK: The lock

    /// Takes the connection's lock, without which no thread talks to the server. It is waited for without the GIL.
    /// - Returns: false if this thread has it already: in a signal handler or a callback, in the midst of a statement.
    func takeLock() throws(PythonError) -> Bool {
        while true {
            let thread = GIL.release()
            let outcome = core.lock.lock(within: Self.lockSlice)
            GIL.take(thread)
            switch outcome {
            case .locked: return true
            case .alreadyHeld: return false
            case .timedOut: try checkPatience()
            }
        }
    }

    /// Takes the lock for what talks to the server. Raises ProgrammingError where this thread has it already.
    private func takeLockAlone() throws(PythonError) {
        if core.lock.tryLock() { return }
        guard try takeLock() else { throw isInUse() }
    }

    /// Takes the lock, or waits for it without looking at signals: for the end of a session that cannot be put off.
    /// - Returns: false if this thread has it already.
    private func takeLockForGood() -> Bool {
        if core.lock.tryLock() { return true }
        while true {
            let thread = GIL.release()
            let outcome = core.lock.lock(within: Self.lockSlice)
            GIL.take(thread)
            if outcome != .timedOut { return outcome == .locked }
            // A thread that holds it may be gone: with the interpreter, or left behind by a fork.
            if Python.isFinalizing || !core.isOurs { return false }
        }
    }

    /// Whether to go on waiting for another thread that has the lock.
    private func checkPatience() throws(PythonError) {
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

    /// Runs Python code while no other thread can use the connection.
    func holdingLock<Result>(_ body: () throws(PythonError) -> Result) throws(PythonError) -> Result {
        try takeLockAlone()
        defer { core.lock.unlock() }
        return try body()
    }

    /// Uses libpq's connection for a moment, whatever statement another thread waits for.
    /// - Parameter body: runs under the GIL and touches nothing of Python.
    func accessing<Result>(_ body: () -> Result) throws(PythonError) -> Result {
        if !core.isOurs {
            // A thread of a fork's parent may have been in the midst of a call of libpq.
            guard core.lock.tryLock() else { throw inherited() }
            defer { core.lock.unlock() }
            return body()
        }
        while !core.access.tryLock() {
            // The GIL must not be waited for with `access` held: it is taken anew then.
            let thread = GIL.release()
            core.access.lock()
            core.access.unlock()
            GIL.take(thread)
        }
        defer { core.access.unlock() }
        return body()
    }

    // MARK: Machines

    /// Drives a machine under the lock and without the GIL. A signal handler that raises cancels what the server is
    /// doing; its answer is read and dropped, so that the connection stays usable, and the exception raised.
    /// - Parameters:
    ///   - timeout: after which the server is asked to cancel as well; its answer is the machine's business then.
    ///   - grace: how long the answer is waited for after that; nil is the connection's `cancellation_timeout`.
    ///   - preparing: runs under the lock and the GIL before the first step, and may still refuse.
    ///   - isWasted: whether what the server still sends is dropped anyway: it is asked to cancel after a moment.
    ///   - finally: runs under the lock when the machine has come to its end, and hears whether that came too late.
    func blocking(
        timeout: Duration? = nil, grace: Duration? = nil, preparing: () throws(PythonError) -> Void = {},
        _ step: () throws(PQError) -> Wait?, isWasted: () -> Bool = { false }, finally: (_ isOverdue: Bool) -> Void
    ) throws(PythonError) -> PQError? {
        let patience = Patience(timeout: timeout, grace: grace ?? core.cancellationTimeout)
        try takeLockAlone()
        do throws(PythonError) { try preparing() } catch {
            core.lock.unlock()
            throw error
        }
        var thread = GIL.release()
        var driven = drive(&thread, patience, isWasted: isWasted) { () throws(PQError) in try core.accessing(step) }
        core.access.lock()
        finally(driven.isOverdue)
        core.gather()
        core.access.unlock()
        if driven.isLost {
            // A session is released under the lock and the GIL.
            GIL.take(thread)
            loseSession()
            core.lock.unlock()
        } else {
            core.lock.unlock()
            GIL.take(thread)
        }
        if let interruption = driven.takeInterruption() {
            do throws(PythonError) { try collect() } catch { PendingException.clear() }
            PendingException.restore(interruption)
            throw PythonError()
        }
        if driven.isLost { throw raiseLost(patience) }
        return driven.failure
    }

    /// The same for a conversation of several steps with Python code in between, under a lock that is held for all of
    /// it: see `holdingLock`.
    /// - Parameters:
    ///   - cancels: whether Ctrl-C cancels what the server does, or only ends the wait.
    ///   - exchange: what the server works at, if the connection's time limit counts for this step.
    func blockingUnderLock(
        cancels: Bool = true, limiting exchange: Exchange? = nil, _ step: () throws(PQError) -> Wait?
    ) throws(PythonError) {
        let patience = Patience(
            timeout: exchange == nil ? nil : core.commandTimeout, grace: core.cancellationTimeout)
        var thread = GIL.release()
        var driven = drive(&thread, cancels: cancels, patience) { () throws(PQError) in try core.accessing(step) }
        if driven.isOverdue { exchange?.timeout = patience.timeout }
        GIL.take(thread)
        if core.session?.isBroken ?? true { core.markBroken() }
        if driven.isLost { loseSession() }
        if let interruption = driven.takeInterruption() {
            PendingException.restore(interruption)
            throw PythonError()
        }
        if driven.isLost { throw raiseLost(patience) }
        if let failure = driven.failure { throw raise(failure) }
    }

    /// The same for the end of a conversation that Python code gave up, whose exception is pending elsewhere.
    /// - Parameters:
    ///   - isUrgent: whether the server is asked to cancel at once.
    ///   - step: lets go of what is left of the answer. It may end, and be driven again, whenever something has come:
    ///     the connection's time limit is to the server's silence.
    /// - Returns: the exception that a signal handler raised meanwhile.
    func clearingUnderLock(isUrgent: Bool, _ step: () throws(PQError) -> Wait?) -> PyRef? {
        let patience = Patience(timeout: core.commandTimeout, grace: core.cancellationTimeout)
        var thread = GIL.release()
        let core = self.core
        var driven = drive(&thread, patience, isUrgent: isUrgent) { () throws(PQError) in try core.accessing(step) }
        GIL.take(thread)
        if core.session?.isBroken ?? true { core.markBroken() }
        if driven.isLost { loseSession() }
        return driven.takeInterruption()
    }

    /// Lets go of a session whose server answers no more; under the lock and the GIL.
    private func loseSession() {
        core.finish()
        core.closed = .broken
    }

    /// Lets go of a session that cannot be used any more, whatever exception is pending.
    func closeBroken() {
        let isLocked = takeLockForGood()
        loseSession()
        if isLocked { core.lock.unlock() }
    }

    private func raiseLost(_ patience: Patience) -> PythonError {
        let request = patience.grace > .zero ? "to the request to cancel within \(patience.grace.inSeconds)" : ""
        guard let timeout = patience.timeout else {
            return raise(
                module.pointee.operationalError, "the server did not answer \(request): the connection is closed")
        }
        return raise(
            module.pointee.commandTimeout,
            "the server did not answer within the command timeout of \(timeout.inSeconds)"
                + "\(request.isEmpty ? "" : ", nor \(request)"): the connection is closed")
    }

    /// How long a server is waited for. Read from the connection under the GIL.
    private struct Patience {
        /// For the answer; nil is for ever.
        let timeout: Duration?
        /// For the answer once it was asked to cancel; it is not asked if there is no time for it.
        let grace: Duration
    }

    /// How a machine came to its end.
    private struct Driven: ~Copyable {
        /// What it failed by.
        var failure: PQError?
        /// The exception that a signal handler raised.
        private var interruption: PyRef?
        /// The time was over, and the server was asked to cancel.
        var isOverdue = false
        /// The server ignored the request to cancel: the session cannot be saved.
        var isLost = false

        /// Keeps the exception of a signal handler, the last one of several. Under the GIL.
        mutating func interrupt(_ exception: consuming PyRef?) { interruption = exception }
        mutating func takeInterruption() -> PyRef? { interruption.take() }
    }

    /// How long the server may send what is discarded before it is asked to cancel.
    private static var wastePatience: Duration { .seconds(1) }

    /// Drives a machine to its end, without the GIL but for a look at Python's signals now and then. Why the server has
    /// to stop is decided here; how it is stopped, by the `Cancellation`.
    private func drive(
        _ thread: inout ThreadState?, cancels: Bool = true, _ patience: Patience, isUrgent: Bool = false,
        isWasted: () -> Bool = { false }, _ step: () throws(PQError) -> Wait?
    ) -> Driven {
        var driven = Driven()
        var stopping: StatementStop?
        let due = patience.timeout.map { Monotonic.now + $0 }
        var wasted: Duration?
        var readyInARow = 0
        if isUrgent { stopping = StatementStop(core.session, patience.grace) }
        do throws(PQError) {
            while let wait = try step() {
                if self.wait(for: wait.until(stopping?.moment ?? due), helping: &stopping) == .ready {
                    readyInARow &+= 1
                    // A server that never stops sending must not keep signals and time limits from being looked at.
                    if readyInARow & 15 != 0 { continue }
                }
                let raised = lookForSignals(&thread, &driven)
                let now = Monotonic.now
                // While connecting there is nothing to cancel, and nothing to keep.
                if raised, !cancels || core.session == nil { break }
                if stopping != nil {
                    if raised { stopping?.hurry(now) }
                } else if raised {
                    stopping = StatementStop(core.session, patience.grace)
                    stopping?.hurry(now)
                } else if let due, now >= due {
                    driven.isOverdue = true
                    stopping = StatementStop(core.session, patience.grace)
                } else if patience.grace > .zero, isWasted() {
                    let since = wasted ?? now
                    wasted = since
                    if now - since >= Self.wastePatience { stopping = StatementStop(core.session, patience.grace) }
                }
                if stopping?.advance(now, core.session) == .isLost {
                    driven.isLost = true
                    break
                }
            }
        } catch { driven.failure = error }
        if !driven.isLost { awaitDelivery(&stopping, &thread, &driven) }
        return driven
    }

    /// Looks whether a signal handler raises; the last exception is kept.
    private func lookForSignals(_ thread: inout ThreadState?, _ driven: inout Driven) -> Bool {
        GIL.take(thread)
        var raised = false
        do throws(PythonError) { try Python.checkSignals() } catch {
            raised = true
            driven.interrupt(PendingException.take())
        }
        thread = GIL.release()
        return raised
    }

    /// After the answer, waits until no request to cancel is on its way, because it could hit the next statement. If it
    /// is not delivered in time, or a signal handler raises twice, the session is lost.
    private func awaitDelivery(_ stopping: inout StatementStop?, _ thread: inout ThreadState?, _ driven: inout Driven) {
        stopping?.answered()
        while let moment = stopping?.moment, stopping?.isOver == false, core.session?.isBroken == false {
            _ = self.wait(for: Wait(descriptor: nil, interest: [], deadline: moment), helping: &stopping)
            if stopping?.isOver == true { return }
            if lookForSignals(&thread, &driven) { stopping?.hurry(Monotonic.now) }
            driven.isLost = stopping?.advance(Monotonic.now, core.session) == .isLost
            if driven.isLost { return }
        }
    }

    /// Waits, and helps a request to cancel on its way.
    private func wait(for wait: Wait, helping stopping: inout StatementStop?) -> BlockingWaiter.Outcome {
        guard stopping?.isRequesting == true else { return BlockingWaiter.wait(for: wait, slice: Self.slice) }
        guard let help = stopping?.advanceRequest(Monotonic.now, core.session) else {
            // It has been delivered. What else there is to wait for has not been looked at.
            return wait.descriptor == nil ? .ready : .interrupted
        }
        return BlockingWaiter.wait(for: wait, or: help, slice: Self.slice)
    }
}

extension ConnectionCore {
    /// Calls libpq where the GIL is not held.
    @inline(__always)
    fileprivate func accessing(_ step: () throws(PQError) -> Wait?) throws(PQError) -> Wait? {
        access.lock()
        defer { access.unlock() }
        return try step()
    }
}
