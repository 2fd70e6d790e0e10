import ApusWaiting
import CApusLibPQ

extension PQConnection {
    // MARK: Sending

    // Source: <https://www.postgresql.org/docs/current/libpq-async.html>. Each call puts its message into libpq's
    // buffer and returns; nextResult() and flush() write the buffer to the socket.

    /// Sends one or several statements by the simple query protocol. It cannot be used in pipeline mode.
    /// - Parameter query: the statements, separated by semicolons, in the client encoding.
    /// - Throws: ``PQError/Kind/usage`` when the connection is busy, ``PQError/Kind/connectionLost``.
    @inlinable
    public mutating func send(query: UnsafePointer<CChar>) throws(PQError) {
        enter()
        defer { leave() }
        try sent(PQsendQuery(pointer, query))
    }

    /// Sends one statement with parameters by the extended protocol.
    /// - Parameters:
    ///   - query: the statement, with placeholders `$1`, `$2`, …
    ///   - parameters: the values of the placeholders.
    ///   - binaryResults: whether the rows are returned in binary format, instead of text.
    /// - Throws: ``PQParameters/problem``, and what ``send(query:)`` throws; nothing is sent then.
    @inlinable
    public mutating func send(
        query: UnsafePointer<CChar>, parameters: borrowing PQParameters, binaryResults: Bool
    ) throws(PQError) {
        if let problem = parameters.problem { throw problem }
        enter()
        defer { leave() }
        try sent(
            parameters.withPointers { count, types, values, lengths, formats in
                PQsendQueryParams(pointer, query, count, types, values, lengths, formats, binaryResults ? 1 : 0)
            })
    }

    /// Asks the server to parse a statement and to keep it.
    /// - Parameters:
    ///   - name: the name to execute it by. If it is empty, the statement is kept until the next unnamed one.
    ///   - query: the statement, with placeholders `$1`, `$2`, …
    ///   - types: the OIDs of the parameters' types. The server infers those that are 0 or missing.
    @inlinable
    public mutating func sendPrepare(
        name: UnsafePointer<CChar>, query: UnsafePointer<CChar>, types: [UInt32] = []
    ) throws(PQError) {
        enter()
        defer { leave() }
        try sent(
            types.withUnsafeBufferPointer {
                PQsendPrepare(pointer, name, query, Int32(clamping: $0.count), $0.baseAddress)
            })
    }

    /// Executes a prepared statement.
    /// - Parameters:
    ///   - name: the name that it was prepared under.
    ///   - parameters: the values of its placeholders.
    ///   - binaryResults: whether the rows are returned in binary format, instead of text.
    /// - Throws: ``PQParameters/problem``, and what ``send(query:)`` throws; nothing is sent then.
    @inlinable
    public mutating func send(
        prepared name: UnsafePointer<CChar>, parameters: borrowing PQParameters, binaryResults: Bool
    ) throws(PQError) {
        if let problem = parameters.problem { throw problem }
        enter()
        defer { leave() }
        try sent(
            parameters.withPointers { count, _, values, lengths, formats in
                PQsendQueryPrepared(pointer, name, count, values, lengths, formats, binaryResults ? 1 : 0)
            })
    }

    /// Makes libpq return each row of the current statement as a result of its own, as soon as it is received.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-single-row-mode.html>
    /// - Returns: `false` if it is too late or too early. It must be called directly after the statement was sent; in
    ///   pipeline mode, when its results are the next to come and none of them has been fetched.
    @inlinable
    public mutating func setSingleRowMode() -> Bool { PQsetSingleRowMode(pointer) == 1 }

    /// Handles what a `PQsend…` function returned: 0 for a failure.
    @inlinable
    mutating func sent(_ accepted: Int32) throws(PQError) {
        if accepted == 0 { throw failure() }
        mustFlush = true
        mustRead = false
    }

    // MARK: Pipelines

    // Source: <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>

    /// Enters pipeline mode, in which statements can be sent before the results of earlier ones are fetched.
    /// - Throws: ``PQError/Kind/usage`` when the connection is busy.
    public mutating func enterPipelineMode() throws(PQError) {
        if PQenterPipelineMode(pointer) == 0 { throw failure() }
    }

    /// Leaves pipeline mode.
    /// - Throws: ``PQError/Kind/usage`` when results are left to fetch.
    public mutating func exitPipelineMode() throws(PQError) {
        if PQexitPipelineMode(pointer) == 0 { throw failure() }
    }

    /// Sends a synchronization point: after an error the server skips the statements up to it, and executes those
    /// after it. Without `BEGIN`, the statements between two points are one transaction.
    /// - Throws: ``PQError/Kind/connectionLost``.
    public mutating func sendPipelineSync() throws(PQError) {
        enter()
        defer { leave() }
        try sent(PQpipelineSync(pointer))
    }

    // MARK: Results

    /// The next result of the statements that were sent.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-async.html#LIBPQ-PQGETRESULT>
    /// - Returns: the result; `nil` when the statement has no more, and in pipeline mode the next call returns the
    ///   first result of the next statement; or what to wait for before the next call.
    /// - Throws: ``PQError/Kind/connectionLost`` when the connection broke and libpq has no result left that says so.
    @inlinable @inline(__always)
    public mutating func nextResult() throws(PQError) -> Step<PQResult?> {
        enter()
        defer { leave() }
        if let wait = try flush() { return .wait(wait) }
        if mustRead {
            mustRead = false
            if try !consumeOnce() { return try resultAfterLoss() }
        }
        var silentReads = 0
        while PQisBusy(pointer) != 0 {
            guard decrypted.mayHoldMore(&silentReads, of: pointer) else {
                if PQsocket(pointer) < 0 { return try resultAfterLoss() }
                return .wait(try waitToRead())
            }
            if try !consumeOnce() { return try resultAfterLoss() }
        }
        guard let result = PQgetResult(pointer) else {
            try readDecrypted()
            return .done(nil)
        }
        return .done(PQResult(owning: result))
    }

    /// Records that the socket was reported ready, so that the next ``nextResult()`` reads it first.
    @inlinable
    public mutating func markReady() { mustRead = true }

    /// Writes libpq's buffer to the socket.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-async.html#LIBPQ-PQFLUSH>
    /// - Returns: what to wait for before the next call, or `nil` when all is written.
    /// - Throws: ``PQError/Kind/connectionLost`` from reading. An error from writing is not thrown, because the
    ///   server's last message may explain it: ``nextResult()`` returns that.
    @inlinable
    public mutating func flush() throws(PQError) -> Wait? {
        guard mustFlush else { return nil }
        enter()
        defer { leave() }
        // Read while writing: a server that answers before it has read everything would otherwise block for ever.
        if mustRead {
            mustRead = false
            try consumeInput()
        }
        switch PQflush(pointer) {
        case 0:
            mustFlush = false
            return nil
        case 1:
            mustRead = true
            return Wait(descriptor: PQsocket(pointer), interest: [.read, .write])
        default:
            // The server's last message may explain the broken pipe; it is read as a result.
            mustFlush = false
            mustRead = true
            return nil
        }
    }
}
