/// An open transaction. Its closure executes statements on it. See
/// ``ApusConnection/transaction(isolation:readOnly:deferrable:timeout:file:line:_:)``.
public final class ApusTransaction: ApusSession {
    /// The connection that the transaction is on.
    public let connection: ApusConnection
    let lease: Lease
    /// The number of savepoints that it is inside of.
    private let depth: Int

    init(_ connection: ApusConnection, _ lease: Lease, depth: Int = 0) {
        self.connection = connection
        self.lease = lease
        self.depth = depth
    }

    /// PostgreSQL's isolation levels.
    ///
    /// Source: <https://www.postgresql.org/docs/current/transaction-iso.html>
    public enum Isolation: String, Sendable {
        /// Each statement sees the rows that were committed before it began.
        case readCommitted = "READ COMMITTED"
        /// All statements see the rows that were committed before the first one began.
        case repeatableRead = "REPEATABLE READ"
        /// The result is the same as if the transactions were executed one after another. Otherwise one of them fails
        /// with ``SQLState/serializationFailure``, and may be run again.
        case serializable = "SERIALIZABLE"
    }

    /// Executes a statement, and returns its rows as they are received. See
    /// ``ApusSession/query(_:timeout:file:line:)``.
    public func query(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> ApusRows {
        try await connection.query(sql, lease: lease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// Executes a statement, and drops its rows, if it returns any. See ``ApusSession/execute(_:timeout:file:line:)``.
    @discardableResult
    public func execute(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> CommandTag {
        try await connection.execute(sql, lease: lease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// Executes several statements in one text, separated by semicolons. See
    /// ``ApusSession/executeScript(_:timeout:file:line:)``.
    public func executeScript(
        _ text: String, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) {
        try await connection.executeScript(text, lease: lease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// Executes a part of the transaction that can fail by itself. If the closure throws, the part is rolled back, and
    /// the transaction continues. Parts may be nested, but not executed at the same time.
    ///
    ///     try await transaction.savepoint { part in
    ///         try await part.execute("INSERT INTO bird VALUES (\(id), \(name))")
    ///     }
    ///
    /// Source: <https://www.postgresql.org/docs/current/sql-savepoint.html>
    /// - Parameters:
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    ///   - body: the part. The transaction that it is passed must not be used after it returns.
    /// - Returns: what the closure returns.
    /// - Throws: what the closure throws; ``ApusError``s of `SAVEPOINT`; ``ApusError/Code/transaction`` if the closure
    ///   returns although a statement in it has failed: the part is rolled back then. If the part cannot be rolled
    ///   back, that error is logged, and the whole transaction has failed or the connection is closed.
    public func savepoint<Result>(
        file: String = #fileID, line: Int = #line, _ body: (ApusTransaction) async throws -> Result
    ) async throws -> Result {
        let site = CallSite(file: file, line: line)
        // Each depth has a name of its own, because the savepoint of a cancelled call may exist on the server, and must
        // not hide an outer one.
        let name: SQL = "\(identifier: "apus\(depth)")"
        try await connection.execute("SAVEPOINT \(name)", lease: lease, timeout: nil, site)
        let result: Result
        do {
            result = try await body(ApusTransaction(connection, lease, depth: depth &+ 1))
        } catch {
            await rollBack(to: name, site)
            throw error
        }
        do {
            try await connection.executeShielded("RELEASE SAVEPOINT \(name)", lease: lease, site)
        } catch {
            await rollBack(to: name, site)
            throw error.sqlState == "25P02"
                ? ApusError(
                    .transaction, "the part was rolled back, because a statement in it had failed", underlying: error,
                    file: file, line: line) : error
        }
        return result
    }

    /// Rolls a part back. An error of that is logged, because the call throws the error that led to the rollback.
    private func rollBack(to name: SQL, _ site: CallSite) async {
        do {
            try await connection.executeShielded("ROLLBACK TO SAVEPOINT \(name)", lease: lease, site)
            try await connection.executeShielded("RELEASE SAVEPOINT \(name)", lease: lease, site)
        } catch {
            // After an error of the server, the whole transaction has failed. Without an answer it is unknown what was
            // rolled back, so the connection is closed.
            connection.handleFailedRollback(error, closesConnection: error.server == nil)
        }
    }
}

extension ApusConnection {
    /// Executes a transaction: commits it when the closure returns, and rolls it back when the closure throws.
    ///
    /// Statements of other tasks on the connection wait until the transaction ends. In the closure's task, statements
    /// on the connection itself are part of the transaction as well.
    ///
    ///     try await connection.transaction(isolation: .serializable) { transaction in
    ///         try await transaction.execute("UPDATE account SET balance = balance - \(sum) WHERE id = \(payer)")
    ///         try await transaction.execute("UPDATE account SET balance = balance + \(sum) WHERE id = \(payee)")
    ///     }
    ///
    /// - Parameters:
    ///   - isolation: the isolation level; `nil` for the server's default.
    ///   - readOnly: `true` for `READ ONLY`, `false` for `READ WRITE`, `nil` for the server's default.
    ///   - deferrable: whether a serializable, read-only transaction waits for a snapshot with which it cannot fail.
    ///   - timeout: how long to wait for the connection and for `BEGIN`, and again for `COMMIT`; `nil` for no limit.
    ///     It does not limit a rollback, which is sent even if the task is cancelled: if the server does not answer it
    ///     within 20 s, the connection is closed. If `BEGIN` itself is cancelled or times out after it was sent, its
    ///     rollback may take 10 s from when its answer is the next to come.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    ///   - body: the transaction. The object that it is passed must not be used after it returns.
    /// - Returns: what the closure returns.
    /// - Throws: what the closure throws; an error of the rollback after that is logged. ``ApusError``s of `BEGIN` and
    ///   `COMMIT`; ``ApusError/Code/transaction`` if the closure returns although a statement in it has failed: the
    ///   transaction is rolled back then. It is unknown whether the transaction was committed if `COMMIT` ends with
    ///   ``ApusError/Code/connectionLost``, ``ApusError/Code/timeout`` or ``ApusError/Code/cancelled``, or with
    ///   ``ApusError/Code/transaction`` because its answer is neither `COMMIT` nor `ROLLBACK`.
    public func transaction<Result>(
        isolation: ApusTransaction.Isolation? = nil, readOnly: Bool? = nil, deferrable: Bool = false,
        timeout: Duration? = nil, file: String = #fileID, line: Int = #line,
        _ body: (ApusTransaction) async throws -> Result
    ) async throws -> Result {
        let site = CallSite(file: file, line: line)
        if ownLease != nil {
            throw ApusError(
                .usage, "this task is in a transaction on the connection already: use savepoint for a part of it",
                file: file, line: line)
        }
        let lease = Lease(core)
        try await begin(Self.begin(isolation, readOnly, deferrable), lease, timeout, site)
        defer { core.release(lease) }
        let result: Result
        do {
            result = try await Lease.$current.withValue(lease) { try await body(ApusTransaction(self, lease)) }
        } catch {
            await rollBack(lease, site)
            throw error
        }
        let tag = try await commit(lease, timeout, site)
        if tag.text == "ROLLBACK" {
            throw ApusError(
                .transaction, "the transaction was rolled back, because a statement in it had failed", file: file,
                line: line)
        }
        return result
    }

    private func begin(_ sql: SQL, _ lease: Lease, _ timeout: Duration?, _ site: CallSite) async throws(ApusError) {
        let tag: CommandTag
        do {
            tag = try await execute(sql, lease: lease, takesLease: true, timeout: timeout, site)
        } catch {
            if error.server == nil {
                core.rollBackAbandonedBegin(lease, site)
            } else {
                core.release(lease)
            }
            throw error
        }
        // Without a transaction, each statement of the closure would be a transaction of its own.
        if tag.text == "BEGIN" { return }
        core.rollBackAbandonedBegin(lease, site)
        throw Self.unexpected(tag, to: "BEGIN", site)
    }

    /// The error for an answer that is not the command's. The server or a proxy has lost the order of the answers.
    private static func unexpected(_ tag: CommandTag, to command: String, _ site: CallSite) -> ApusError {
        let answer = tag.text.isEmpty ? "no command tag" : "\"\(tag.text)\""
        return ApusError(.transaction, "the server answered \(command) with \(answer)").at(site)
    }

    private func commit(_ lease: Lease, _ timeout: Duration?, _ site: CallSite) async throws(ApusError) -> CommandTag {
        let tag: CommandTag
        do {
            tag = try await execute("COMMIT", lease: lease, timeout: timeout, site)
        } catch {
            if isClosed { throw error }
            // The server has rolled back a transaction whose COMMIT failed. If COMMIT was stopped before it was sent,
            // the transaction is open. In both cases ROLLBACK ends it.
            await rollBack(lease, site)
            throw error
        }
        if tag.text == "COMMIT" || tag.text == "ROLLBACK" { return tag }
        await rollBack(lease, site)
        throw Self.unexpected(tag, to: "COMMIT", site)
    }

    /// Rolls a failed transaction back. If that fails too, the connection is closed, so that the server rolls back by
    /// itself. Its error is logged, because the call throws the error that led to the rollback.
    private func rollBack(_ lease: Lease, _ site: CallSite) async {
        do {
            try await executeShielded("ROLLBACK", lease: lease, site)
        } catch {
            handleFailedRollback(error, closesConnection: true)
        }
    }

    /// Logs the error of a rollback, which no call throws, unless the connection is closed already.
    fileprivate func handleFailedRollback(_ error: ApusError, closesConnection: Bool) {
        if isClosed { return }
        core.observer.rollbackFailed(error)
        guard closesConnection else { return }
        core.close(
            ApusError(.connectionLost, "the connection was closed, because a rollback failed", underlying: error))
    }

    /// Executes a statement although the task is cancelled, because a transaction must be ended. If the server does not
    /// answer within twice the grace period, the connection is closed; one grace period may pass before, while a cancel
    /// is given up.
    func executeShielded(_ sql: SQL, lease: Lease, _ site: CallSite) async throws(ApusError) {
        let request = Request(
            sql, keepsRows: false, lease: lease, timeout: ConnectionCore.gracePeriod * 2, site: site)
        _ = try Self.tag(await core.performShielded(request))
    }

    private static func begin(_ isolation: ApusTransaction.Isolation?, _ readOnly: Bool?, _ deferrable: Bool) -> SQL {
        var text = "BEGIN"
        if let isolation { text += " ISOLATION LEVEL \(isolation.rawValue)" }
        if let readOnly { text += readOnly ? " READ ONLY" : " READ WRITE" }
        if deferrable { text += " DEFERRABLE" }
        return SQL(unescaped: text)
    }
}
