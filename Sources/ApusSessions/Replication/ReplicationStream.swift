import ApusPQ
import ApusValues
import ApusWaiting

/// The client's side of a replication stream: the state of the stream, and the feedback for the server.
///
/// See "Streaming Replication Protocol" in PostgreSQL's manual for the messages. Positions in the write-ahead log (LSN)
/// are in bytes, times in microseconds. Use it only with libpq's connection, under the same lock: the core's `access`.
public final class ReplicationStream {
    /// True if payloads are decoded to `str`.
    public let decodes: Bool
    /// The interval at which feedback is sent even if the server does not request it.
    public var interval: Duration

    public private(set) var walEnd: UInt64 = 0
    private var written: UInt64 = 0
    private var flushed: UInt64 = 0
    private var applied: UInt64 = 0
    /// The time of the last message in either direction, in microseconds since 1970.
    public private(set) var lastExchange: Int64
    /// The time of the last feedback, in microseconds since 1970.
    public private(set) var lastFeedback: Int64
    private var nextFeedback: Duration
    /// Feedback that has not been sent yet.
    private(set) var pending: [UInt8]?

    public init(decodes: Bool, interval: Duration) {
        self.decodes = decodes
        self.interval = interval
        lastExchange = WallClock.microseconds
        lastFeedback = lastExchange
        nextFeedback = Monotonic.now + interval
    }

    /// A message with data of the write-ahead log.
    public struct Message {
        public var start: UInt64
        public var walEnd: UInt64
        /// The server's clock, in microseconds since 1970.
        public var sentAt: Int64
        public var payload: [UInt8]
    }

    /// The result of reading.
    public enum Event {
        case message(Message)
        /// The stream has ended; the result of the command follows.
        case end
        /// No message has arrived. The wait ends, at the latest, when feedback is due.
        case wait(Wait)
    }

    /// Reads the next message. Sends feedback when it is due or the server requests it.
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
                case .data(let data): if let message = try parse(data.bytes) { return .message(message) }
                }
            }
        }
    }

    /// Parses a message of the server; nil for a keepalive.
    func parse(_ bytes: UnsafeRawBufferPointer) throws(PQError) -> Message? {
        lastExchange = WallClock.microseconds
        var reader = BinaryReader(bytes, "replication message")
        do {
            switch try reader.read(UInt8.self) {
            case UInt8(ascii: "w"):
                let start = try reader.read(UInt64.self)
                let end = try reader.read(UInt64.self)
                let sentAt = try reader.read(Int64.self) &+ Self.epoch
                walEnd = max(walEnd, end)
                return Message(start: start, walEnd: end, sentAt: sentAt, payload: Array(reader.readRest()))
            case UInt8(ascii: "k"):
                let end = try reader.read(UInt64.self)
                _ = try reader.read(count: MemoryLayout<Int64>.size)
                let asksForReply = try reader.read(UInt8.self) != 0
                walEnd = max(walEnd, end)
                if asksForReply { prepareFeedback(asksForReply: false) }
                return nil
            default: break
            }
        } catch {}
        throw PQError(.usage, "unrecognized replication message type")
    }

    // MARK: Feedback

    /// Updates the application's positions, which never move back.
    public func advance(written: UInt64, flushed: UInt64, applied: UInt64) {
        self.written = max(self.written, written)
        self.flushed = max(self.flushed, flushed)
        self.applied = max(self.applied, applied)
    }

    /// Prepares feedback, which the next `flush` or `read` sends.
    public func prepareFeedback(asksForReply: Bool) {
        lastFeedback = WallClock.microseconds
        lastExchange = lastFeedback
        nextFeedback = Monotonic.now + interval
        var message = ByteWriter(minimumCapacity: 64)
        message.append(UInt8(ascii: "r"))
        for position in [written, flushed, applied] { message.append(bigEndian: position) }
        message.append(bigEndian: lastFeedback &- Self.epoch)
        message.append(asksForReply ? 1 : 0)
        pending = message.bytes()
    }

    /// Sends the prepared feedback.
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

    /// 2000-01-01, the epoch of PostgreSQL's times, in microseconds since 1970.
    private static let epoch: Int64 = 946_684_800_000_000
}
