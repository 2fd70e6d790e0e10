import ApusPQ
import ApusWaiting
import Synchronization

/// Threads for work that may block or compute for milliseconds: the steps of a connect, with name resolution and SCRAM.
/// Such work must run neither on the loop nor on the cooperative pool, which has one thread per core.
final class BlockingThreads: Sendable {
    /// For connects. If name servers do not answer, all of the threads may be blocked, and further connects wait.
    static let shared = BlockingThreads(limit: 64)
    /// For cancels. Their steps do not block, and must not wait behind connects that do.
    static let forCancels = BlockingThreads(limit: 4)

    /// A piece of work. It is called with `nil` on a thread of the pool, or, if no thread can be started, with the
    /// error on the caller's thread, where it must not block.
    typealias Work = @Sendable (_ failure: ApusError?) -> Void

    private struct State {
        var work = Deque<Work>()
        var threads = 0
        var idle = 0
    }
    /// How long a thread waits for work before it ends.
    private static let idleTimeout = Duration.seconds(5)

    private let state = Mutex(State())
    private let condition = Condition()
    private let limit: Int
    private let start: @Sendable (@escaping @Sendable () -> Void) -> Int32

    /// - Parameters:
    ///   - limit: the maximum number of threads.
    ///   - start: starts a thread that executes a function; returns 0 or an error number of the system.
    init(limit: Int, start: @escaping @Sendable (@escaping @Sendable () -> Void) -> Int32 = { Thread.detach($0) }) {
        self.limit = limit
        self.start = start
    }

    /// Executes a piece of work on a thread of the pool, soon. If there is no thread and none can be started, the work
    /// is called with the error now; it is not executed on this thread, because it could block the loop.
    func run(_ work: @escaping Work) {
        let mustStart = state.withLock { state in
            state.work.append(work)
            guard state.work.count > state.idle, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if !mustStart { return condition.signal() }
        let code = start { self.executeWork() }
        if code != 0 { handleStartFailure(code) }
    }

    /// Handles the failure to start a thread: other threads execute the work; if there are none, it is called with the
    /// error.
    private func handleStartFailure(_ code: Int32) {
        let failed = state.withLock { state in
            state.threads -= 1
            return state.threads > 0 ? [] : state.work.removeAll()
        }
        condition.signal()
        let error = ApusError(.system, "cannot start a thread: \(String(cString: strerror(code)))")
        for work in failed { work(error) }
    }

    private func executeWork() {
        while let work = nextWork() { work(nil) }
    }

    /// Waits for a piece of work; `nil` after the idle time-out, when the thread must end.
    private func nextWork() -> Work? {
        var deadline: Duration?
        while true {
            let seen = condition.signalCount
            let (work, mayEnd) = state.withLock { state -> (Work?, Bool) in
                if deadline != nil { state.idle -= 1 }
                if let work = state.work.removeFirst() { return (work, false) }
                if let deadline, Monotonic.now >= deadline {
                    state.threads -= 1
                    return (nil, true)
                }
                state.idle += 1
                return (nil, false)
            }
            if let work { return work }
            if mayEnd { return nil }
            let moment = deadline ?? Monotonic.now + Self.idleTimeout
            deadline = moment
            condition.wait(after: seen, until: moment)
        }
    }
}

/// A condition variable for threads that wait for work. It is Sendable because its lock guards the counter.
private final class Condition: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var signals = 0

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

    /// The number of signals so far.
    var signalCount: Int {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return signals
    }

    /// Wakes one thread.
    func signal() {
        pthread_mutex_lock(lock)
        signals &+= 1
        pthread_cond_signal(condition)
        pthread_mutex_unlock(lock)
    }

    /// Waits for a signal after ``signalCount`` was read, or until a moment. It may return early.
    func wait(after count: Int, until moment: Duration) {
        var now = timespec()
        // The condition variable uses the wall clock. If that is set, an idle thread ends earlier or later, no more.
        clock_gettime(CLOCK_REALTIME, &now)
        let nanoseconds = Int64(now.tv_nsec) &+ max(0, (moment - Monotonic.now).clampedNanoseconds)
        var end = timespec()
        end.tv_sec = now.tv_sec + Int(nanoseconds / 1_000_000_000)
        end.tv_nsec = Int(nanoseconds % 1_000_000_000)
        pthread_mutex_lock(lock)
        if signals == count { pthread_cond_timedwait(condition, lock, &end) }
        pthread_mutex_unlock(lock)
    }
}
