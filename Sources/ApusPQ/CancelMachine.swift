import ApusWaiting
import CApusLibPQ

/// Asks the server to cancel what a connection is doing. The request is sent to the connection's node over a connection
/// of its own. The machine succeeds when the request was delivered, whether or not there was something to cancel.
///
/// libpq 17 and later send it without blocking and with the connection's TLS settings. Earlier versions have only the
/// blocking `PQcancel`, which runs on a thread of its own, so that a node that does not answer blocks no caller.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-cancel.html>
public struct CancelMachine: ~Copyable, StepMachine {
    private var request: any CancelRequest
    private let deadline: Duration

    /// Prepares a request; ``advance(now:)`` sends it.
    /// - Parameters:
    ///   - connection: the connection whose statement is to be cancelled. It may be used or closed meanwhile.
    ///   - deadline: when the request fails, as a time of ``Monotonic``.
    /// - Throws: ``PQError``: for example ``PQError/Kind/system`` if no descriptor or thread is left.
    public init(_ connection: borrowing PQConnection, deadline: Duration) throws(PQError) {
        self.deadline = deadline
        request = try Self.request(connection)
    }

    private static func request(_ connection: borrowing PQConnection) throws(PQError) -> any CancelRequest {
        if apus_has_async_cancel() != 0 { return try AsynchronousCancel(connection) }
        return try CancelThread(connection)
    }

    /// Takes the next step.
    /// - Parameter now: the time of ``Monotonic``.
    /// - Returns: what to wait for before the next step, or `nil` when the request was delivered.
    /// - Throws: ``PQError/Kind/connect`` if the server cannot be reached, ``PQError/Kind/deadline``.
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

/// A request by libpq 17 or later. It is Sendable because the machine is its only owner, and uses it one step at a
/// time.
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
            // Not in the initializer, because it may resolve a name.
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

/// A request by `PQcancel`, on a thread that runs for one request. It is Sendable because the lock guards what changes.
private final class CancelThread: CancelRequest, @unchecked Sendable {
    private let request: OpaquePointer
    private let done: Signal
    /// Set by the thread before it raises the signal, and read after that.
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
            var message = [CChar](repeating: 0, count: 256)
            let accepted = PQcancel(request, &message, Int32(message.count))
            let text = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
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
