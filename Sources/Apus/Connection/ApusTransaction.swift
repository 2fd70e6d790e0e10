/// A transaction under way: what its closure runs statements on.
public final class ApusTransaction: ApusSession {
    /// The connection that the transaction is on.
    public let connection: ApusConnection
    let lease: Lease

    init(_ connection: ApusConnection, _ lease: Lease) {
        self.connection = connection
        self.lease = lease
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
    public func savepoint<Result>(
        file: String = #fileID, line: Int = #line, _ body: (ApusTransaction) async throws -> Result
    ) async throws -> Result {
        let site = CallSite(file: file, line: line)
        // A savepoint hides an earlier one of the same name until it is released: one name serves at any depth.
        try await connection.execute("SAVEPOINT apus", lease: lease, timeout: nil, site)
        let result: Result
        do {
            result = try await body(self)
        } catch {
            try await connection.executeShielded("ROLLBACK TO SAVEPOINT apus", lease: lease, site)
            try await connection.executeShielded("RELEASE SAVEPOINT apus", lease: lease, site)
            throw error
        }
        try await connection.executeShielded("RELEASE SAVEPOINT apus", lease: lease, site)
        return result
    }
}

extension ApusConnection {
    /// Runs a transaction: commits when the closure returns, rolls back when it throws.
    ///
    /// While it lasts the connection is the closure's: statements of other tasks wait until it ends. Within the closure,
    /// statements on the connection itself are part of the transaction as well.
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
    /// - Throws: what the closure throws, and ``ApusError``s of `BEGIN` and `COMMIT`. A `COMMIT` that ends with
    ///   ``ApusError/Code/connectionLost`` or ``ApusError/Code/timeout`` may have taken effect.
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
        let begin = Self.begin(isolation, readOnly, deferrable)
        defer { core.release(lease) }
        try await execute(begin, lease: lease, takesLease: true, timeout: timeout, site)
        let result: Result
        do {
            result = try await Lease.$current.withValue(lease) { try await body(ApusTransaction(self, lease)) }
        } catch {
            // Where this fails, the connection is lost or closed, and the server rolls back by itself.
            do { try await executeShielded("ROLLBACK", lease: lease, site) } catch {
                core.close(error)
            }
            throw error
        }
        let tag = try await commit(lease, timeout, site)
        if tag.text == "ROLLBACK" {
            throw ApusError(
                .transaction, "the transaction was rolled back, for a statement in it had failed", file: file,
                line: line)
        }
        return result
    }

    private func commit(_ lease: Lease, _ timeout: Duration?, _ site: CallSite) async throws(ApusError) -> CommandTag {
        do {
            return try await execute("COMMIT", lease: lease, timeout: timeout, site)
        } catch {
            if isClosed { throw error }
            // A commit that failed has rolled back, and one that was stopped before it was sent has done nothing yet:
            // in both cases this ends the transaction.
            do { try await executeShielded("ROLLBACK", lease: lease, site) } catch { core.close(error) }
            throw error
        }
    }

    /// Runs a statement although the task is cancelled: what ends a transaction must reach the server. A server that
    /// does not answer costs the connection.
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
