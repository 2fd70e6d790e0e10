import ApusPQ
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Threads for what may block or compute for milliseconds: steps of a connect, with their name resolution and SCRAM.
/// Neither the loop nor the cooperative pool, which has a thread per core, may be held up by that.
final class BlockingThreads: Sendable {
    static let shared = BlockingThreads()

    private struct State {
        var work: [@Sendable () -> Void] = []
        var next = 0
        var threads = 0
        var idle = 0
    }
    /// Enough for name servers that do not answer; more callers wait in line.
    private static let limit = 64
    /// How long an idle thread stays.
    private static let patience = Duration.seconds(5)

    private let state = Mutex(State())
    private let bell = Bell()

    /// Runs `body` on some thread, soon; on the caller's where the system gives no thread at all.
    func run(_ body: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            state.work.append(body)
            let waiting = state.work.count - state.next
            guard waiting > state.idle, state.threads < Self.limit else { return false }
            state.threads += 1
            return true
        }
        if !mustStart { return bell.ring() }
        if Thread.detach({ self.serve() }) != 0 { serve(patience: .zero) }
    }

    private func serve(patience: Duration = patience) {
        while let body = next(patience) { body() }
    }

    /// The next piece of work; `nil` when none came for a while and the thread may end.
    private func next(_ patience: Duration) -> (@Sendable () -> Void)? {
        var deadline: Duration?
        while true {
            let seen = bell.count
            let (body, mayEnd) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                if deadline != nil { state.idle -= 1 }
                if state.next < state.work.count {
                    let body = state.work[state.next]
                    state.next += 1
                    if state.next == state.work.count {
                        state.work.removeAll(keepingCapacity: true)
                        state.next = 0
                    }
                    return (body, false)
                }
                if let deadline, Monotonic.now >= deadline {
                    state.threads -= 1
                    return (nil, true)
                }
                state.idle += 1
                return (nil, false)
            }
            if let body { return body }
            if mayEnd { return nil }
            let moment = deadline ?? Monotonic.now + patience
            deadline = moment
            bell.wait(after: seen, until: moment)
        }
    }
}

/// Wakes threads that wait for work.
private final class Bell: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var rings = 0

    init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(lock)
        condition.deallocate()
        lock.deallocate()
    }

    /// How often it rang.
    var count: Int {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return rings
    }

    func ring() {
        pthread_mutex_lock(lock)
        rings &+= 1
        pthread_cond_signal(condition)
        pthread_mutex_unlock(lock)
    }

    /// Waits until it has rung since `count` was read, or until a moment; may return early.
    func wait(after count: Int, until moment: Duration) {
        var now = timespec()
        // The condition's own clock is the wall's; a jump of it only ends an idle thread early or late.
        clock_gettime(CLOCK_REALTIME, &now)
        let nanoseconds = Int64(now.tv_nsec) &+ max(0, (moment - Monotonic.now).clampedNanoseconds)
        var end = timespec()
        end.tv_sec = now.tv_sec + Int(nanoseconds / 1_000_000_000)
        end.tv_nsec = Int(nanoseconds % 1_000_000_000)
        pthread_mutex_lock(lock)
        if rings == count { pthread_cond_timedwait(condition, lock, &end) }
        pthread_mutex_unlock(lock)
    }
}
