import ApusPQ
import ApusWaiting
import Synchronization

/// The thread that waits for servers: one event queue, to which connections belong.
///
/// A task that awaits a statement sends it from its own thread; the loop reads the answer and resumes the task where
/// it was, which costs one hop between threads. A loop is also a `TaskExecutor`: a task that prefers it runs on the
/// loop's own thread, and then nothing hops at all, which halves the cost of a short statement:
///
///     try await withTaskExecutorPreference(ApusLoop.shared) {
///         try await connection.query("…")
///     }
///
/// One loop carries some ten thousands of statements a second, and ``shared`` serves most programs. What runs on a
/// loop must not block and not compute for long: it would hold up every connection of that loop.
public final class ApusLoop: TaskExecutor {
    private struct Shared {
        var jobs: [UnownedJob] = []
        var watchers: [UInt64: any Watcher] = [:]
        var timers = TimerHeap()
        var nextToken = ApusLoop.wakeToken + 1
        /// The thread waits, or is about to: what is added now must wake it.
        var isAsleep = false
    }

    private static let wakeToken: UInt64 = 0
    private let queue: EventQueue
    private let alarm: Signal
    private let shared = Mutex(Shared())
    /// The loop's thread, once it runs.
    private let thread = Atomic<UInt>(0)
    /// Jobs that the loop's thread gave itself; no other thread touches them.
    nonisolated(unsafe) private var ownJobs: [UnownedJob] = []

    /// Starts a loop of its own, which runs until the process ends: make few, when the program starts.
    /// - Throws: ``ApusError/Code/system`` when the process has no descriptor or thread left.
    public init() throws(ApusError) {
        do {
            queue = try EventQueue()
            alarm = try Signal()
            try queue.register(alarm.descriptor, for: .read, token: Self.wakeToken)
        } catch {
            throw ApusError(.system, error.description)
        }
        let code = Thread.detach { self.run() }
        if code != 0 {
            throw ApusError(.system, "cannot start a loop's thread: \(String(cString: strerror(code)))")
        }
    }

    /// The loop of connections that name no other; it starts when it is first asked for.
    public static var shared: ApusLoop {
        get throws(ApusError) { try sharedLoop.get() }
    }

    private static let sharedLoop: Result<ApusLoop, ApusError> = Result { () throws(ApusError) in try ApusLoop() }

    // MARK: Jobs

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            ownJobs.append(job)
            return
        }
        let mustWake = shared.withLock { shared in
            shared.jobs.append(job)
            defer { shared.isAsleep = false }
            return shared.isAsleep
        }
        if mustWake { alarm.raise() }
    }

    /// Whether the calling thread is the loop's.
    private var isCurrent: Bool { thread.load(ordering: .relaxed) == Self.currentThread }

    private static var currentThread: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }

    // MARK: Descriptors and moments

    /// An object that watches a descriptor.
    protocol Watcher: AnyObject, Sendable {
        /// Runs on the loop's thread.
        func descriptorIsReady(_ ready: Wait.Interest)
    }

    /// A token that no other watcher has.
    func makeToken() -> UInt64 {
        shared.withLock { shared in
            defer { shared.nextToken += 1 }
            return shared.nextToken
        }
    }

    /// Takes a watcher in, and keeps it until ``remove(_:)``. Its descriptor is registered with the same token.
    func add(_ watcher: any Watcher, token: UInt64) {
        shared.withLock { $0.watchers[token] = watcher }
    }

    /// Registers a descriptor, or changes what it is registered for.
    func watch(_ descriptor: Int32, for interest: Wait.Interest, once: Bool = false, token: UInt64) throws(PQError) {
        try PQError.system { () throws(SystemError) in
            try queue.register(descriptor, for: interest, once: once, token: token)
        }
    }

    /// Stops watching a descriptor, which must still be open: its number may be another one's later.
    func forget(_ descriptor: Int32) {
        if descriptor >= 0 { queue.unregister(descriptor) }
    }

    /// Lets a watcher go.
    func remove(_ token: UInt64) {
        // The last reference may go here: not under the lock.
        _ = shared.withLock { $0.watchers.removeValue(forKey: token) }
    }

    /// Tells a target when a moment has come, unless it has gone away by then.
    func wake(_ target: any TimerTarget, at moment: Duration) {
        let mustWake = shared.withLock { shared in
            let isEarlier = shared.timers.earliest.map { moment < $0 } ?? true
            shared.timers.insert(target, at: moment)
            guard isEarlier, shared.isAsleep else { return false }
            shared.isAsleep = false
            return true
        }
        if mustWake { alarm.raise() }
    }

    // MARK: The thread

    private func run() {
        thread.store(Self.currentThread, ordering: .relaxed)
        let executor = asUnownedTaskExecutor()
        var batch: [UnownedJob] = []
        while true {
            let turn = beginTurn()
            for target in turn.due { target.timerFired(Monotonic.now) }
            swap(&batch, &ownJobs)
            for job in batch { job.runSynchronously(on: executor) }
            batch.removeAll(keepingCapacity: true)

            queue.wait(timeout: turn.timeout) { event in
                if event.token == Self.wakeToken { return alarm.clear() }
                shared.withLock { $0.watchers[event.token] }?.descriptorIsReady(event.ready)
            }
            if turn.isAsleep { shared.withLock { $0.isAsleep = false } }
        }
    }

    /// Takes over what others gave to do, and decides how long to wait after that.
    private func beginTurn() -> (due: [any TimerTarget], timeout: Duration?, isAsleep: Bool) {
        shared.withLock { shared in
            ownJobs.append(contentsOf: shared.jobs)
            shared.jobs.removeAll(keepingCapacity: true)
            var due: [any TimerTarget] = []
            var timeout: Duration?
            if let earliest = shared.timers.earliest {
                let now = Monotonic.now
                if earliest <= now { due = shared.timers.removeDue(now) }
                timeout = shared.timers.earliest.map { $0 - now }
            }
            shared.isAsleep = ownJobs.isEmpty && due.isEmpty
            return (due, shared.isAsleep ? timeout : .zero, shared.isAsleep)
        }
    }
}
