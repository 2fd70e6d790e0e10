import ApusPQ
import ApusWaiting

/// Makes COPY TO wake up less often. A server writes 8 KiB at a time, and each write would end a wait.
///
/// After 1 MiB has arrived, it raises the socket's low-water mark (`SO_RCVLOWAT`), so that a wait ends only after 64
/// KiB or 1 ms. If the time runs out, it waits for any byte again until the next 1 MiB has arrived, so that a slow
/// server is delayed by at most 1 ms per MiB.
public struct CopyPace: ~Copyable {
    /// The number of bytes received since the low-water mark was last reset.
    private var received = 0
    private var isBatching = false

    private static let threshold = 1 << 20
    private static let lowWaterMark = 64 << 10
    private static let longestWait: Duration = .milliseconds(1)

    /// Starts with a low-water mark of 1 byte.
    public init() {}

    /// Counts received bytes, and raises the low-water mark at the threshold.
    public mutating func countReceived(_ count: Int, _ session: borrowing PQConnection?) {
        if isBatching { return }
        received += count
        if received < Self.threshold { return }
        isBatching = true
        session?.setReadable(atBytes: Self.lowWaterMark)
    }

    /// Blocks up to 1 ms until 64 KiB have arrived, if the low-water mark is raised.
    /// - Returns: how the wait ended; nil if the mark is not raised, and the caller must wait itself.
    public mutating func waitForMore(_ wait: Wait, _ session: borrowing PQConnection?) -> BlockingWaiter.Outcome? {
        if !isBatching { return nil }
        let outcome = BlockingWaiter.wait(for: wait.until(Monotonic.now + Self.longestWait))
        if outcome == .deadline { reset(session) }
        return outcome
    }

    /// Resets the low-water mark to 1 byte.
    public mutating func reset(_ session: borrowing PQConnection?) {
        if isBatching { session?.setReadable(atBytes: 1) }
        (isBatching, received) = (false, 0)
    }
}
