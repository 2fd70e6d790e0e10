import ApusPQ
import ApusWaiting

/// The way out: from the call to the socket.
extension ConnectionCore {
    /// Takes a new request in.
    func submit(_ request: Request, _ state: inout State, _ effects: inout Effects) {
        if let stopped = request.stopped { return end(request, .failed(Self.stopError(stopped)), &effects) }
        if let error = state.closing { return end(request, .failed(error), &effects) }
        if let error = request.sql.problem { return end(request, .failed(error), &effects) }
        request.stage = .waiting
        state.waiting.append(request)
        if let deadline = request.deadline { remind(&state, at: deadline) }
        drain(&state, &effects)
    }

    /// Sends what may be sent now, in order.
    func drain(_ state: inout State, _ effects: inout Effects) {
        sendWaiting(&state, &effects)
        // A request may wait now behind an answer that was not being read.
        if state.isPaused { pump(&state, isReadable: false, &effects) }
    }

    private func sendWaiting(_ state: inout State, _ effects: inout Effects) {
        while !state.waiting.isEmpty, state.closing == nil, state.cancel == nil, !state.isScripting {
            guard let request = takeSendable(&state, &effects) else { return }
            if request.stage != .waiting { continue }
            do {
                try send(request, &state)
            } catch {
                let isBroken = state.session?.connection.isBroken ?? true
                let failure = ApusError(error, file: request.site.file, line: request.site.line)
                end(request, .failed(failure), &effects)
                if isBroken { return lose(&state, failure, &effects) }
            }
        }
    }

    /// The first request in line that may go now. While a transaction holds the connection, the others stay in line.
    private func takeSendable(_ state: inout State, _ effects: inout Effects) -> Request? {
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
            try deallocate(&state)
            try sendStatement(request, &state)
            try state.session?.connection.sendPipelineSync()
        case .script:
            try state.session?.connection.exitPipelineMode()
            state.isScripting = true
            try state.session?.connection.send(query: request.sql.text)
        }
        request.stage = .sent
        state.inFlight.append(request)
        if state.inFlight.count == 1 { expect(request, &state) }
        // The caller sends; what the socket does not take, the loop sends later.
        if let wait = try state.session?.connection.flush() { try listen(&state, for: wait.interest) }
    }

    private func sendStatement(_ request: Request, _ state: inout State) throws {
        switch state.statements.plan(request.sql.cacheKey) {
        case .unnamed:
            try state.session?.send(request.sql)
        case .prepare(let statement):
            request.preparing = statement
            try state.session?.connection.sendPrepare(
                name: statement.name, query: request.sql.text, types: statement.key.types)
            try state.session?.send(request.sql, prepared: statement.name)
        case .prepared(let statement):
            request.executing = statement
            try state.session?.send(request.sql, prepared: statement.name)
        }
    }

    /// Makes the server forget statements that have left the cache. Not within a transaction, which it would abort if
    /// it failed.
    private func deallocate(_ state: inout State) throws {
        guard !state.statements.discarded.isEmpty, state.inFlight.isEmpty,
            state.session?.connection.transactionStatus == .idle
        else { return }
        for name in state.statements.takeDiscarded() {
            let request = Request(
                SQL(unescaped: "DEALLOCATE \(name)"), keepsRows: false, lease: nil, timeout: nil,
                site: CallSite(file: #fileID, line: #line))
            request.isAbandoned = true
            try state.session?.send(request.sql)
            try state.session?.connection.sendPipelineSync()
            request.stage = .sent
            state.inFlight.append(request)
        }
    }

    /// Turns to a request whose answer is the next to come. A `ROLLBACK` that no call waits for has its time from here
    /// on: before, statements of other tasks may be under way, which take as long as they like.
    func expect(_ request: Request, _ state: inout State) {
        stream(request, &state)
        guard request.endsLease, request.deadline == nil else { return }
        let deadline = Monotonic.now + Self.patience
        request.deadline = deadline
        remind(&state, at: deadline)
    }

    /// Asks libpq for rows one by one, so that an answer need not be whole before it is handed over, or dropped. It
    /// does so only for the statement whose answer is next, before it has looked at that answer.
    func stream(_ request: Request, _ state: inout State) {
        guard !request.isStreaming, request.preparing == nil else { return }
        request.isStreaming = state.session?.connection.setSingleRowMode() ?? false
    }
}

extension OpenSession {
    /// Sends a statement, to be parsed for this once.
    fileprivate mutating func send(_ sql: SQL) throws { try sql.send(on: &connection) }

    /// Sends a statement's bindings alone: the server knows it by name.
    fileprivate mutating func send(_ sql: SQL, prepared name: String) throws {
        try sql.send(prepared: name, on: &connection)
    }
}
