import ApusPython

/// Statements that a call of `executemany` has not sent yet, because it sends several together.
protocol HeldStatements: AnyObject {
    /// True if they belong to this thread, and are not being sent.
    var isOurs: Bool { get }
    /// Sends them, and stores the results.
    func send() throws(PythonError)
}

extension Connection {
    /// Sends the statements that an `executemany` of this thread has not sent yet. To be called before another use of
    /// the connection, because its iterator or an adapter may be the caller.
    @inline(__always)
    func sendPendingStatements() throws(PythonError) { if !core.pending.isEmpty { try sendOwnPendingStatements() } }

    @inline(never)
    private func sendOwnPendingStatements() throws(PythonError) {
        for pending in core.pending where pending.isOurs { try pending.send() }
    }
}
