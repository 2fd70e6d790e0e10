import ApusPQ
import ApusWaiting
import Synchronization

/// A connection's shared heart: libpq's connection and the line of requests, behind one lock.
///
/// The caller that makes a request sends it, on its own thread. The loop reads what comes, hands it to the requests in
/// their order and resumes the tasks that wait, after it has released the lock. Requests of several tasks are
/// pipelined: each is followed by a sync of its own, so that the error of one leaves the others alone.
final class ConnectionCore: ApusLoop.Watcher, TimerTarget {
    struct State: ~Copyable {
        /// `nil` once closed.
        var session: OpenSession?
        /// Why the connection is closed.
        var closing: ApusError?
        /// Sent, oldest first: the next answer is for the first.
        var inFlight = Deque<Request>()
        /// Not yet sent.
        var waiting = Deque<Request>()
        var holder: Lease?
        /// A script is under way, and the pipeline is left for it.
        var isScripting = false
        /// The answers are not read for now, because no task fetches the rows.
        var isPaused = false
        /// What the descriptor is registered for; `nil` when it is not.
        var interest: Wait.Interest?
        /// The moment that the loop was asked to tell.
        var alarm: Duration?
        var cancel: CancelInFlight?
        /// The server's FATAL message: it is going away, and the loss of the connection says why.
        var lastWords: ServerMessage?
        /// What the observer has not been told yet, and whether a thread is at telling it.
        var news = Deque<News>()
        var isTelling = false
        var statements: StatementCache
    }

    let loop: ApusLoop
    let observer: ConnectionObserver
    let state: Mutex<State>
    let token: UInt64

    /// Takes over an open session.
    init(
        _ session: consuming OpenSession, loop: ApusLoop, observer: ConnectionObserver, preparedStatements: Int
    ) throws {
        self.loop = loop
        self.observer = observer
        try session.connection.enterPipelineMode()
        state = Mutex(State(session: consume session, statements: StatementCache(capacity: preparedStatements)))
        token = loop.makeToken()
    }

    /// Begins to watch the socket. The loop keeps the core until it is closed.
    func start() throws {
        loop.add(self, token: token)
        var effects = Effects()
        do {
            try state.withLock { state in
                try listen(&state, for: .read)
                // libpq may have read more than the end of the handshake, and the socket is silent about that.
                gather(&state, &effects)
            }
        } catch {
            loop.remove(token)
            throw error
        }
        run(effects)
    }

    // MARK: Requests

    /// Sends a request, or puts it in line, and waits for the first of its answer.
    func perform(_ request: Request) async -> Request.Delivery {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                enter(request, waiter: continuation)
            }
        } onCancel: {
            stop(request, because: .cancelled)
        }
    }

    /// Sends a request although the task is cancelled: a transaction must end. The request has a deadline, because
    /// nothing else ends the wait.
    func performShielded(_ request: Request) async -> Request.Delivery {
        await withUnsafeContinuation { continuation in enter(request, waiter: continuation) }
    }

    /// Waits for more of an answer.
    func next(_ request: Request) async -> Request.Delivery {
        if let delivery = fetch(request, waiter: nil) { return delivery }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if let delivery = fetch(request, waiter: continuation) { continuation.resume(returning: delivery) }
            }
        } onCancel: {
            stop(request, because: .cancelled)
        }
    }

    private func enter(_ request: Request, waiter: UnsafeContinuation<Request.Delivery, Never>) {
        var effects = Effects()
        state.withLock { state in
            // The answer may come before this function returns: the waiter is in place before anything is sent.
            request.waiter = waiter
            submit(request, &state, &effects)
        }
        run(effects)
    }

    private func fetch(_ request: Request, waiter: UnsafeContinuation<Request.Delivery, Never>?) -> Request.Delivery? {
        var effects = Effects()
        let delivery = state.withLock { state -> Request.Delivery? in
            if request.waiter != nil {
                let error = ApusError(.usage, "the rows of one statement are being read twice at the same time")
                return Request.Delivery(outcome: .failed(error.at(request.site)))
            }
            let delivery = request.takeDelivery()
            if delivery == nil { request.waiter = waiter }
            if state.isPaused, !request.isAhead { pump(&state, isReadable: false, &effects) }
            return delivery
        }
        run(effects)
        return delivery
    }

    /// Lets go of a request's remaining rows: they are read and dropped. The statement itself runs to its end, for
    /// stopping it would undo what it does.
    func abandon(_ request: Request) {
        var effects = Effects()
        state.withLock { state in
            guard request.stage != .ended || request.isAhead else { return }
            request.abandon()
            if state.isPaused { pump(&state, isReadable: false, &effects) }
        }
        run(effects)
    }

    /// Ends a transaction's hold on the connection, and sends the statements that waited for that.
    func release(_ lease: Lease) {
        var effects = Effects()
        state.withLock { state in
            guard state.holder === lease else { return }
            state.holder = nil
            drain(&state, &effects)
        }
        run(effects)
    }

    /// Undoes a `BEGIN` that was sent and whose answer its caller did not wait for: the server may begin the
    /// transaction after all, and the next statements of other tasks would be part of it. They wait until the
    /// `ROLLBACK` is answered. A server that does not answer it in time costs the connection: see `expect`.
    func undoBegin(_ lease: Lease, _ site: CallSite) {
        var effects = Effects()
        state.withLock { state in
            // It was never sent.
            guard state.holder === lease else { return }
            let request = Request(
                "ROLLBACK", keepsRows: false, lease: lease, endsLease: true, timeout: nil, site: site)
            request.isAbandoned = true
            submit(request, &state, &effects)
        }
        run(effects)
    }

    // MARK: Closing

    /// Closes the connection; calls that wait throw `error`.
    func close(_ error: ApusError) {
        var effects = Effects()
        state.withLock { close(&$0, error, &effects) }
        run(effects)
    }

    /// Why the connection is closed, or `nil` while it is open.
    var closing: ApusError? { state.withLock { $0.closing } }

    func close(_ state: inout State, _ error: ApusError, _ effects: inout Effects) {
        guard state.closing == nil else { return }
        state.closing = error
        gather(&state, &effects)
        // Unregistered while the number is still this socket's.
        try? listen(&state, for: nil)
        effects.session = state.session.take()
        state.holder = nil
        state.cancel = nil
        effects.removesWatcher = true
        for request in state.inFlight.removeAll() { end(request, .failed(error), &effects) }
        for request in state.waiting.removeAll() { end(request, .failed(error), &effects) }
    }

    // MARK: The loop's calls

    func descriptorIsReady(_ ready: Wait.Interest) {
        var effects = Effects()
        state.withLock { pump(&$0, isReadable: true, &effects) }
        run(effects)
    }

    func timerFired(_ now: Duration) {
        var effects = Effects()
        state.withLock { state in
            state.alarm = nil
            expire(&state, now, &effects)
        }
        run(effects)
    }

    /// Sets what the descriptor is registered for.
    func listen(_ state: inout State, for interest: Wait.Interest?) throws(PQError) {
        guard state.interest != interest, let descriptor = state.session?.connection.descriptor else { return }
        state.interest = interest
        if let interest {
            try loop.watch(descriptor, for: interest, token: token)
        } else {
            loop.forget(descriptor)
        }
    }

    // MARK: After the lock

    /// What is done after the lock: code of the program runs here, and system calls that need no lock.
    struct Effects: ~Copyable {
        var wakeups: [(UnsafeContinuation<Request.Delivery, Never>, Request.Delivery)] = []
        /// The observer is to be told something.
        var hasNews = false
        var cancel: CancelRun?
        var cancelFailure: (any Error)?
        var removesWatcher = false
        /// The session of a connection that was closed.
        var session: OpenSession?
    }

    func run(_ effects: consuming Effects) {
        if let cancel = effects.cancel { deliver(cancel) }
        if let error = effects.cancelFailure { observer.cancelFailed(error) }
        if effects.hasNews { tell() }
        // libpq sends Terminate and ends TLS, each with system calls. They cannot block, because the socket is in
        // non-blocking mode: what it does not take at once is not sent. So this thread may do it, even the loop's.
        effects.session = nil
        for (waiter, delivery) in effects.wakeups { waiter.resume(returning: delivery) }
        if effects.removesWatcher { loop.remove(token) }
    }

    /// Hands a request what there is for it, if a task waits.
    func deliver(_ request: Request, _ effects: inout Effects) {
        guard let waiter = request.waiter, let delivery = request.takeDelivery() else { return }
        request.waiter = nil
        effects.wakeups.append((waiter, delivery))
    }

    /// Ends a request.
    func end(_ request: Request, _ outcome: Request.Outcome, _ effects: inout Effects) {
        guard request.stage != .ended else { return }
        request.stage = .ended
        if case .failed(let error) = outcome {
            request.outcome = .failed(error.at(request.site))
        } else {
            request.outcome = outcome
        }
        deliver(request, &effects)
    }
}
