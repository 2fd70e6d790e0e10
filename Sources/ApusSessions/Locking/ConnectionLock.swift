import ApusWaiting
import Synchronization

/// Allows one statement at a time on a connection that threads share.
///
/// Lock order: release the GIL before blocking on this lock. Then a holder can always take the GIL back, and the two
/// cannot deadlock. Callers wait with a timeout, and check for signals in between, because otherwise Ctrl-C would have
/// no effect until the statement of another thread ends. It is no system mutex, because those have no such timeout on
/// every platform.
public final class ConnectionLock: @unchecked Sendable {
    /// The result of waiting for the lock.
    public enum Outcome {
        case locked
        /// This thread holds the lock already, for example if it is in a signal handler during a statement.
        case alreadyHeld
        case timedOut
    }

    /// The id of the thread that holds the lock; 0 if none does.
    @usableFromInline let owner = Atomic<UInt>(0)
    /// The number of threads that wait, or are about to.
    @usableFromInline let waiting = Atomic<Int>(0)
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let freed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// The process in which the mutex, the condition and the count are valid. A forked child must not use them, because
    /// the threads that hold or wait for them do not exist in the child.
    @usableFromInline var generation = ForkGeneration.current

    /// Creates an unlocked lock.
    public init() { initializeMutex() }

    /// In a forked child, makes the lock usable and unlocked. To be called before a session is opened, when no thread
    /// can hold the lock.
    public func resetAfterFork() {
        if generation.isOurs { return }
        generation = .current
        owner.store(0, ordering: .relaxed)
        waiting.store(0, ordering: .relaxed)
        initializeMutex()
    }

    private func initializeMutex() {
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
        pthread_cond_init(freed, nil)
        #else
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(freed, &attributes)
        pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        // In a forked child, `pthread_cond_destroy` could wait for ever for threads that do not exist there.
        guard generation.isOurs else { return }
        pthread_cond_destroy(freed)
        pthread_mutex_destroy(mutex)
        freed.deallocate()
        mutex.deallocate()
    }

    @inlinable static var thread: UInt { CurrentThread.id }

    /// Takes the lock; waits up to `time` if another thread holds it. A forked child does not wait.
    public func lock(within time: Duration) -> Outcome {
        let me = Self.thread
        if tryTake(for: me) { return .locked }
        if owner.load(ordering: .relaxed) == me { return .alreadyHeld }
        guard generation.isOurs else { return .timedOut }
        let deadline = Monotonic.now + time
        pthread_mutex_lock(mutex)
        // Count before checking the owner again: a thread that unlocks after the check sees the count, and wakes us.
        waiting.add(1, ordering: .sequentiallyConsistent)
        defer {
            waiting.subtract(1, ordering: .sequentiallyConsistent)
            pthread_mutex_unlock(mutex)
        }
        while !tryTake(for: me) {
            if !waitUntilFreed(deadline) { return tryTake(for: me) ? .locked : .timedOut }
        }
        return .locked
    }

    /// Takes the lock, and waits without a timeout. Only for locks that are held for a short time.
    @inlinable @inline(__always)
    public func lock() { if !tryTake(for: Self.anyThread) { waitForLock() } }

    /// The owner if `lock()` took the lock. The thread's id is not needed, because such a holder runs no code that
    /// could ask for the lock again.
    @inlinable static var anyThread: UInt { 1 }

    @usableFromInline @inline(never)
    func waitForLock() {
        // In a forked child, the holder may be a thread that does not exist there. The child goes on without the lock,
        // because no other thread of the child can hold it.
        while lock(within: .seconds(60)) != .locked, generation.isOurs {}
    }

    /// Takes the lock if it is free.
    /// - Returns: false if a thread holds the lock, including this one.
    @inlinable @inline(__always)
    public func tryLock() -> Bool { tryTake(for: Self.thread) }

    /// Frees the lock, and wakes one of the threads that wait for it.
    @inlinable @inline(__always)
    public func unlock() {
        owner.store(0, ordering: .sequentiallyConsistent)
        if waiting.load(ordering: .sequentiallyConsistent) > 0, generation.isOurs { wakeOne() }
    }

    @usableFromInline @inline(never)
    func wakeOne() {
        pthread_mutex_lock(mutex)
        pthread_cond_signal(freed)
        pthread_mutex_unlock(mutex)
    }

    @inlinable @inline(__always)
    func tryTake(for thread: UInt) -> Bool {
        owner.compareExchange(expected: 0, desired: thread, ordering: .sequentiallyConsistent).exchanged
    }

    /// - Returns: false if the deadline has passed.
    private func waitUntilFreed(_ deadline: Duration) -> Bool {
        #if canImport(Darwin)
        let left = max(0, (deadline - Monotonic.now).clampedNanoseconds)
        var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
        return pthread_cond_timedwait_relative_np(freed, mutex, &time) == 0
        #else
        let moment = deadline.clampedNanoseconds
        var time = timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
        return pthread_cond_timedwait(freed, mutex, &time) == 0
        #endif
    }
}
