import ApusPQ
import ApusWaiting
import Synchronization

/// Threads for what may block or compute for milliseconds: steps of a connect, with their name resolution and SCRAM.
/// Neither the loop nor the cooperative pool, which has a thread per core, may be held up by that.
final class BlockingThreads: Sendable {
    /// For connects. Name servers that do not answer may hold all of them; more callers wait in line.
    static let shared = BlockingThreads(limit: 64)
    /// For cancels, whose steps do not block, so that they never wait in line behind connects that do.
    static let forCancels = BlockingThreads(limit: 4)

    /// What is run: with `nil` on a thread that may block, or with the reason why there is none, on the caller's
    /// thread, where it must not block.
    typealias Work = @Sendable (_ refusal: ApusError?) -> Void

    private struct State {
        var work = Deque<Work>()
        var threads = 0
        var idle = 0
    }
    /// How long an idle thread stays.
    private static let patience = Duration.seconds(5)

    private let state = Mutex(State())
    private let bell = Bell()
    private let limit: Int
    private let start: @Sendable (@escaping @Sendable () -> Void) -> Int32

    /// - Parameters:
    ///   - limit: how many threads there may be.
    ///   - start: starts a thread; returns 0 or the system's error number.
    init(limit: Int, start: @escaping @Sendable (@escaping @Sendable () -> Void) -> Int32 = { Thread.detach($0) }) {
        self.limit = limit
        self.start = start
    }

    /// Runs a piece of work on some thread, soon. Where the system gives no thread and none is there already, it is
    /// told so now: run here, it could block the loop.
    func run(_ work: @escaping Work) {
        let mustStart = state.withLock { state in
            state.work.append(work)
            guard state.work.count > state.idle, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if !mustStart { return bell.ring() }
        let code = start { self.serve() }
        if code != 0 { refuse(code) }
    }

    /// A thread could not be started: the others take what is in line, and where there are none it is refused.
    private func refuse(_ code: Int32) {
        let refused = state.withLock { state in
            state.threads -= 1
            return state.threads > 0 ? [] : state.work.removeAll()
        }
        bell.ring()
        let error = ApusError(.system, "cannot start a thread: \(String(cString: strerror(code)))")
        for work in refused { work(error) }
    }

    private func serve() {
        while let work = next() { work(nil) }
    }

    /// The next piece of work; `nil` when none came for a while and the thread may end.
    private func next() -> Work? {
        var deadline: Duration?
        while true {
            let seen = bell.count
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
            let moment = deadline ?? Monotonic.now + Self.patience
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
