import ApusPQ
import ApusSessions
import ApusWaiting
import Testing

@Suite("How often COPY TO wakes up")
struct CopyPaceTests {
    private static let mebibyte = 1 << 20

    /// A pace without a session. Decisions do not depend on the session, only the socket's threshold does.
    private final class Pace {
        private var pace = CopyPace()
        private let session: PQConnection? = nil

        func note(_ count: Int) { pace.countReceived(count, session) }
        func pause(_ wait: Wait) -> BlockingWaiter.Outcome? { pace.waitForMore(wait, session) }
        func reset() { pace.reset(session) }
    }

    /// A wait that is over at once.
    private var nothing: Wait { Wait(descriptor: nil, interest: [], deadline: Monotonic.now) }

    @Test("There is no pause before a mebibyte has come, in whatever pieces")
    func impatient() {
        let pace = Pace()
        #expect(pace.pause(nothing) == nil)
        for _ in 0..<127 { pace.note(8192) }
        pace.note(8191)
        #expect(pace.pause(nothing) == nil)
        pace.note(1)
        #expect(pace.pause(nothing) == .deadline)
    }

    @Test("A pause that brings nothing ends the patience: a pause needs another mebibyte")
    func reset() {
        let pace = Pace()
        pace.note(Self.mebibyte)
        pace.note(Self.mebibyte)
        #expect(pace.pause(nothing) == .deadline)
        #expect(pace.pause(nothing) == nil)
        pace.note(Self.mebibyte - 1)
        #expect(pace.pause(nothing) == nil)
        pace.note(1)
        #expect(pace.pause(nothing) == .deadline)
    }

    @Test("reset() forgets what has come")
    func forget() {
        let pace = Pace()
        pace.note(Self.mebibyte - 1)
        pace.reset()
        pace.note(1)
        #expect(pace.pause(nothing) == nil)
        pace.note(Self.mebibyte)
        pace.reset()
        #expect(pace.pause(nothing) == nil)
    }

    @Test("A pause ends when the descriptor is ready, and the patience stays; without data it ends by itself")
    func ready() {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let pace = Pace()
        pace.note(Self.mebibyte)
        var byte: UInt8 = 0
        #expect(write(ends[1], &byte, 1) == 1)
        let wait = Wait(descriptor: ends[0], interest: .read)
        for _ in 0..<3 { #expect(pace.pause(wait) == .ready) }
        #expect(read(ends[0], &byte, 1) == 1)
        #expect(pace.pause(wait) == .deadline, "the wait itself has no deadline")
        #expect(pace.pause(wait) == nil)
    }
}
