import ApusPython

/// Statements that a call of `executemany` holds back, to send them together.
protocol HeldStatements: AnyObject {
    /// Whether they belong to this thread, and are not being sent.
    var isOurs: Bool { get }
    func send() throws(PythonError)
}

extension Connection {
    /// Sends what an `executemany` of this thread still holds: its iterator, or an adapter, is about to use the
    /// connection.
    @inline(__always)
    func settlePending() throws(PythonError) { if !core.pending.isEmpty { try sendPending() } }

    @inline(never)
    private func sendPending() throws(PythonError) {
        for pending in core.pending where pending.isOurs { try pending.send() }
    }
}
