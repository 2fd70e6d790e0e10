import ApusPQ
import ApusWaiting

/// How often a COPY TO wakes up. A server writes 8 KiB at a time, and each of these would end a wait: where much has
/// come already, the driver lets more gather in the socket. It does so for a moment in each mebibyte at most where a
/// server is slow.
public struct CopyPace: ~Copyable {
    /// What has come since the last wait that brought nothing, bytes.
    private var received = 0
    private var isPatient = false

    private static let manyBytes = 1 << 20
    private static let gathered = 64 << 10
    private static let moment: Duration = .milliseconds(1)

    public init() {}

    /// Counts what has come.
    public mutating func note(_ count: Int, _ session: borrowing PQConnection?) {
        if isPatient { return }
        received += count
        if received < Self.manyBytes { return }
        isPatient = true
        session?.setReadable(atBytes: Self.gathered)
    }

    /// Lets data gather.
    /// - Returns: how the pause ended; nil where none was made, because it is not known when more will come.
    public mutating func pause(_ wait: Wait, _ session: borrowing PQConnection?) -> BlockingWaiter.Outcome? {
        if !isPatient { return nil }
        let outcome = BlockingWaiter.wait(for: wait.until(Monotonic.now + Self.moment))
        if outcome == .deadline { reset(session) }
        return outcome
    }

    /// From here on anything that comes ends a wait.
    public mutating func reset(_ session: borrowing PQConnection?) {
        if isPatient { session?.setReadable(atBytes: 1) }
        (isPatient, received) = (false, 0)
    }
}
