import ApusWaiting
import CApusLibPQ

extension PQConnection {
    // MARK: Sending

    /// Sends a string of statements by the simple query protocol.
    @inlinable
    public mutating func send(query: UnsafePointer<CChar>) throws(PQError) {
        enter()
        defer { leave() }
        try sent(PQsendQuery(pointer, query))
    }

    /// Sends one statement with parameters by the extended protocol.
    /// - Parameter binaryResults: ask for results in binary format.
    /// - Throws: ``PQParameters/problem`` as well; nothing is sent then.
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

    /// Asks the server to parse a statement and keep it under a name (empty: until the next unnamed one).
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
    /// - Throws: ``PQParameters/problem`` as well; nothing is sent then.
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

    /// Delivers the rows of the statement just sent one at a time, each a result of its own.
    /// - Returns: whether libpq agreed; it does so only directly after a send.
    @inlinable
    public mutating func setSingleRowMode() -> Bool { PQsetSingleRowMode(pointer) == 1 }

    @inlinable
    mutating func sent(_ accepted: Int32) throws(PQError) {
        if accepted == 0 { throw failure() }
        mustFlush = true
        mustRead = false
    }

    // MARK: Pipelines

    /// Lets statements be sent before the answers of earlier ones are fetched.
    public mutating func enterPipelineMode() throws(PQError) {
        if PQenterPipelineMode(pointer) == 0 { throw failure() }
    }

    /// Leaves pipeline mode; every answer must have been fetched.
    public mutating func exitPipelineMode() throws(PQError) {
        if PQexitPipelineMode(pointer) == 0 { throw failure() }
    }

    /// Ends a unit of the pipeline: an error skips what follows up to here, and no further.
    public mutating func sendPipelineSync() throws(PQError) {
        enter()
        defer { leave() }
        try sent(PQpipelineSync(pointer))
    }

    // MARK: Answers

    /// The next result of what was sent, or `nil` when there are no more.
    ///
    /// - Throws: ``PQError/Kind/connectionLost`` when the socket broke and libpq has no result left that says so.
    @inlinable
    public mutating func nextResult() throws(PQError) -> Step<PQResult?> {
        enter()
        defer { leave() }
        if let wait = try flush() { return .wait(wait) }
        if mustRead {
            mustRead = false
            if try !consumeOnce() { return try lastResult() }
        }
        var silentReads = 0
        while PQisBusy(pointer) != 0 {
            guard decrypted.mayHoldMore(&silentReads, of: pointer) else {
                if PQsocket(pointer) < 0 { return try lastResult() }
                return .wait(try waitToRead())
            }
            if try !consumeOnce() { return try lastResult() }
        }
        guard let result = PQgetResult(pointer) else {
            try readDecrypted()
            return .done(nil)
        }
        return .done(PQResult(owning: result))
    }

    /// Tells that the socket was reported ready: the next ``nextResult()`` reads it first.
    @inlinable
    public mutating func noteReady() { mustRead = true }

    /// Writes what libpq holds.
    /// - Returns: what to wait for, or `nil` when all is written.
    @inlinable
    public mutating func flush() throws(PQError) -> Wait? {
        guard mustFlush else { return nil }
        enter()
        defer { leave() }
        // A server that answers before it has read everything would wait for us for ever: read while we write.
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
            // The server's last words may explain the broken pipe; they are read as a result.
            mustFlush = false
            mustRead = true
            return nil
        }
    }
}
