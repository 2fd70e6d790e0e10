import ApusWaiting
import Synchronization

/// One statement at a time on a connection that threads share.
///
/// It is waited for without the GIL, and the GIL is never waited for by who holds it without having released the GIL
/// before: so the two cannot deadlock. It is waited for in slices of time, so that a signal that comes meanwhile is not
/// left until another thread's statement has ended: no mutex of the system can be waited for that way.
public final class ConnectionLock: @unchecked Sendable {
    /// How an attempt ended.
    public enum Outcome {
        case locked
        /// This thread holds the lock already: it asks from a signal handler, say.
        case alreadyMine
        case timeIsOver
    }

    /// The thread that holds the lock; 0 if none does.
    @usableFromInline let owner = Atomic<UInt>(0)
    /// How many threads wait, or are about to.
    @usableFromInline let waiting = Atomic<Int>(0)
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let freed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// The process whose threads wait. A fork copies the mutex, the condition and the count as they are, while the
    /// threads that hold or wait for them are not in the child: there, neither of the three may be used.
    @usableFromInline var generation = ForkGeneration.current

    public init() { prepare() }

    /// Makes the lock this process's. To be called before a session is opened, when no thread can hold the lock.
    public func adopt() {
        if generation.isOurs { return }
        generation = .current
        owner.store(0, ordering: .relaxed)
        waiting.store(0, ordering: .relaxed)
        prepare()
    }

    private func prepare() {
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
        // To destroy what threads wait for that are not there would wait too.
        guard generation.isOurs else { return }
        pthread_cond_destroy(freed)
        pthread_mutex_destroy(mutex)
        freed.deallocate()
        mutex.deallocate()
    }

    @inlinable static var thread: UInt { CurrentThread.id }

    /// Takes the lock, or waits for it for so long; in a fork's child, not at all.
    public func lock(within time: Duration) -> Outcome {
        let me = Self.thread
        if take(for: me) { return .locked }
        if owner.load(ordering: .relaxed) == me { return .alreadyMine }
        guard generation.isOurs else { return .timeIsOver }
        let deadline = Monotonic.now + time
        pthread_mutex_lock(mutex)
        // Counted before the next look at the owner: a thread that unlocks after it sees the count, and wakes us.
        waiting.add(1, ordering: .sequentiallyConsistent)
        defer {
            waiting.subtract(1, ordering: .sequentiallyConsistent)
            pthread_mutex_unlock(mutex)
        }
        while !take(for: me) {
            if !waitUntilFreed(deadline) { return take(for: me) ? .locked : .timeIsOver }
        }
        return .locked
    }

    /// Takes the lock, or waits for it as long as it takes. For what is held for a moment only.
    @inlinable @inline(__always)
    public func lock() { if !take(for: Self.anyThread) { waitForLock() } }

    /// Stands for a thread that cannot come back for the lock while it has it.
    @inlinable static var anyThread: UInt { 1 }

    @usableFromInline @inline(never)
    func waitForLock() {
        // In a fork's child a thread that is not there may have it, and no other thread can.
        while lock(within: .seconds(60)) != .locked, generation.isOurs {}
    }

    /// - Returns: false if a thread holds the lock, be it this one.
    @inlinable @inline(__always)
    public func tryLock() -> Bool { take(for: Self.thread) }

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
    func take(for thread: UInt) -> Bool {
        owner.compareExchange(expected: 0, desired: thread, ordering: .sequentiallyConsistent).exchanged
    }

    /// - Returns: false when the time is over.
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
