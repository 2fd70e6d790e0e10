/// A transaction under way: what its closure runs statements on.
public final class ApusTransaction: ApusSession {
    /// The connection that the transaction is on.
    public let connection: ApusConnection
    let lease: Lease
    /// How many savepoints are around what runs on this.
    private let depth: Int

    init(_ connection: ApusConnection, _ lease: Lease, depth: Int = 0) {
        self.connection = connection
        self.lease = lease
        self.depth = depth
    }

    /// PostgreSQL's isolation levels.
    public enum Isolation: String, Sendable {
        case readCommitted = "READ COMMITTED"
        case repeatableRead = "REPEATABLE READ"
        case serializable = "SERIALIZABLE"
    }

    public func query(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> ApusRows {
        try await connection.query(sql, lease: lease, timeout: timeout, CallSite(file: file, line: line))
    }

    @discardableResult
    public func execute(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> CommandTag {
        try await connection.execute(sql, lease: lease, timeout: timeout, CallSite(file: file, line: line))
    }

    public func executeScript(
        _ text: String, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) {
        try await connection.executeScript(text, lease: lease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// Runs a part of the transaction that can fail by itself: what it did is undone when the closure throws, and the
    /// rest of the transaction goes on. Parts may be nested, but not run side by side.
    ///
    /// - Throws: what the closure throws, even where the part cannot be undone, which is logged: the transaction has
    ///   then failed as a whole, or the connection is closed. ``ApusError/Code/transaction`` when the closure hid an
    ///   error of a statement; the part is undone then.
    public func savepoint<Result>(
        file: String = #fileID, line: Int = #line, _ body: (ApusTransaction) async throws -> Result
    ) async throws -> Result {
        let site = CallSite(file: file, line: line)
        // A name for each depth: one that was set for a call that was cancelled must not stand in for an outer one.
        let name: SQL = "\(identifier: "apus\(depth)")"
        try await connection.execute("SAVEPOINT \(name)", lease: lease, timeout: nil, site)
        let result: Result
        do {
            result = try await body(ApusTransaction(connection, lease, depth: depth &+ 1))
        } catch {
            await undo(to: name, site)
            throw error
        }
        do {
            try await connection.executeShielded("RELEASE SAVEPOINT \(name)", lease: lease, site)
        } catch {
            await undo(to: name, site)
            throw error.sqlState == "25P02"
                ? ApusError(
                    .transaction, "the part was rolled back, because a statement in it had failed", underlying: error,
                    file: file, line: line) : error
        }
        return result
    }

    /// Rolls a part back. The error that led here is the one to throw, so one that is met here is logged.
    private func undo(to name: SQL, _ site: CallSite) async {
        do {
            try await connection.executeShielded("ROLLBACK TO SAVEPOINT \(name)", lease: lease, site)
            try await connection.executeShielded("RELEASE SAVEPOINT \(name)", lease: lease, site)
        } catch {
            // An error of the server fails the whole transaction. Without an answer it is not known what was undone.
            connection.rollbackFailed(error, closes: error.server == nil)
        }
    }
}

extension ApusConnection {
    /// Runs a transaction: commits when the closure returns, rolls back when it throws.
    ///
    /// While it lasts the connection is the closure's: statements of other tasks wait until it ends. Within the
    /// closure, statements on the connection itself are part of the transaction as well.
    ///
    ///     try await connection.transaction(isolation: .serializable) { transaction in
    ///         try await transaction.execute("UPDATE account SET balance = balance - \(sum) WHERE id = \(payer)")
    ///         try await transaction.execute("UPDATE account SET balance = balance + \(sum) WHERE id = \(payee)")
    ///     }
    ///
    /// - Parameters:
    ///   - isolation: the server's default if `nil`.
    ///   - readOnly: `READ ONLY`, or `READ WRITE` if `false`; the server's default if `nil`.
    ///   - deferrable: waits for a snapshot on which a serializable, read-only transaction cannot fail.
    ///   - timeout: how long to wait for the connection and for `BEGIN`, and again for `COMMIT`; `nil` for no limit.
    ///     A rollback is sent even when the task is cancelled, and is waited for: a server that has not answered it
    ///     within 20 s costs the connection. A `BEGIN` that is given up while it waits is rolled back later, and has 10 s
    ///     for that from when its answer is due.
    /// - Throws: what the closure throws, even where the rollback fails, which is logged; and ``ApusError``s of `BEGIN`
    ///   and `COMMIT`. A `COMMIT` that ends with ``ApusError/Code/connectionLost``, ``ApusError/Code/timeout`` or
    ///   ``ApusError/Code/cancelled`` may have taken effect, and so may one that the server answers with something else
    ///   than that it is done, which is ``ApusError/Code/transaction``.
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
                core.undoBegin(lease, site)
            } else {
                core.release(lease)
            }
            throw error
        }
        // Without a transaction each statement of the closure would be one of its own.
        if tag.text == "BEGIN" { return }
        core.undoBegin(lease, site)
        throw Self.unexpected(tag, to: "BEGIN", site)
    }

    /// The error for an answer that is not the command's completion: something between the program and the server loses
    /// its place, or the server does.
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
            // A commit that failed has rolled back, and one that was stopped before it was sent has done nothing yet:
            // in both cases this ends the transaction.
            await rollBack(lease, site)
            throw error
        }
        if tag.text == "COMMIT" || tag.text == "ROLLBACK" { return tag }
        await rollBack(lease, site)
        throw Self.unexpected(tag, to: "COMMIT", site)
    }

    /// Ends a transaction that failed. Where the rollback fails too, the connection is closed, so that the server rolls
    /// back by itself; the error that led here is the one to throw.
    private func rollBack(_ lease: Lease, _ site: CallSite) async {
        do {
            try await executeShielded("ROLLBACK", lease: lease, site)
        } catch {
            rollbackFailed(error, closes: true)
        }
    }

    /// Logs the error of a rollback, which no call throws. On a connection that is lost it says nothing new.
    fileprivate func rollbackFailed(_ error: ApusError, closes: Bool) {
        if isClosed { return }
        core.observer.rollbackFailed(error)
        guard closes else { return }
        core.close(
            ApusError(.connectionLost, "the connection was closed, because a rollback failed", underlying: error))
    }

    /// Runs a statement although the task is cancelled: what ends a transaction must reach the server. A server that
    /// has not answered within twice the patience (a cancel may have to be given up before) costs the connection.
    func executeShielded(_ sql: SQL, lease: Lease, _ site: CallSite) async throws(ApusError) {
        let request = Request(
            sql, keepsRows: false, lease: lease, timeout: ConnectionCore.patience * 2, site: site)
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
