import ApusPQ
import ApusWaiting
import Testing

@testable import ApusSessions

@Suite("Messages of a replication stream, and the feedback for the server")
struct ReplicationStreamTests {
    /// 2000-01-01, in microseconds since 1970.
    private static let epoch: Int64 = 946_684_800_000_000

    private func makeStream(interval: Duration = .seconds(3_600)) -> ReplicationStream {
        ReplicationStream(decodes: false, interval: interval)
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private static func data(_ start: UInt64, _ end: UInt64, _ time: Int64, _ payload: [UInt8]) -> [UInt8] {
        [UInt8(ascii: "w")] + bytes(start) + bytes(end) + bytes(time) + payload
    }

    private static func keepalive(_ end: UInt64, asksForReply: UInt8) -> [UInt8] {
        [UInt8(ascii: "k")] + bytes(end) + bytes(Int64(0)) + [asksForReply]
    }

    private static func parse(
        _ message: [UInt8], _ stream: ReplicationStream
    ) -> Result<ReplicationStream.Message?, PQError> {
        message.withUnsafeBytes { bytes in
            do throws(PQError) { return .success(try stream.parse(bytes)) } catch { return .failure(error) }
        }
    }

    /// The feedback that is not sent yet, in its parts.
    private static func feedback(
        _ stream: ReplicationStream
    ) -> (written: UInt64, flushed: UInt64, applied: UInt64, time: UInt64, asksForReply: UInt8)? {
        guard let message = stream.pending, message.count == 34, message.first == UInt8(ascii: "r") else { return nil }
        func number(_ index: Int) -> UInt64 { message[index..<index + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        return (number(1), number(9), number(17), number(25), message[33])
    }

    @Test("Data has a position, the end of the log, a time since 1970 and a payload")
    func data() throws {
        let stream = makeStream()
        let payloads: [[UInt8]] = [[], [0], Array("BEGIN 1".utf8), Array(repeating: 0xFF, count: 100_000)]
        for payload in payloads {
            let message = try #require(
                try Self.parse(Self.data(0x1_0000_0002, 0x1_0000_0102, 5, payload), stream).get())
            #expect(message.start == 0x1_0000_0002)
            #expect(message.walEnd == 0x1_0000_0102)
            #expect(message.sentAt == Self.epoch + 5)
            #expect(message.payload == payload)
        }
        #expect(stream.walEnd == 0x1_0000_0102)
        #expect(stream.pending == nil, "data needs no reply")
    }

    @Test("The end of the log never moves back, whichever message has it")
    func walEnd() throws {
        let stream = makeStream()
        for (end, isData, expected) in [
            (5, true, 5), (3, true, 5), (9, false, 9), (8, false, 9), (0, true, 9), (UInt64.max, true, UInt64.max),
            (1, false, UInt64.max),
        ] as [(UInt64, Bool, UInt64)] {
            let bytes = isData ? Self.data(1, end, 0, []) : Self.keepalive(end, asksForReply: 0)
            let message = try Self.parse(bytes, stream).get()
            #expect(message?.walEnd == (isData ? end : nil), "the message has its own")
            #expect(stream.walEnd == expected)
        }
    }

    @Test("Times that no server sends do not stop the process")
    func extremeTimes() throws {
        for time in [Int64.min, -1, .max] {
            let message = try Self.parse(Self.data(0, 0, time, []), makeStream()).get()
            #expect(message?.sentAt == time &+ Self.epoch)
        }
    }

    @Test("A keepalive is no message; feedback follows if the server asks for it")
    func keepalive() throws {
        let stream = makeStream()
        #expect(try Self.parse(Self.keepalive(7, asksForReply: 0), stream).get() == nil)
        #expect(stream.pending == nil)
        stream.advance(written: 6, flushed: 5, applied: 4)
        #expect(try Self.parse(Self.keepalive(8, asksForReply: 1), stream).get() == nil)
        let feedback = try #require(Self.feedback(stream))
        #expect((feedback.written, feedback.flushed, feedback.applied) == (6, 5, 4))
        #expect(feedback.asksForReply == 0)
    }

    @Test("Messages that are cut off, of another kind or empty are errors, and change no position")
    func malformed() {
        let stream = makeStream()
        let data = Self.data(1, 2, 3, [])
        let keepalive = Self.keepalive(2, asksForReply: 1)
        var messages: [[UInt8]] = data.indices.map { Array(data[..<$0]) }
        messages += keepalive.indices.map { Array(keepalive[..<$0]) }
        messages += ["r", "W", "\0"].map { kind in Array(kind.utf8) + data.dropFirst() }
        for message in messages {
            guard case .failure(let error) = Self.parse(message, stream) else {
                Issue.record("no error: \(message)")
                continue
            }
            #expect(error.kind == .usage && error.message == "unrecognized replication message type", "\(message)")
        }
        #expect(stream.walEnd == 0)
        #expect(stream.pending == nil)
    }

    @Test("Random bytes are a message or an error", arguments: 1...20 as ClosedRange<UInt64>)
    func garbage(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let kinds = [UInt8(ascii: "w"), UInt8(ascii: "k"), 0, 0xFF] as [UInt8]
            let kind = kinds.randomElement(using: &random) ?? 0
            let count = Int.random(in: 0...40, using: &random)
            let bytes = [kind] + (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            switch Self.parse(bytes, makeStream()) {
            case .success(let message?): #expect(kind == UInt8(ascii: "w") && message.payload.count == count - 24)
            case .success(nil): #expect(kind == UInt8(ascii: "k") && count >= 17, "seed \(seed)")
            case .failure:
                let isLong = kind == UInt8(ascii: "w") && count >= 24 || kind == UInt8(ascii: "k") && count >= 17
                #expect(!isLong, "seed \(seed), \(bytes)")
            }
        }
    }

    @Test("Feedback has the application's positions, which never move back, and the time since 2000")
    func feedback() throws {
        let stream = makeStream()
        #expect(Self.feedback(stream) == nil)
        stream.advance(written: 30, flushed: 20, applied: 10)
        stream.advance(written: 29, flushed: 21, applied: 0)
        let before = WallClock.microseconds
        stream.prepareFeedback(asksForReply: true)
        let feedback = try #require(Self.feedback(stream))
        #expect((feedback.written, feedback.flushed, feedback.applied) == (30, 21, 10))
        #expect(feedback.asksForReply == 1)
        #expect(Int64(bitPattern: feedback.time) == stream.lastFeedback - Self.epoch)
        #expect(stream.lastFeedback == stream.lastExchange)
        #expect(stream.lastFeedback >= before && stream.lastFeedback <= WallClock.microseconds)
        stream.advance(written: .max, flushed: .max, applied: .max)
        stream.prepareFeedback(asksForReply: false)
        let last = try #require(Self.feedback(stream))
        #expect((last.written, last.flushed, last.applied) == (.max, .max, .max))
        #expect(last.asksForReply == 0)
    }

    /// Reads without a session.
    private static func errorOfReading(_ stream: ReplicationStream) -> PQError? {
        var session: PQConnection?
        do throws(PQError) { _ = try stream.read(&session) } catch { return error }
        return nil
    }

    @Test("Without a session, reading is an error, and feedback is prepared only when it is due")
    func noSession() {
        let patient = makeStream()
        let made = patient.lastFeedback
        #expect(Self.errorOfReading(patient)?.kind == .connectionLost)
        #expect(patient.lastFeedback == made, "feedback is not due")
        let due = makeStream(interval: .seconds(-1))
        let before = WallClock.microseconds
        #expect(Self.errorOfReading(due)?.kind == .connectionLost)
        #expect(due.lastFeedback >= before)
    }
}
