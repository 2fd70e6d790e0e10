import ApusPQ
import ApusWaiting

/// The pipeline: requests are sent in their order, and their results are read in the same order.
///
/// Two functions drive it. ``sendWaiting(_:_:)`` sends the requests that may be sent now.
/// ``readResults(_:isReadable:_:)`` reads the results that are there. Each calls the other, because the end of an
/// answer can allow the next request to be sent, and a request that waits makes reading go on where it was paused.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
extension ConnectionCore {
    /// Adds a new request to the queue.
    func submit(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        if let reason = request.stopReason { return end(request, .failed(Self.stopError(reason)), &effects) }
        if let error = state.closing { return end(request, .failed(error), &effects) }
        if let error = request.sql.problem { return end(request, .failed(error), &effects) }
        request.stage = .waiting
        state.waiting.append(request)
        if let deadline = request.deadline { setAlarm(&state, at: deadline) }
        sendWaiting(&state, &effects)
    }

    // MARK: Sending

    /// Sends the requests that may be sent now, in order. If reading is paused, it goes on, because a request may wait
    /// for the end of the answer that is not being read.
    func sendWaiting(_ state: inout State, _ effects: inout Effects) {
        while !state.waiting.isEmpty, state.closing == nil, state.cancel == nil, !state.isScripting {
            guard let request = removeSendable(&state, &effects) else { break }
            if request.stage != .waiting { continue }
            do {
                try send(request, &state)
            } catch {
                let isBroken = state.session?.connection.isBroken ?? true
                let failure = ApusError(error, file: request.site.file, line: request.site.line)
                end(request, .failed(failure), &effects)
                if isBroken {
                    closeLost(&state, failure, &effects)
                    break
                }
            }
        }
        if state.isPaused { readResults(&state, isReadable: false, &effects) }
    }

    /// Removes the first request that may be sent now from the queue. While a transaction holds the connection, these
    /// are its own requests only.
    private func removeSendable(_ state: inout State, _ effects: inout Effects) -> Request? {
        guard let first = state.waiting.first else { return nil }
        guard let holder = state.holder else {
            if first.form == .script, !state.inFlight.isEmpty { return nil }
            if let lease = first.lease {
                guard first.takesLease else {
                    end(first, .failed(ApusError(.usage, "the transaction has ended")), &effects)
                    return state.waiting.removeFirst()
                }
                state.holder = lease
            }
            return state.waiting.removeFirst()
        }
        if first.lease === holder {
            if first.form == .script, !state.inFlight.isEmpty { return nil }
            return state.waiting.removeFirst()
        }
        guard let own = state.waiting.all.first(where: { $0.lease === holder }) else { return nil }
        if own.form == .script, !state.inFlight.isEmpty { return nil }
        state.waiting.removeAll { $0 === own }
        return own
    }

    private func send(_ request: Request, _ state: inout State) throws {
        guard state.session != nil else { return }
        switch request.form {
        case .statement:
            try deallocateDiscarded(&state)
            try sendStatement(request, &state)
            try state.session?.connection.sendPipelineSync()
        case .script:
            try state.session?.connection.exitPipelineMode()
            state.isScripting = true
            try state.session?.connection.send(query: request.sql.text)
        }
        request.stage = .sent
        state.inFlight.append(request)
        if state.inFlight.count == 1 { beginAnswer(of: request, &state) }
        // The task's thread writes to the socket. What the socket does not take now, the loop's thread writes later.
        if let wait = try state.session?.connection.flush() { try watchSocket(&state, for: wait.interest) }
    }

    /// Prepares for the answer to a request, because it is the next to be read. The `ROLLBACK` of a transaction that
    /// was given up gets its deadline now: statements of other tasks, which may take any time, were executed before it.
    private func beginAnswer(of request: Request, _ state: inout State) {
        startStreaming(request, &state)
        guard request.releasesLease, request.deadline == nil else { return }
        let deadline = Monotonic.now + Self.gracePeriod
        request.deadline = deadline
        setAlarm(&state, at: deadline)
    }

    /// Asks libpq to return rows one by one, so that they can be delivered or dropped before the answer is complete.
    /// libpq accepts this only for the statement whose answer is next, and before it has parsed any of that answer.
    private func startStreaming(_ request: Request, _ state: inout State) {
        guard !request.isStreaming, request.preparing == nil else { return }
        request.isStreaming = state.session?.connection.setSingleRowMode() ?? false
    }

    // MARK: Reading

    /// Reads the results that are there, and delivers them to the tasks that wait.
    /// - Parameter isReadable: whether the socket was reported ready. Otherwise only what libpq has read is looked at.
    func readResults(_ state: inout State, isReadable: Bool, _ effects: inout Effects) {
        guard state.session != nil else { return }
        do {
            try readAvailable(&state, isReadable: isReadable, &effects)
        } catch {
            closeLost(&state, ApusError(error, file: #fileID, line: #line), &effects)
        }
    }

    private func readAvailable(_ state: inout State, isReadable: Bool, _ effects: inout Effects) throws {
        if isReadable { state.session?.connection.markReady() }
        state.isPaused = false
        var endsInARow = 0
        reading: while state.closing == nil, let request = state.inFlight.first {
            if mustPause(request, state) {
                state.isPaused = true
                try watchSocket(&state, for: nil)
                break
            }
            guard let step = try state.session?.connection.nextResult() else { return }
            switch consume step {
            case .wait(let wait):
                try watchSocket(&state, for: wait.interest)
                break reading
            case .done(.some(let result)):
                endsInARow = 0
                try handle(consume result, request, &state, &effects)
            case .done(.none):
                if state.isScripting {
                    try endScript(request, &state, &effects)
                    continue
                }
                // After the result of its preparation, the rows are next.
                startStreaming(request, &state)
                // One end is between a statement's results and its synchronization point. More mean that it is missing.
                endsInARow += 1
                if endsInARow > 2 { throw PQError(.connectionLost, "the server's answers ended before they should") }
            }
        }
        if state.closing != nil { return }
        if let request = state.inFlight.first {
            resumeWaiter(of: request, &effects)
        } else {
            if isReadable { try state.session?.connection.consumeInput() }
            // Needed also after a pause, during which the socket is not watched: if the rest of the answer was read
            // before it, nextResult() has not returned a wait.
            try watchSocket(&state, for: .read)
        }
        collectEvents(&state, &effects)
    }

    /// Whether to pause reading: the task has not fetched the rows read so far, and no other answer follows. If a
    /// request can follow, its answer must not wait for the task, because the task may wait for that answer.
    private func mustPause(_ request: Request, _ state: borrowing State) -> Bool {
        request.hasFullBatch && request.waiter == nil && state.inFlight.count == 1 && request.stopReason == nil
            && !request.isAbandoned && !hasSendable(state)
    }

    /// Whether a request waits that does not depend on the end of a transaction.
    private func hasSendable(_ state: borrowing State) -> Bool {
        guard let holder = state.holder else { return !state.waiting.isEmpty }
        return state.waiting.all.contains { $0.lease === holder }
    }

    private func handle(
        _ result: consuming PQResult, _ request: Request, _ state: inout State, _ effects: inout Effects
    ) throws {
        let status = result.status
        switch status {
        case .singleTuple, .tuplesOK:
            if request.columns == nil, request.keepsRows { request.columns = ApusColumns(result) }
            request.append(result)
            if status == .tuplesOK { request.tag = CommandTag(result.commandTag) }
        case .commandOK, .emptyQuery:
            if !endPreparation(of: request) { request.tag = CommandTag(result.commandTag) }
        case .pipelineSync:
            endUnit(of: request, &state, &effects)
        case .pipelineAborted:
            break
        case .copyIn, .copyOut, .copyBoth:
            // COPY needs the connection for itself and an interface of its own, and it cannot be left half way.
            let error = ApusError(
                .usage, "COPY from or to the client cannot be run as a statement; the connection was closed")
            close(&state, error.at(request.site), &effects)
        case .badResponse, .nonfatalError, .fatalError, .unknown:
            guard let error = result.error else { break }
            let isBroken = state.session?.connection.isBroken ?? true
            if request.error == nil, error.kind == .server || !isBroken {
                request.error = ApusError(error, file: #fileID, line: #line)
                // An error without a SQLSTATE on a connection that works comes from libpq or from a proxy.
                request.error?.code = .server
            }
            if isBroken { throw error }
        }
    }

    // MARK: The end of an answer

    /// Handles the synchronization point that ends the answer to a request.
    private func endUnit(of request: Request, _ state: inout State, _ effects: inout Effects) {
        _ = state.inFlight.removeFirst()
        updateStatements(request, &state)
        if !resendIfHitByStrayCancel(request, &state), !resendIfUnprepared(request, &state) {
            endAnswered(request, &effects)
        }
        if request.releasesLease { endAbandonedBegin(request, &state, &effects) }
        beginNextAnswer(&state, &effects)
    }

    private func endScript(_ request: Request, _ state: inout State, _ effects: inout Effects) throws {
        _ = state.inFlight.removeFirst()
        state.isScripting = false
        try state.session?.connection.enterPipelineMode()
        endAnswered(request, &effects)
        beginNextAnswer(&state, &effects)
    }

    /// Ends a request with what the server answered.
    private func endAnswered(_ request: Request, _ effects: inout Effects) {
        guard let error = request.error?.sqlState == "25P02" ? request.firstError ?? request.error : request.error
        else { return end(request, .finished(request.tag ?? CommandTag("")), &effects) }
        guard let reason = request.stopReason, error.sqlState == .queryCanceled else {
            return end(request, .failed(error), &effects)
        }
        var failure = Self.stopError(reason)
        failure.server = error.server
        failure.underlying = error
        end(request, .failed(failure), &effects)
    }

    /// Handles the answer to the `ROLLBACK` of a transaction that was given up.
    private func endAbandonedBegin(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        guard state.holder === request.lease else { return }
        switch request.error {
        case nil:
            state.holder = nil
        case let error? where error.sqlState == .queryCanceled:
            // A cancel that was meant for BEGIN has hit it.
            resend(request, &state)
        case let error?:
            close(&state, error, &effects)
        }
    }

    /// Goes on with the next request whose answer is expected, and sends the requests that may be sent now.
    private func beginNextAnswer(_ state: inout State, _ effects: inout Effects) {
        if let next = state.inFlight.first {
            beginAnswer(of: next, &state)
            if next.stopReason != nil { beginCancel(next, &state, &effects) }
        }
        continueCancel(&state, &effects)
        sendWaiting(&state, &effects)
    }

    /// Adds a request that was answered to the queue again.
    func resend(_ request: Request, _ state: inout State) {
        request.prepareResend()
        state.waiting.append(request)
    }
}
