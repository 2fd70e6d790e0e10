import CApusPython

/// The state of a thread that has released the GIL.
public typealias ThreadState = UnsafeMutablePointer<PyThreadState>

/// The global interpreter lock. Use Python objects only while holding it, and release it before any call that may
/// block.
public enum GIL {
    /// Releases the lock. No Python object may be used until it is taken again.
    @inlinable @inline(__always)
    public static func release() -> ThreadState? { PyEval_SaveThread() }

    /// Waits for the lock. If the interpreter is finalized meanwhile, a thread other than its main thread never
    /// returns.
    @inlinable @inline(__always)
    public static func take(_ thread: ThreadState?) { PyEval_RestoreThread(thread) }

    /// Runs a function that waits or computes for long, without the lock.
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
    /// Disables the collector; does nothing on CPython 3.9, which has no function for it.
    /// - Returns: true if the collector was enabled.
    public static func pause() -> Bool { apus_pause_collector() != 0 }
    public static func resume() { apus_resume_collector() }

    /// Untracks an object, which every `tp_dealloc` of a collected type does first.
    @inlinable public static func forget(_ object: PyObj) { PyObject_GC_UnTrack(object) }
}
