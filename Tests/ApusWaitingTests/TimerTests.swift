import ApusWaiting
import Synchronization
import Testing

/// The descriptor of an asynchronous connection: that of a queue, which is readable when its timer has fired.
@Suite struct TimerTests {
    private let queue: EventQueue
    private let timer: Timer

    init() throws {
        queue = try EventQueue()
        timer = try Timer(of: queue, token: 7)
    }

    private func isReadable(within limit: Duration) -> Bool {
        let wait = Wait(descriptor: queue.descriptor, interest: .read, deadline: Monotonic.now + limit)
        while true {
            switch BlockingWaiter.wait(for: wait) {
            case .ready: return true
            case .deadline: return false
            case .interrupted: continue
            }
        }
    }

    private var tokens: [UInt64] {
        let tokens = Mutex<[UInt64]>([])
        queue.wait(timeout: .zero) { event in tokens.withLock { $0.append(event.token) } }
        return tokens.withLock { $0 }
    }

    @Test func theQueueIsReadableFromTheMomentOn() {
        let moment = Monotonic.now + .milliseconds(100)
        timer.set(moment)
        #expect(tokens == [])
        #expect(isReadable(within: .seconds(10)))
        #expect(Monotonic.now >= moment)
        #expect(tokens == [7])
    }

    @Test func aMomentThatIsPast() {
        timer.set(Monotonic.now - .seconds(1))
        #expect(isReadable(within: .seconds(10)))
    }

    /// A moment that has passed unnoticed is forgotten at the next call.
    @Test func whatWasSetBeforeIsForgotten() {
        timer.set(Monotonic.now)
        #expect(isReadable(within: .seconds(10)))
        timer.set(Monotonic.now + .seconds(3600))
        #expect(!isReadable(within: .zero))
        timer.set(Monotonic.now)
        #expect(isReadable(within: .seconds(10)))
        timer.set(nil)
        #expect(!isReadable(within: .zero))
        timer.set(nil)
        #expect(tokens == [])
    }

    @Test func momentsBeyondAnyClock() {
        timer.set(.seconds(Int64.max))
        #expect(!isReadable(within: .zero))
    }
}
