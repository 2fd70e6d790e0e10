import ApusPQ
import ApusWaiting
import Synchronization

/// A thread that waits for servers on behalf of connections.
///
/// A task sends its statement on its own thread. The loop's thread reads the answer, and resumes the task on the task's
/// executor, which costs one switch between threads. A loop is also a `TaskExecutor`. A task that prefers it is
/// executed on the loop's thread, so that no switch is needed, which halves the cost of a short statement:
///
///     try await withTaskExecutorPreference(ApusLoop.shared) {
///         try await connection.query("…")
///     }
///
/// One loop can handle some ten thousand statements per second, so ``shared`` is enough for most programs. A task on a
/// loop must not block or compute for long, because it would delay every connection of that loop.
public final class ApusLoop: TaskExecutor {
    private struct Shared {
        var jobs: [UnownedJob] = []
        var watchers: [UInt64: any Watcher] = [:]
        var timers = TimerHeap()
        var nextToken = ApusLoop.wakeToken + 1
        /// Whether the thread waits or is about to wait, so that it must be woken for new work.
        var isAsleep = false
    }

    private static let wakeToken: UInt64 = 0
    private let queue: EventQueue
    private let alarm: Signal
    private let shared = Mutex(Shared())
    /// The loop's thread, once it is running; 0 before.
    private let thread = Atomic<UInt>(0)
    /// The jobs that the loop's thread will execute. It is unsafe only for the compiler: no other thread uses them.
    nonisolated(unsafe) private var ownJobs: [UnownedJob] = []

    /// Starts a loop, which runs until the process ends. A program should make few, when it starts.
    /// - Throws: ``ApusError/Code/system`` if the process has no descriptor or thread left.
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

    /// The loop of connections whose options name no other. It starts when it is first used.
    /// - Throws: ``ApusError/Code/system`` if it could not be started.
    public static var shared: ApusLoop {
        get throws(ApusError) { try sharedLoop.get() }
    }

    private static let sharedLoop: Result<ApusLoop, ApusError> = Result { () throws(ApusError) in try ApusLoop() }

    // MARK: Jobs

    /// Executes a job of Swift's concurrency runtime on the loop's thread, soon. Programs do not call it.
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

    // MARK: Descriptors and timers

    /// An object that watches a descriptor.
    protocol Watcher: AnyObject, Sendable {
        /// Called on the loop's thread.
        func descriptorIsReady(_ ready: Wait.Interest)
    }

    /// A token that no other watcher has.
    func makeToken() -> UInt64 {
        shared.withLock { shared in
            defer { shared.nextToken += 1 }
            return shared.nextToken
        }
    }

    /// Retains a watcher until ``remove(_:)``. Its descriptor must be registered with the same token.
    func add(_ watcher: any Watcher, token: UInt64) {
        shared.withLock { $0.watchers[token] = watcher }
    }

    /// Registers a descriptor, or changes what it is registered for.
    /// - Parameter once: whether the watcher is called once only, until the descriptor is registered again.
    func watch(_ descriptor: Int32, for interest: Wait.Interest, once: Bool = false, token: UInt64) throws(PQError) {
        try PQError.system { () throws(SystemError) in
            try queue.register(descriptor, for: interest, once: once, token: token)
        }
    }

    /// Unregisters a descriptor. It must still be open, because a new descriptor may have the number of a closed one.
    func unwatch(_ descriptor: Int32) {
        if descriptor >= 0 { queue.unregister(descriptor) }
    }

    /// Releases a watcher.
    func remove(_ token: UInt64) {
        // Released after the lock, because this may be the last reference.
        _ = shared.withLock { $0.watchers.removeValue(forKey: token) }
    }

    /// Calls a target at a moment, unless it was deallocated by then.
    func schedule(_ target: any TimerTarget, at moment: Duration) {
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

    /// Collects the jobs from other threads and the timers that are due, and decides how long to wait after them.
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
