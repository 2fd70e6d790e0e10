import ApusPQ

/// Prepared statements: how a statement is sent, and how the cache follows what the server knows.
extension ConnectionCore {
    /// Sends a statement, as the cache decides.
    func sendStatement(_ request: Request, _ state: inout State) throws {
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

    /// Deallocates the statements that have left the cache. This waits until no transaction is open, because a failed
    /// `DEALLOCATE` would abort it.
    func deallocateDiscarded(_ state: inout State) throws {
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

    /// Handles the end of a command, if it is the preparation of a request's statement.
    /// - Returns: `false` if it is the end of the statement itself.
    func endPreparation(of request: Request) -> Bool {
        guard let statement = request.preparing else { return false }
        if statement.stage == .preparing { statement.stage = .prepared }
        request.preparing = nil
        request.executing = statement
        return true
    }

    /// Updates the cache at the end of an answer.
    func updateStatements(_ request: Request, _ state: inout State) {
        if let statement = request.preparing {
            // The preparation has failed.
            if statement.stage == .preparing { statement.stage = .seen }
            request.preparing = nil
        }
        if let text = request.tag?.text, text.hasPrefix("DEALLOCATE ALL") || text.hasPrefix("DISCARD ALL") {
            state.statements.removeAll()
        }
    }

    /// Sends a prepared statement again, unprepared, if the server could not execute it: it was deallocated, for
    /// example by a pooler, or a change of a table changed its result type. The server then did nothing. Within a
    /// transaction the statement is not sent again, because the error has aborted the transaction.
    /// - Returns: whether it is sent again.
    func resendIfUnprepared(_ request: Request, _ state: inout State) -> Bool {
        guard let statement = request.executing, let error = request.error?.server else { return false }
        guard error.sqlState == "26000" || error.sourceFunction == "RevalidateCachedQuery" else { return false }
        state.statements.remove(statement)
        guard request.stopReason == nil, !request.hasDelivered, request.lease == nil else { return false }
        resend(request, &state)
        return true
    }
}

extension OpenSession {
    /// Sends a statement without preparing it.
    fileprivate mutating func send(_ sql: SQL) throws { try sql.send(on: &connection) }

    /// Sends the values of a prepared statement.
    fileprivate mutating func send(_ sql: SQL, prepared name: String) throws {
        try sql.send(prepared: name, on: &connection)
    }
}
