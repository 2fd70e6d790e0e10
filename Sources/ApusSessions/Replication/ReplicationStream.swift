import ApusPQ
import ApusWaiting

/// The client's side of a replication stream: what came, and what the server is told about how far it was processed.
///
/// See "Streaming Replication Protocol" in PostgreSQL's manual for the messages. Positions in the log (LSN) are byte
/// counts; times are microseconds. It is used together with libpq's connection, and under the same lock: the core's
/// `access`.
public final class ReplicationStream {
    /// Whether messages are text for Python.
    public let decodes: Bool
    /// How often the server gets feedback though it does not ask.
    public var interval: Duration

    public private(set) var walEnd: UInt64 = 0
    private var written: UInt64 = 0
    private var flushed: UInt64 = 0
    private var applied: UInt64 = 0
    /// When something was last sent or received, since 1970.
    public private(set) var lastExchange: Int64
    /// When feedback was last sent, since 1970.
    public private(set) var lastFeedback: Int64
    private var nextFeedback: Duration
    /// Feedback that the socket has not taken yet.
    private var pending: [UInt8]?

    public init(decodes: Bool, interval: Duration) {
        self.decodes = decodes
        self.interval = interval
        lastExchange = WallClock.microseconds
        lastFeedback = lastExchange
        nextFeedback = Monotonic.now + interval
    }

    /// A piece of the log.
    public struct Message {
        public var start: UInt64
        public var walEnd: UInt64
        /// By the server's clock, since 1970.
        public var sentAt: Int64
        public var payload: [UInt8]
    }

    /// How an attempt to read ended.
    public enum Event {
        case message(Message)
        /// The stream has ended: the server's answer to the command follows.
        case end
        /// Nothing is there. The wait ends when feedback is due.
        case wait(Wait)
    }

    /// Takes the next message, answering what the server asks in between.
    public func read(_ session: inout PQConnection?) throws(PQError) -> Event {
        if Monotonic.now >= nextFeedback { prepareFeedback(asksForReply: false) }
        while true {
            if let wait = try flush(&session) { return .wait(wait) }
            guard let step = try session?.nextCopyData() else {
                throw PQError(.connectionLost, "connection already closed")
            }
            switch consume step {
            case .wait(let wait): return .wait(wait.until(nextFeedback))
            case .done(let event):
                switch consume event {
                case .end: return .end
                case .data(let data): if let message = try take(data.bytes) { return .message(message) }
                }
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) throws(PQError) -> Message? {
        lastExchange = WallClock.microseconds
        switch bytes.first {
        case UInt8(ascii: "w") where bytes.count >= 25:
            walEnd = max(walEnd, Self.integer(bytes, at: 9))
            return Message(
                start: Self.integer(bytes, at: 1), walEnd: Self.integer(bytes, at: 9),
                sentAt: Self.time(bytes, at: 17), payload: Array(bytes[25...]))
        case UInt8(ascii: "k") where bytes.count >= 18:
            walEnd = max(walEnd, Self.integer(bytes, at: 1))
            if bytes[17] != 0 { prepareFeedback(asksForReply: false) }
            return nil
        default:
            throw PQError(.usage, "unrecognized replication message type")
        }
    }

    // MARK: Feedback

    /// Notes how far the application is; positions never go back.
    public func note(written: UInt64, flushed: UInt64, applied: UInt64) {
        self.written = max(self.written, written)
        self.flushed = max(self.flushed, flushed)
        self.applied = max(self.applied, applied)
    }

    /// Makes the server be told with the next `flush` or `read`.
    public func prepareFeedback(asksForReply: Bool) {
        lastFeedback = WallClock.microseconds
        lastExchange = lastFeedback
        nextFeedback = Monotonic.now + interval
        var message = [UInt8(ascii: "r")]
        for value in [written, flushed, applied, UInt64(bitPattern: lastFeedback &- Self.epoch)] {
            Swift.withUnsafeBytes(of: value.bigEndian) { message.append(contentsOf: $0) }
        }
        message.append(asksForReply ? 1 : 0)
        pending = message
    }

    /// Sends the feedback that was prepared.
    public func flush(_ session: inout PQConnection?) throws(PQError) -> Wait? {
        if let message = pending {
            var wait: Wait?
            var failure: PQError?
            message.withUnsafeBytes { bytes in
                do throws(PQError) {
                    if case .wait(let reason)? = try session?.sendCopyData(bytes) { wait = reason }
                } catch { failure = error }
            }
            if let failure { throw failure }
            if let wait { return wait }
            pending = nil
        }
        return try session?.flush() ?? nil
    }

    // MARK: Bytes

    /// 2000-01-01, where PostgreSQL's times begin, since 1970.
    private static let epoch: Int64 = 946_684_800_000_000

    private static func integer(_ bytes: UnsafeRawBufferPointer, at position: Int) -> UInt64 {
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    private static func time(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int64 {
        Int64(bitPattern: integer(bytes, at: position)) &+ epoch
    }
}
