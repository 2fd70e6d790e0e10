import ApusPQ

/// The way in: from the socket to the calls that wait.
extension ConnectionCore {
    /// Reads what is there, and hands it on.
    /// - Parameter isReadable: the socket was reported ready; otherwise only what libpq holds is looked at.
    func pump(_ state: inout State, isReadable: Bool, _ effects: inout Effects) {
        guard state.session != nil else { return }
        do {
            try read(&state, isReadable: isReadable, &effects)
        } catch {
            lose(&state, ApusError(error, file: #fileID, line: #line), &effects)
        }
    }

    private func read(_ state: inout State, isReadable: Bool, _ effects: inout Effects) throws {
        if isReadable { state.session?.connection.markReady() }
        state.isPaused = false
        var endsInARow = 0
        reading: while state.closing == nil, let request = state.inFlight.first {
            if mustPause(request, state) {
                state.isPaused = true
                try listen(&state, for: nil)
                break
            }
            guard let step = try state.session?.connection.nextResult() else { return }
            switch consume step {
            case .wait(let wait):
                try listen(&state, for: wait.interest)
                break reading
            case .done(.some(let result)):
                endsInARow = 0
                try take(consume result, request, &state, &effects)
            case .done(.none):
                if state.isScripting {
                    try finishScript(request, &state, &effects)
                    continue
                }
                // Its preparation is answered, its rows are next.
                stream(request, &state)
                // One end stands between a statement's answer and its sync; more mean that none will come.
                endsInARow += 1
                if endsInARow > 2 { throw PQError(.connectionLost, "the server's answers ended before they should") }
            }
        }
        if state.closing != nil { return }
        if let request = state.inFlight.first {
            deliver(request, &effects)
        } else {
            if isReadable { try state.session?.connection.consumeInput() }
            // Also after a pause, during which the socket is not watched: the rest of the answer may have been read
            // before it, and then no wait for it is handed out.
            try listen(&state, for: .read)
        }
        gather(&state, &effects)
    }

    /// Whether to stop reading: the reader is far behind, and no other answer comes after its own. A statement that
    /// can follow must not wait for the reader, because the reader may wait for that statement.
    private func mustPause(_ request: Request, _ state: borrowing State) -> Bool {
        request.isAhead && request.waiter == nil && state.inFlight.count == 1 && request.stopped == nil
            && !request.isAbandoned && !hasSendable(state)
    }

    /// Whether a statement is in line that does not have to wait for the end of a transaction.
    private func hasSendable(_ state: borrowing State) -> Bool {
        guard let holder = state.holder else { return !state.waiting.isEmpty }
        return state.waiting.all.contains { $0.lease === holder }
    }

    /// Sorts one result.
    private func take(
        _ result: consuming PQResult, _ request: Request, _ state: inout State, _ effects: inout Effects
    ) throws {
        switch result.status {
        case .singleTuple, .tuplesOK:
            if request.columns == nil, request.keepsRows { request.columns = ApusColumns(result) }
            request.append(result)
            if result.status == .tuplesOK { request.tag = CommandTag(result.commandTag) }
        case .commandOK, .emptyQuery:
            if let statement = request.preparing {
                if statement.stage == .preparing { statement.stage = .prepared }
                request.preparing = nil
                request.executing = statement
                break
            }
            request.tag = CommandTag(result.commandTag)
        case .pipelineSync:
            complete(request, &state, &effects)
        case .pipelineAborted:
            break
        case .copyIn, .copyOut, .copyBoth:
            // COPY needs the connection for itself and an interface of its own; it cannot be left half way.
            let error = ApusError(
                .usage, "COPY from or to the client cannot be run as a statement; the connection was closed")
            close(&state, error.at(request.site), &effects)
        default:
            guard let error = result.error else { break }
            let isBroken = state.session?.connection.isBroken ?? true
            if request.error == nil, error.kind == .server || !isBroken {
                request.error = ApusError(error, file: #fileID, line: #line)
                // An error without a SQLSTATE on a connection that goes on: libpq made it, or something between.
                request.error?.code = .server
            }
            if isBroken { throw error }
        }
    }

    /// The pipeline's unit of a request has ended.
    private func complete(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        _ = state.inFlight.removeFirst()
        updateStatements(request, &state)
        if !retriesAfterStrayCancel(request, &state), !retriesUnprepared(request, &state) { finish(request, &effects) }
        if request.endsLease { endLease(request, &state, &effects) }
        proceed(&state, &effects)
    }

    /// The `ROLLBACK` of a transaction that no call waits for any more is answered.
    private func endLease(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        guard state.holder === request.lease else { return }
        switch request.error {
        case nil:
            state.holder = nil
        case let error? where error.sqlState == .queryCanceled:
            // A cancel that was meant for `BEGIN` hit it.
            request.reset()
            state.waiting.append(request)
        case let error?:
            close(&state, error, &effects)
        }
    }

    /// Keeps what is known of prepared statements in step with the server.
    private func updateStatements(_ request: Request, _ state: inout State) {
        if let statement = request.preparing {
            // The server did not take it.
            if statement.stage == .preparing { statement.stage = .seen }
            request.preparing = nil
        }
        if let text = request.tag?.text, text.hasPrefix("DEALLOCATE ALL") || text.hasPrefix("DISCARD ALL") {
            state.statements.removeAll()
        }
    }

    /// Whether a prepared statement is sent again as it was written: it was deallocated (by a pooler, for one), or
    /// a table's change made its result another. The server then did nothing; within a transaction it is too late, for
    /// that has failed.
    private func retriesUnprepared(_ request: Request, _ state: inout State) -> Bool {
        guard let statement = request.executing, let error = request.error?.server else { return false }
        guard error.sqlState == "26000" || error.sourceFunction == "RevalidateCachedQuery" else { return false }
        state.statements.remove(statement)
        guard request.stopped == nil, !request.hasDelivered, request.lease == nil else { return false }
        request.reset()
        state.waiting.append(request)
        return true
    }

    private func finishScript(_ request: Request, _ state: inout State, _ effects: inout Effects) throws {
        _ = state.inFlight.removeFirst()
        state.isScripting = false
        try state.session?.connection.enterPipelineMode()
        finish(request, &effects)
        proceed(&state, &effects)
    }

    private func finish(_ request: Request, _ effects: inout Effects) {
        if let error = request.error?.sqlState == "25P02" ? request.firstError ?? request.error : request.error {
            if let stopped = request.stopped, error.sqlState == .queryCanceled {
                var failure = Self.stopError(stopped)
                failure.server = error.server
                failure.underlying = error
                return end(request, .failed(failure), &effects)
            }
            return end(request, .failed(error), &effects)
        }
        end(request, .finished(request.tag ?? CommandTag("")), &effects)
    }

    /// Turns to the next request in line.
    private func proceed(_ state: inout State, _ effects: inout Effects) {
        if let next = state.inFlight.first {
            expect(next, &state)
            if next.stopped != nil { beginCancel(next, &state, &effects) }
        }
        settleCancel(&state, &effects)
        drain(&state, &effects)
    }

    /// The connection broke.
    func lose(_ state: inout State, _ error: ApusError, _ effects: inout Effects) {
        guard state.closing == nil else { return }
        gather(&state, &effects)
        var loss = error
        // What the server said before it hung up: unasked, or in answer to a statement.
        let answered = state.inFlight.first?.error?.server
        if let last = state.lastWords ?? answered.flatMap({ Self.endsTheSession($0) ? $0 : nil }) {
            loss.message = last.primary ?? last.text
            loss.server = last
        }
        loss.code = .connectionLost
        report(.loss(loss), &state, &effects)
        close(&state, loss, &effects)
    }
}
