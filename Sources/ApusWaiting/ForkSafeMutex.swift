/// A value behind a lock that still works in a forked child, unless another thread held it at the fork.
///
/// `Synchronization.Mutex` does not. On Linux it stores the number of the thread that holds it, which each thread
/// caches at its first use, but the child's thread has another number than the thread that forked. When threads of the
/// child contend for a mutex, the kernel refuses the cached number, and Swift ends the process.
public struct ForkSafeMutex<Value>: ~Copyable, @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

    /// A value behind a new lock.
    public init(_ initial: consuming sending Value) {
        pthread_mutex_init(lock, nil)
        value.initialize(to: initial)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` with the value while no other thread has it.
    public borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(&value.pointee)
    }
}
