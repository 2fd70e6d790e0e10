import ApusPQ
import ApusSessions
import ApusWaiting

/// Stopping statements: by a task's cancellation or by a deadline.
///
/// PostgreSQL cancels whatever a session is doing, not a statement of one's choice. So a statement is cancelled only
/// while its answer is the next to come; nothing new is sent until the cancel has been delivered and has met its
/// target; and a statement behind it in the pipeline that is hit instead is sent again, where that is safe.
extension ConnectionCore {
    /// How long the server may take to stop a statement, before the connection is given up.
    static let patience = Duration.seconds(10)

    /// A statement that is being stopped.
    struct CancelInFlight {
        let target: Request
        var cancellation: Cancellation
    }

    typealias CancelRun = MachineRun<CancelMachine, Void>

    /// Stops a request, from any thread.
    func stop(_ request: Request, because reason: ApusError.Code) {
        var effects = Effects()
        state.withLock { stop(request, because: reason, &$0, &effects) }
        run(effects)
    }

    private func stop(
        _ request: Request, because reason: ApusError.Code, _ state: inout State, _ effects: inout Effects
    ) {
        guard request.stage != .ended, request.stopped == nil else { return }
        request.stopped = reason
        switch request.stage {
        case .new, .ended:
            return
        case .waiting:
            state.waiting.removeAll { $0 === request }
            end(request, .failed(Self.stopError(reason)), &effects)
            // Others may have waited behind it, and a paused answer may have no reader now.
            drain(&state, &effects)
        case .sent:
            if reason == .timeout || state.inFlight.first !== request {
                // A deadline is kept even when the server does not answer, and a cancelled task does not wait for the
                // answers before its own; what still comes is dropped.
                request.abandon()
                request.outcome = .failed(Self.stopError(reason).at(request.site))
                deliver(request, &effects)
            }
            if state.inFlight.first === request { beginCancel(request, &state, &effects) }
        }
        if state.isPaused { pump(&state, isReadable: false, &effects) }
    }

    static func stopError(_ reason: ApusError.Code) -> ApusError {
        if reason == .timeout { return ApusError(.timeout, "the statement was not done within the time allowed") }
        return ApusError(.cancelled, "the task was cancelled", underlying: CancellationError())
    }

    func beginCancel(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        guard state.cancel == nil, state.session?.connection.isBroken == false else { return }
        let cancellation = Cancellation(now: Monotonic.now, grace: Self.patience)
        state.cancel = CancelInFlight(target: request, cancellation: cancellation)
        for other in state.inFlight.all where other !== request { other.isExposed = true }
        remind(&state, at: cancellation.givesUpAt)
        advanceCancel(&state, &effects)
    }

    /// Does what the cancellation asks for now.
    private func advanceCancel(_ state: inout State, _ effects: inout Effects) {
        while let action = state.cancel?.cancellation.next(Monotonic.now) {
            switch action {
            case .sendRequest:
                do {
                    let deadline = state.cancel?.cancellation.givesUpAt ?? Monotonic.now
                    effects.cancel = try state.session?.cancelRun(on: loop, deadline: deadline)
                    return
                } catch {
                    // No thread or descriptor is left, perhaps for a moment only.
                    effects.cancelFailure = error
                    state.cancel?.cancellation.requestEnded(Monotonic.now)
                }
            case .wait(let moment):
                return remind(&state, at: moment)
            case .giveUp, .undelivered:
                return giveUp(&state, &effects)
            case .over:
                state.cancel = nil
                if let next = state.inFlight.first, next.stopped != nil { beginCancel(next, &state, &effects) }
                return
            }
        }
    }

    private func giveUp(_ state: inout State, _ effects: inout Effects) {
        var error = ApusError(.connectionLost, "the server did not stop a cancelled statement in time")
        error.underlying = Self.stopError(state.cancel?.target.stopped ?? .cancelled)
        lose(&state, error, &effects)
    }

    /// Sends a cancel on its way. Needs no thread of the cooperative pool, which may be just what is busy.
    func deliver(_ run: CancelRun) {
        run.start { outcome in
            var effects = Effects()
            self.state.withLock { self.delivered(outcome, &$0, &effects) }
            self.run(effects)
        }
    }

    private func delivered(_ outcome: CancelRun.Outcome, _ state: inout State, _ effects: inout Effects) {
        guard state.cancel != nil else { return }
        if case .failure(let error) = outcome { effects.cancelFailure = error }
        state.cancel?.cancellation.requestEnded(Monotonic.now)
        settleCancel(&state, &effects)
        drain(&state, &effects)
    }

    /// Goes on with stopping a statement after an event: a request was delivered, or an answer has ended.
    func settleCancel(_ state: inout State, _ effects: inout Effects) {
        guard let target = state.cancel?.target else { return }
        if state.inFlight.first !== target { state.cancel?.cancellation.answered() }
        advanceCancel(&state, &effects)
    }

    /// Whether a request was hit by a cancel that was meant for the one before it, and is sent again: it was a
    /// transaction of its own, which the server rolled back, and no caller has seen anything of it. A procedure can
    /// have committed a part of what it does, and `VACUUM` and its like are no transactions.
    func retriesAfterStrayCancel(_ request: Request, _ state: inout State) -> Bool {
        guard request.isExposed, request.stopped == nil, !request.hasDelivered, request.lease == nil,
            request.error?.sqlState == .queryCanceled, request.isUndoneAsAWhole
        else { return false }
        request.reset()
        state.waiting.append(request)
        return true
    }

    // MARK: Deadlines

    /// Asks the loop to look at the deadlines at a moment; it is asked at most once at a time.
    func remind(_ state: inout State, at moment: Duration) {
        if let alarm = state.alarm, alarm <= moment { return }
        state.alarm = moment
        loop.wake(self, at: moment)
    }

    /// Stops what is overdue, and asks to be told of the next deadline.
    func expire(_ state: inout State, _ now: Duration, _ effects: inout Effects) {
        guard state.closing == nil else { return }
        for request in Array(state.inFlight.all) + Array(state.waiting.all) {
            if let deadline = request.deadline, now >= deadline {
                if request.endsLease, request.stage != .ended {
                    // Whether a transaction is open is unknown, and the next statements would be part of it.
                    let words = "the server did not roll back a transaction that was given up while it began"
                    return lose(&state, ApusError(.connectionLost, words), &effects)
                }
                stop(request, because: .timeout, &state, &effects)
            }
        }
        if state.cancel != nil { advanceCancel(&state, &effects) }
        guard state.closing == nil else { return }
        var next: Duration?
        for request in Array(state.inFlight.all) + Array(state.waiting.all) where request.stopped == nil {
            if let deadline = request.deadline { next = min(next ?? deadline, deadline) }
        }
        if let next { remind(&state, at: next) }
    }
}

extension OpenSession {
    /// A run that asks the server to cancel what this session is doing.
    fileprivate borrowing func cancelRun(
        on loop: ApusLoop, deadline: Duration
    ) throws -> ConnectionCore.CancelRun {
        let machine = try CancelMachine(connection, deadline: deadline)
        return ConnectionCore.CancelRun(machine, on: loop, threads: .forCancels, deadline: deadline) { _ in }
    }
}
