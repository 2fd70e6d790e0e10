import ApusPQ
import CApusPython

typealias ThreadState = UnsafeMutablePointer<PyThreadState>

/// Waiting that blocks the thread, without the GIL. All of it gives way to a signal handler that raises, Ctrl-C's say,
/// and what waits for a statement's result gives way to the connection's `command_timeout`.
extension Connection {
    /// How often Python's signals are looked at though none cut the wait short: one that comes between the last look
    /// and the wait, or to another thread, cuts nothing.
    private static var slice: Duration { .milliseconds(500) }
    /// The same while another thread has the lock: that wait is never cut short.
    private static var lockSlice: Duration { .milliseconds(100) }

    // MARK: The lock

    /// Takes the connection's lock, without which nobody talks to the server. It is waited for without the GIL.
    /// - Returns: false if this thread has it already: in a signal handler or a callback, in the midst of a statement.
    func takeLock() throws(Raised) -> Bool {
        while true {
            let thread = PyEval_SaveThread()
            let outcome = core.lock.lock(within: Self.lockSlice)
            PyEval_RestoreThread(thread)
            switch outcome {
            case .locked: return true
            case .alreadyMine: return false
            case .timeIsOver: try checkPatience()
            }
        }
    }

    /// The same for what is going to wait under the lock.
    /// - Returns: without the GIL; what to take it back with.
    func lockWithoutGIL() throws(Raised) -> ThreadState? {
        var thread = PyEval_SaveThread()
        while true {
            let outcome = core.lock.lock(within: Self.lockSlice)
            if outcome == .locked { return thread }
            PyEval_RestoreThread(thread)
            if outcome == .alreadyMine { throw isInUse() }
            try checkPatience()
            thread = PyEval_SaveThread()
        }
    }

    /// Whether to go on waiting for another thread that has the lock.
    private func checkPatience() throws(Raised) {
        try check(PyErr_CheckSignals())
        try checkOwner()
        if apus_is_finalizing() != 0 {
            throw raise(
                module.pointee.interfaceError,
                "the connection was in use by a thread that ended with the interpreter")
        }
    }

    private func isInUse() -> Raised {
        raise(module.pointee.programmingError, "the connection is already in use by this thread")
    }

    /// Runs Python code while no other thread can use the connection.
    func holdingLock<Result>(_ body: () throws(Raised) -> Result) throws(Raised) -> Result {
        guard try takeLock() else { throw isInUse() }
        defer { core.lock.unlock() }
        return try body()
    }

    /// Looks at what libpq changes while it works. Another thread's statement is waited for; this thread's own, which a
    /// signal handler or a callback interrupts, is not.
    /// - Parameter body: touches nothing of Python.
    func looking<Result>(_ body: () -> Result) throws(Raised) -> Result {
        var isLocked = core.lock.tryLock()
        if !isLocked {
            // The lock of a fork's parent may never be let go.
            try checkOwner()
            isLocked = try takeLock()
        }
        defer { if isLocked { core.lock.unlock() } }
        return body()
    }

    // MARK: Machines

    /// Drives a machine under the lock and without the GIL. A signal handler that raises cancels what the server is
    /// doing; its answer is read and dropped, so that the connection stays usable, and the exception raised.
    /// - Parameters:
    ///   - timeout: after which the server is asked to cancel as well; its answer is the machine's business then.
    ///   - grace: how long the answer is waited for after that; nil is the connection's `cancellation_timeout`.
    ///   - finally: runs under the lock when the machine has come to its end, and hears whether that came too late.
    func blocking(
        timeout: Duration? = nil, grace: Duration? = nil, _ step: () throws(PQError) -> Wait?,
        finally: (_ isOverdue: Bool) -> Void
    ) throws(Raised) -> PQError? {
        let patience = Patience(timeout: timeout, grace: grace ?? core.cancellationTimeout)
        var thread = try lockWithoutGIL()
        let driven = drive(&thread, patience, step)
        finally(driven.isOverdue)
        core.gather()
        if driven.isLost {
            // A session is let go of under the lock and the GIL.
            PyEval_RestoreThread(thread)
            loseSession()
            core.lock.unlock()
        } else {
            core.lock.unlock()
            PyEval_RestoreThread(thread)
        }
        if let interruption = driven.interruption {
            do throws(Raised) { try collect() } catch { PyErr_Clear() }
            apus_give_exception(interruption)
            throw Raised()
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
    ) throws(Raised) {
        let patience = Patience(
            timeout: exchange == nil ? nil : core.commandTimeout, grace: core.cancellationTimeout)
        var thread = PyEval_SaveThread()
        let driven = drive(&thread, cancels: cancels, patience, step)
        if driven.isOverdue { exchange?.timeout = patience.timeout }
        if core.session?.isBroken ?? true { core.markBroken() }
        PyEval_RestoreThread(thread)
        if driven.isLost { loseSession() }
        if let interruption = driven.interruption {
            apus_give_exception(interruption)
            throw Raised()
        }
        if driven.isLost { throw raiseLost(patience) }
        if let failure = driven.failure { throw raise(failure) }
    }

    /// Lets go of a session whose server answers no more; under the lock and the GIL.
    private func loseSession() {
        core.finish()
        core.closed = .broken
    }

    private func raiseLost(_ patience: Patience) -> Raised {
        let request = patience.grace > .zero ? ", nor to the request to cancel within \(patience.grace.inSeconds)" : ""
        let time = patience.timeout?.inSeconds ?? "0 s"
        return raise(
            module.pointee.commandTimeout,
            "the server did not answer within the command timeout of \(time)\(request): the connection is closed")
    }

    /// How long a server is waited for. Read from the connection under the GIL.
    private struct Patience {
        /// For the answer; nil is for ever.
        let timeout: Duration?
        /// For the answer once it was asked to cancel; it is not asked if there is no time for it.
        let grace: Duration
    }

    /// How a machine came to its end.
    private struct Driven {
        /// What it failed by.
        var failure: PQError?
        /// The exception that a signal handler raised, owned.
        var interruption: PyObj?
        /// The time was over, and the server was asked to cancel.
        var isOverdue = false
        /// The server ignored the request to cancel: the session cannot be saved.
        var isLost = false
    }

    /// Drives a machine to its end, without the GIL but for a look at Python's signals now and then.
    private func drive(
        _ thread: inout ThreadState?, cancels: Bool = true, _ patience: Patience, _ step: () throws(PQError) -> Wait?
    ) -> Driven {
        var driven = Driven()
        var request: CancelMachine?
        var due = patience.timeout.map { Monotonic.now + $0 }
        var interrupted: Duration?
        var isCancelling = false
        // A request that arrives before the statement does finds nothing to cancel: it is repeated, ever more seldom.
        var again: Duration?
        var pause: Duration = .milliseconds(250)
        var readyInARow = 0
        do throws(PQError) {
            while let wait = try step() {
                if Self.wait(for: wait.until(due).until(again), helping: &request) == .ready {
                    readyInARow &+= 1
                    // A server that never stops sending must not keep signals and time limits from being looked at.
                    if readyInARow & 15 != 0 { continue }
                }
                if isCancelling {
                    let now = Monotonic.now
                    if let due, now >= due {
                        driven.isLost = true
                        break
                    }
                    if let moment = again, now >= moment {
                        if request == nil { request = try? core.cancelMachine(within: patience.grace) }
                        pause *= 2
                        again = now + pause
                    }
                }
                PyEval_RestoreThread(thread)
                let raised = PyErr_CheckSignals() != 0
                if raised {
                    driven.interruption?.release()
                    driven.interruption = apus_take_exception()
                }
                thread = PyEval_SaveThread()
                let now = Monotonic.now
                if raised {
                    // While connecting there is nothing to cancel, and nothing to keep.
                    if !cancels || core.session == nil { break }
                    if let interrupted, now - interrupted >= .seconds(1) {
                        // Asked again, by somebody who saw that nothing came of it.
                        driven.isLost = true
                        break
                    }
                    if interrupted == nil { interrupted = now }
                } else if let due, now >= due {
                    driven.isOverdue = true
                } else {
                    continue
                }
                if isCancelling { continue }
                isCancelling = true
                due = now + patience.grace
                if patience.grace > .zero {
                    request = try? core.cancelMachine(within: patience.grace)
                    again = now + pause
                }
            }
        } catch { driven.failure = error }
        // A request that is still under way could meet the next statement, if there can be one.
        while !driven.isLost, request != nil, core.session?.isBroken == false {
            _ = Self.wait(for: Wait(descriptor: nil, interest: [], deadline: nil), helping: &request)
        }
        return driven
    }

    /// Waits, and helps a request to cancel on its way; it is nil when it was delivered, or could not be.
    private static func wait(for wait: Wait, helping request: inout CancelMachine?) -> BlockingWaiter.Outcome {
        if request != nil {
            // What cannot be delivered is no error of the statement's: its time runs out.
            if let help = try? request?.advance(now: Monotonic.now) {
                return BlockingWaiter.wait(for: wait, or: help, slice: slice)
            }
            request = nil
            if wait.descriptor == nil { return .ready }
        }
        return BlockingWaiter.wait(for: wait, slice: slice)
    }
}

extension Duration {
    /// As people write it: `2.5 s`.
    var inSeconds: String {
        let seconds = Double(clampedNanoseconds) / 1e9
        return seconds == seconds.rounded() && seconds < 1e9 ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}
