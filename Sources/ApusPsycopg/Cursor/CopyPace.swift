import ApusPQ
import ApusWaiting

/// How often a COPY TO wakes up. A server writes 8 KiB at a time, and whoever waits for it is woken up by each: where much
/// has come already, it is let gather in the socket. A server that is slow gets no more of that patience than a moment for
/// each mebibyte.
struct CopyPace: ~Copyable {
    /// What has come since the last wait that was in vain, bytes.
    private var received = 0
    private var isPatient = false

    private static let manyBytes = 1 << 20
    private static let gathered = 64 << 10
    private static let moment: Duration = .milliseconds(1)

    /// Counts what has come.
    mutating func note(_ count: Int, _ session: borrowing PQConnection?) {
        if isPatient { return }
        received += count
        if received < Self.manyBytes { return }
        isPatient = true
        session?.setReadable(atBytes: Self.gathered)
    }

    /// Lets data gather.
    /// - Returns: how the pause ended; nil where none was made, for there is no telling when more will come.
    mutating func pause(_ wait: Wait, _ session: borrowing PQConnection?) -> BlockingWaiter.Outcome? {
        if !isPatient { return nil }
        let outcome = BlockingWaiter.wait(for: wait.until(Monotonic.now + Self.moment))
        if outcome == .deadline { reset(session) }
        return outcome
    }

    /// From here on anything that comes ends a wait.
    mutating func reset(_ session: borrowing PQConnection?) {
        if isPatient { session?.setReadable(atBytes: 1) }
        (isPatient, received) = (false, 0)
    }
}
