import Testing

@testable import ApusWaiting

@Suite("The waiter that blocks")
struct BlockingWaiterTests {
    /// A wait for the signal.
    private func wait(_ signal: Signal, deadline: Duration? = nil) -> Wait {
        Wait(descriptor: signal.descriptor, interest: .read, deadline: deadline)
    }

    @Test("Of two waits, either ends it")
    func two() throws {
        let quiet = try Signal()
        let loud = try Signal()
        loud.raise()
        #expect(BlockingWaiter.wait(for: wait(quiet), or: wait(loud)) == .ready)
        #expect(BlockingWaiter.wait(for: wait(loud), or: wait(quiet)) == .ready)
        #expect(BlockingWaiter.wait(for: Wait(descriptor: nil, interest: []), or: wait(loud)) == .ready)
    }

    @Test("The earlier deadline counts, and the slice where it is shorter")
    func deadlines() throws {
        let quiet = try Signal()
        let soon = Monotonic.now + .milliseconds(20)
        let late = Monotonic.now + .seconds(600)
        #expect(BlockingWaiter.wait(for: wait(quiet, deadline: soon), or: wait(quiet, deadline: late)) == .deadline)
        #expect(BlockingWaiter.wait(for: wait(quiet), or: wait(quiet, deadline: soon)) == .deadline)
        #expect(
            BlockingWaiter.wait(for: wait(quiet), or: wait(quiet, deadline: late), slice: .milliseconds(10))
                == .interrupted)
        #expect(BlockingWaiter.wait(for: wait(quiet, deadline: late), slice: .milliseconds(10)) == .interrupted)
        #expect(BlockingWaiter.wait(for: wait(quiet, deadline: soon)) == .deadline)
    }
}
