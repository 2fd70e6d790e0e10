/// Starts threads. Every signal is blocked in them, because signals belong to the application's threads.
public enum Thread {
    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a detached thread that runs `body` and ends.
    /// - Returns: 0, or the system's error number if there is no thread.
    public static func detach(_ body: @escaping @Sendable () -> Void) -> Int32 {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

        let work = Unmanaged.passRetained(Work(body))
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread = pthread_t()
        #endif
        let code = pthread_create(
            &thread, &attributes,
            { context in
                #if canImport(Darwin)
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                #else
                if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
                #endif
                return nil
            }, work.toOpaque())
        if code != 0 { work.release() }
        return code
    }
}

/// The thread that runs.
public enum CurrentThread {
    /// Identifies it among the threads of the process that are alive; never 0 or 1.
    @inlinable @inline(__always)
    public static var id: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }
}
