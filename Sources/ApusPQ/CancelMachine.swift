import ApusWaiting
import CApusLibPQ

/// Asks the server to cancel what a connection is doing. The request goes to the node that the connection is on, by a
/// connection of its own, and succeeds when it was delivered, whether or not it still found something to cancel.
///
/// libpq 17 and later do it without blocking and with the connection's own TLS settings. Older ones have only the
/// blocking `PQcancel`, which then runs on a thread of its own, so that a node that does not answer holds up no caller.
public struct CancelMachine: ~Copyable, StepMachine {
    private var request: any CancelRequest
    private let deadline: Duration

    /// - Parameter deadline: when to give up, on ``Monotonic``'s clock.
    public init(_ connection: borrowing PQConnection, deadline: Duration) throws(PQError) {
        self.deadline = deadline
        request = try Self.request(connection)
    }

    private static func request(_ connection: borrowing PQConnection) throws(PQError) -> any CancelRequest {
        if apus_has_async_cancel() != 0 { return try AsynchronousCancel(connection) }
        return try CancelThread(connection)
    }

    public mutating func advance(now: Duration) throws(PQError) -> Wait? {
        guard let wait = try request.advance() else { return nil }
        if now >= deadline { throw PQError(.deadline, "the cancel request was not delivered in time") }
        return wait.until(deadline)
    }
}

private protocol CancelRequest: AnyObject, Sendable {
    /// What to wait for, or `nil` when the request is delivered.
    func advance() throws(PQError) -> Wait?
}

/// libpq 17's cancel.
private final class AsynchronousCancel: CancelRequest, @unchecked Sendable {
    private let pointer: OpaquePointer
    private var started = false

    init(_ connection: borrowing PQConnection) throws(PQError) {
        guard let pointer = PQcancelCreate(connection.pointer) else { throw PQError(.memory, "out of memory") }
        self.pointer = pointer
    }

    deinit {
        ProcessGate.enter()
        PQcancelFinish(pointer)
        ProcessGate.leave()
    }

    func advance() throws(PQError) -> Wait? {
        // The request is encrypted as its connection is.
        ProcessGate.enter()
        defer { ProcessGate.leave() }
        if !started {
            // Here and not at creation: it may resolve a name.
            if PQcancelStart(pointer) == 0 { throw failure() }
            started = true
            return Wait(descriptor: PQcancelSocket(pointer), interest: .write)
        }
        switch PQcancelPoll(pointer) {
        case PGRES_POLLING_OK: return nil
        case PGRES_POLLING_READING: return Wait(descriptor: PQcancelSocket(pointer), interest: .read)
        case PGRES_POLLING_WRITING: return Wait(descriptor: PQcancelSocket(pointer), interest: .write)
        default: throw failure()
        }
    }

    private func failure() -> PQError {
        PQError(.connect, PQcancelErrorMessage(pointer).map { String(cString: $0) } ?? "cannot cancel")
    }
}

/// `PQcancel` on a thread that lives for one request.
private final class CancelThread: CancelRequest, @unchecked Sendable {
    private let request: OpaquePointer
    private let done: Signal
    /// Written by the thread before it raises the signal, read after.
    private var error: String?
    private var finished = false
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init(_ connection: borrowing PQConnection) throws(PQError) {
        guard let request = PQgetCancel(connection.pointer) else {
            throw PQError(.connectionLost, "cannot cancel: the connection is closed")
        }
        self.request = request
        pthread_mutex_init(lock, nil)
        do { done = try PQError.system(Signal.init) } catch {
            PQfreeCancel(request)
            pthread_mutex_destroy(lock)
            lock.deallocate()
            throw error
        }
        try start()
    }

    deinit {
        PQfreeCancel(request)
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    private func start() throws(PQError) {
        let code = Thread.detach { [self] in
            var words = [CChar](repeating: 0, count: 256)
            let accepted = PQcancel(request, &words, Int32(words.count))
            let text = words.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
            pthread_mutex_lock(lock)
            error = accepted == 1 ? nil : text ?? "cannot cancel"
            finished = true
            pthread_mutex_unlock(lock)
            done.raise()
        }
        if code != 0 { throw PQError(.system, "cannot start a thread to cancel: \(String(cString: strerror(code)))") }
    }

    func advance() throws(PQError) -> Wait? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard finished else { return Wait(descriptor: done.descriptor, interest: .read) }
        if let error { throw PQError(.connect, error) }
        return nil
    }
}
