import CApusPython

/// What a thread needs to get the GIL back.
public typealias ThreadState = UnsafeMutablePointer<PyThreadState>

/// The global interpreter lock. Python objects are used under it, and nothing that waits is called under it.
public enum GIL {
    /// Releases the lock: no Python object may be touched until it is taken back.
    @inlinable @inline(__always)
    public static func release() -> ThreadState? { PyEval_SaveThread() }

    /// Waits for the lock. When the interpreter ends meanwhile, a thread that is not its main thread never returns.
    @inlinable @inline(__always)
    public static func take(_ thread: ThreadState?) { PyEval_RestoreThread(thread) }

    /// Runs what waits, or computes for long, without the lock.
    @inlinable @inline(__always)
    public static func released<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let thread = release()
        defer { take(thread) }
        return try body()
    }
}

/// The cycle collector.
public enum CycleCollector {
    /// Keeps it from running; on CPython 3.9, which has no function for it, nothing happens.
    /// - Returns: whether it was on.
    public static func pause() -> Bool { apus_pause_collector() != 0 }
    public static func resume() { apus_resume_collector() }

    /// Takes an object out of its sight, as every `tp_dealloc` does first.
    @inlinable public static func forget(_ object: PyObj) { PyObject_GC_UnTrack(object) }
}
