import ApusPQ
import ApusSessions
import ApusWaiting

/// Stopping statements, because a task was cancelled or a deadline has passed.
///
/// PostgreSQL cancels whatever a session executes, not a certain statement. Three rules follow from that. A statement
/// is cancelled only while its answer is the next to come. Nothing new is sent until the cancel was delivered and the
/// statement has ended. And if the cancel hits a statement behind it in the pipeline instead, that statement is sent
/// again where this is safe.
///
/// Source: <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>
extension ConnectionCore {
    /// How long the server may take to stop a statement before the connection is closed.
    static let gracePeriod = Duration.seconds(10)

    /// A statement that is being stopped.
    struct CancelInFlight {
        let target: Request
        var cancellation: Cancellation
    }

    typealias CancelRun = MachineRun<CancelMachine, Void>

    /// Stops a request. Any thread may call it.
    func stop(_ request: Request, because reason: ApusError.Code) {
        var effects = Effects()
        state.withLock { stop(request, because: reason, &$0, &effects) }
        run(effects)
    }

    private func stop(
        _ request: Request, because reason: ApusError.Code, _ state: inout State, _ effects: inout Effects
    ) {
        guard request.stage != .ended, request.stopReason == nil else { return }
        request.stopReason = reason
        switch request.stage {
        case .new, .ended:
            return
        case .waiting:
            state.waiting.removeAll { $0 === request }
            end(request, .failed(Self.stopError(reason)), &effects)
            // Requests may have waited behind it, and an answer whose reading is paused may have no reader now.
            sendWaiting(&state, &effects)
        case .sent:
            if reason == .timeout || state.inFlight.first !== request {
                // The call returns now, because a deadline holds even if the server does not answer, and a cancelled
                // task does not wait for the answers before its own. The rest of the answer is dropped.
                request.abandon()
                request.outcome = .failed(Self.stopError(reason).at(request.site))
                resumeWaiter(of: request, &effects)
            }
            if state.inFlight.first === request { beginCancel(request, &state, &effects) }
        }
        if state.isPaused { readResults(&state, isReadable: false, &effects) }
    }

    /// The error of a call whose statement was stopped.
    static func stopError(_ reason: ApusError.Code) -> ApusError {
        if reason == .timeout { return ApusError(.timeout, "the statement was not done within the time allowed") }
        return ApusError(.cancelled, "the task was cancelled", underlying: CancellationError())
    }

    /// Begins to cancel the request whose answer is the next to come.
    func beginCancel(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        guard state.cancel == nil, state.session?.connection.isBroken == false else { return }
        let cancellation = Cancellation(now: Monotonic.now, grace: Self.gracePeriod)
        state.cancel = CancelInFlight(target: request, cancellation: cancellation)
        for other in state.inFlight.all where other !== request { other.mayBeHitByCancel = true }
        setAlarm(&state, at: cancellation.givesUpAt)
        advanceCancel(&state, &effects)
    }

    /// Executes what ``Cancellation`` decides.
    private func advanceCancel(_ state: inout State, _ effects: inout Effects) {
        while let action = state.cancel?.cancellation.next(Monotonic.now) {
            switch action {
            case .sendRequest:
                do {
                    let deadline = state.cancel?.cancellation.givesUpAt ?? Monotonic.now
                    effects.cancel = try state.session?.cancelRun(on: loop, deadline: deadline)
                    return
                } catch {
                    // No thread or descriptor is left, perhaps only for a moment, so it is tried again.
                    effects.cancelFailure = error
                    state.cancel?.cancellation.requestEnded(Monotonic.now)
                }
            case .wait(let moment):
                return setAlarm(&state, at: moment)
            case .giveUp, .undelivered:
                return giveUpCancel(&state, &effects)
            case .over:
                state.cancel = nil
                if let next = state.inFlight.first, next.stopReason != nil { beginCancel(next, &state, &effects) }
                return
            }
        }
    }

    private func giveUpCancel(_ state: inout State, _ effects: inout Effects) {
        var error = ApusError(.connectionLost, "the server did not stop a cancelled statement in time")
        error.underlying = Self.stopError(state.cancel?.target.stopReason ?? .cancelled)
        closeLost(&state, error, &effects)
    }

    /// Sends a request to cancel. It does not use the cooperative pool, because all threads of the pool may be busy.
    func start(_ run: CancelRun) {
        run.start { outcome in
            var effects = Effects()
            self.state.withLock { self.endCancelRequest(outcome, &$0, &effects) }
            self.run(effects)
        }
    }

    /// Handles the end of a request to cancel: it was delivered, or could not be.
    private func endCancelRequest(_ outcome: CancelRun.Outcome, _ state: inout State, _ effects: inout Effects) {
        guard state.cancel != nil else { return }
        if case .failure(let error) = outcome { effects.cancelFailure = error }
        state.cancel?.cancellation.requestEnded(Monotonic.now)
        continueCancel(&state, &effects)
        sendWaiting(&state, &effects)
    }

    /// Continues a cancel after an event: a request to cancel was delivered, or an answer has ended.
    func continueCancel(_ state: inout State, _ effects: inout Effects) {
        guard let target = state.cancel?.target else { return }
        if state.inFlight.first !== target { state.cancel?.cancellation.answered() }
        advanceCancel(&state, &effects)
    }

    /// Sends a request again that was hit by a cancel meant for the one before it. This is safe if it was a transaction
    /// of its own, which the server has rolled back, and no caller has received any of its rows. It is not safe for a
    /// procedure, which can have committed a part of its work, nor for `VACUUM` and other commands that are no
    /// transaction.
    /// - Returns: whether it is sent again.
    func resendIfHitByStrayCancel(_ request: Request, _ state: inout State) -> Bool {
        guard request.mayBeHitByCancel, request.stopReason == nil, !request.hasDelivered, request.lease == nil,
            request.error?.sqlState == .queryCanceled, request.isAtomic
        else { return false }
        resend(request, &state)
        return true
    }

    // MARK: Deadlines

    /// Makes the loop call ``timerFired(_:)`` at a moment, unless it will do so earlier.
    func setAlarm(_ state: inout State, at moment: Duration) {
        if let alarm = state.alarm, alarm <= moment { return }
        state.alarm = moment
        loop.schedule(self, at: moment)
    }

    /// Stops the requests whose deadlines have passed, and sets the alarm for the next deadline.
    func stopOverdue(_ state: inout State, _ now: Duration, _ effects: inout Effects) {
        guard state.closing == nil else { return }
        for request in Array(state.inFlight.all) + Array(state.waiting.all) {
            if let deadline = request.deadline, now >= deadline {
                if request.releasesLease, request.stage != .ended {
                    // It is unknown whether a transaction is open, and the next statements would be part of it.
                    let message = "the server did not roll back a transaction that was given up while it began"
                    return closeLost(&state, ApusError(.connectionLost, message), &effects)
                }
                stop(request, because: .timeout, &state, &effects)
            }
        }
        if state.cancel != nil { advanceCancel(&state, &effects) }
        guard state.closing == nil else { return }
        var next: Duration?
        for request in Array(state.inFlight.all) + Array(state.waiting.all) where request.stopReason == nil {
            if let deadline = request.deadline { next = min(next ?? deadline, deadline) }
        }
        if let next { setAlarm(&state, at: next) }
    }
}

extension OpenSession {
    /// A run that sends a request to cancel what this session executes.
    fileprivate borrowing func cancelRun(
        on loop: ApusLoop, deadline: Duration
    ) throws -> ConnectionCore.CancelRun {
        let machine = try CancelMachine(connection, deadline: deadline)
        return ConnectionCore.CancelRun(machine, on: loop, threads: .forCancels, deadline: deadline) { _ in }
    }
}
