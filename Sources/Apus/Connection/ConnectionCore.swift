import ApusPQ
import ApusWaiting
import Synchronization

/// The shared state of a connection: libpq's connection and the queue of requests, behind one lock.
///
/// A task sends its request on its own thread. The loop's thread reads the results, in the order of the requests, and
/// resumes the tasks that wait, after it has released the lock. Requests of several tasks are pipelined. A
/// synchronization point follows each of them, so that an error of one does not affect the others.
///
/// The life of a request:
///
///     task's thread                                loop's thread
///     perform, nextDelivery                        descriptorIsReady
///
///     submit      stage new -> waiting
///     sendWaiting stage waiting -> sent
///       statement, sync, flush  -> server
///       task suspended                   server -> readResults
///                                                    beginAnswer      asks for single rows
///                                                    handle           rows -> Request -> RowBatch
///                                                    endUnit          at the sync: stage sent -> ended
///                                                    beginNextAnswer  and sendWaiting
///       task resumed  <-  run(effects)      <-       resumeWaiter     with a batch, the end or both
///     ApusRows        ->  nextDelivery: takes the next batch, or suspends the task again
final class ConnectionCore: ApusLoop.Watcher, TimerTarget {
    /// Everything that the lock guards.
    struct State: ~Copyable {
        /// `nil` when the connection is closed.
        var session: OpenSession?
        /// Why the connection is closed.
        var closing: ApusError?
        /// The requests that were sent, oldest first. The next answer is for the first.
        var inFlight = Deque<Request>()
        /// The requests that were not sent yet, oldest first.
        var waiting = Deque<Request>()
        /// The transaction that has the connection for itself.
        var holder: Lease?
        /// Whether a script is being executed, outside of pipeline mode.
        var isScripting = false
        /// Whether reading is paused, because the task does not fetch its rows.
        var isPaused = false
        /// What the socket is registered for with the loop; `nil` if it is not registered.
        var interest: Wait.Interest?
        /// When the loop will call ``ConnectionCore/timerFired(_:)``.
        var alarm: Duration?
        /// The statement that is being stopped.
        var cancel: CancelInFlight?
        /// The server's FATAL message, which explains the loss of the connection that follows.
        var fatalMessage: ServerMessage?
        /// The events that the observer has not received yet.
        var events = Deque<Event>()
        /// Whether a thread is passing events to the observer.
        var isReporting = false
        /// The statements that the server keeps prepared.
        var statements: StatementCache
    }

    let loop: ApusLoop
    let observer: ConnectionObserver
    let state: Mutex<State>
    /// The loop's token of this connection.
    let token: UInt64

    /// Takes ownership of an open session.
    /// - Parameter preparedStatements: how many statements the server keeps prepared.
    init(
        _ session: consuming OpenSession, loop: ApusLoop, observer: ConnectionObserver, preparedStatements: Int
    ) throws {
        self.loop = loop
        self.observer = observer
        try session.connection.enterPipelineMode()
        state = Mutex(State(session: consume session, statements: StatementCache(capacity: preparedStatements)))
        token = loop.makeToken()
    }

    /// Begins to watch the socket. The loop retains the object until the connection is closed.
    func start() throws {
        loop.add(self, token: token)
        var effects = Effects()
        do {
            try state.withLock { state in
                try watchSocket(&state, for: .read)
                // libpq may have read bytes after the handshake, which do not make the socket readable again.
                collectEvents(&state, &effects)
            }
        } catch {
            loop.remove(token)
            throw error
        }
        run(effects)
    }

    // MARK: Requests

    /// Submits a request, and waits for the first part of its answer.
    func perform(_ request: Request) async -> Request.Delivery {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                submit(request, waiter: continuation)
            }
        } onCancel: {
            stop(request, because: .cancelled)
        }
    }

    /// Performs a request although the task is cancelled, because a transaction must be ended. The request must have a
    /// deadline, because nothing else limits the wait.
    func performShielded(_ request: Request) async -> Request.Delivery {
        await withUnsafeContinuation { continuation in submit(request, waiter: continuation) }
    }

    /// Waits for the next part of an answer.
    func nextDelivery(of request: Request) async -> Request.Delivery {
        if let delivery = takeDelivery(of: request, waiter: nil) { return delivery }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if let delivery = takeDelivery(of: request, waiter: continuation) {
                    continuation.resume(returning: delivery)
                }
            }
        } onCancel: {
            stop(request, because: .cancelled)
        }
    }

    private func submit(_ request: Request, waiter: UnsafeContinuation<Request.Delivery, Never>) {
        var effects = Effects()
        state.withLock { state in
            // Set before anything is sent, because the answer may arrive before this function returns.
            request.waiter = waiter
            submit(request, &state, &effects)
        }
        run(effects)
    }

    /// Takes what there is of an answer. If there is nothing, the waiter is resumed later.
    private func takeDelivery(
        of request: Request, waiter: UnsafeContinuation<Request.Delivery, Never>?
    ) -> Request.Delivery? {
        var effects = Effects()
        let delivery = state.withLock { state -> Request.Delivery? in
            if request.waiter != nil {
                let error = ApusError(.usage, "the rows of one statement are being read twice at the same time")
                return Request.Delivery(outcome: .failed(error.at(request.site)))
            }
            let delivery = request.takeDelivery()
            if delivery == nil { request.waiter = waiter }
            if state.isPaused, !request.hasFullBatch { readResults(&state, isReadable: false, &effects) }
            return delivery
        }
        run(effects)
        return delivery
    }

    /// Drops the rows of a request that were not fetched. The statement itself is not stopped, because that would undo
    /// its changes; its remaining rows are read and dropped.
    func abandon(_ request: Request) {
        var effects = Effects()
        state.withLock { state in
            guard request.stage != .ended || request.hasFullBatch else { return }
            request.abandon()
            if state.isPaused { readResults(&state, isReadable: false, &effects) }
        }
        run(effects)
    }

    /// Ends a transaction's hold on the connection, and sends the statements that waited for it.
    func release(_ lease: Lease) {
        var effects = Effects()
        state.withLock { state in
            guard state.holder === lease else { return }
            state.holder = nil
            sendWaiting(&state, &effects)
        }
        run(effects)
    }

    /// Rolls back a `BEGIN` whose answer the task does not wait for. The server may still begin the transaction, and
    /// the next statements of other tasks would be part of it, so they wait until the `ROLLBACK` is answered. A server
    /// that does not answer it in time costs the connection: see ``beginAnswer(of:_:)``.
    func rollBackAbandonedBegin(_ lease: Lease, _ site: CallSite) {
        var effects = Effects()
        state.withLock { state in
            // If the transaction does not hold the connection, BEGIN was not sent.
            guard state.holder === lease else { return }
            let request = Request(
                "ROLLBACK", keepsRows: false, lease: lease, releasesLease: true, timeout: nil, site: site)
            request.isAbandoned = true
            submit(request, &state, &effects)
        }
        run(effects)
    }

    // MARK: Closing

    /// Closes the connection. Calls that wait throw the error.
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
        collectEvents(&state, &effects)
        // Before the session is closed, because the number of the descriptor may be reused after that.
        try? watchSocket(&state, for: nil)
        effects.session = state.session.take()
        state.holder = nil
        state.cancel = nil
        effects.removesWatcher = true
        for request in state.inFlight.removeAll() { end(request, .failed(error), &effects) }
        for request in state.waiting.removeAll() { end(request, .failed(error), &effects) }
    }

    /// Closes a connection that broke. The error is completed by what the server sent before, either unasked or as the
    /// answer to a statement.
    func closeLost(_ state: inout State, _ error: ApusError, _ effects: inout Effects) {
        guard state.closing == nil else { return }
        collectEvents(&state, &effects)
        var loss = error
        let answered = state.inFlight.first?.error?.server
        if let fatal = state.fatalMessage ?? answered.flatMap({ Self.isFatal($0) ? $0 : nil }) {
            loss.message = fatal.primary ?? fatal.text
            loss.server = fatal
        }
        loss.code = .connectionLost
        append(.loss(loss), &state, &effects)
        close(&state, loss, &effects)
    }

    // MARK: Calls from the loop

    func descriptorIsReady(_ ready: Wait.Interest) {
        var effects = Effects()
        state.withLock { readResults(&$0, isReadable: true, &effects) }
        run(effects)
    }

    func timerFired(_ now: Duration) {
        var effects = Effects()
        state.withLock { state in
            state.alarm = nil
            stopOverdue(&state, now, &effects)
        }
        run(effects)
    }

    /// Registers the socket with the loop, or changes what it is registered for; `nil` unregisters it.
    func watchSocket(_ state: inout State, for interest: Wait.Interest?) throws(PQError) {
        guard state.interest != interest, let descriptor = state.session?.connection.descriptor else { return }
        state.interest = interest
        if let interest {
            try loop.watch(descriptor, for: interest, token: token)
        } else {
            loop.unwatch(descriptor)
        }
    }

    // MARK: Effects

    /// What is to be done after the lock is released: the program's own code runs then, and system calls.
    struct Effects: ~Copyable {
        /// The tasks to resume.
        var wakeups: [(UnsafeContinuation<Request.Delivery, Never>, Request.Delivery)] = []
        /// Whether there are events for the observer.
        var hasEvents = false
        /// A request to cancel that is to be sent.
        var cancel: CancelRun?
        /// Why a request to cancel could not be sent.
        var cancelFailure: (any Error)?
        /// Whether the loop may release the object.
        var removesWatcher = false
        /// The session of a connection that was closed.
        var session: OpenSession?
    }

    func run(_ effects: consuming Effects) {
        if let cancel = effects.cancel { start(cancel) }
        if let error = effects.cancelFailure { observer.cancelFailed(error) }
        if effects.hasEvents { reportEvents() }
        // libpq sends Terminate and ends TLS, each with system calls. They cannot block, because the socket is in
        // non-blocking mode: what it does not take at once is not sent. So this thread may do it, even the loop's.
        effects.session = nil
        for (waiter, delivery) in effects.wakeups { waiter.resume(returning: delivery) }
        if effects.removesWatcher { loop.remove(token) }
    }

    /// Resumes the task that waits for a request, if there is one and there is something for it.
    func resumeWaiter(of request: Request, _ effects: inout Effects) {
        guard let waiter = request.waiter, let delivery = request.takeDelivery() else { return }
        request.waiter = nil
        effects.wakeups.append((waiter, delivery))
    }

    /// Ends a request with an outcome, unless it has ended.
    func end(_ request: Request, _ outcome: Request.Outcome, _ effects: inout Effects) {
        guard request.stage != .ended else { return }
        request.stage = .ended
        if case .failed(let error) = outcome {
            request.outcome = .failed(error.at(request.site))
        } else {
            request.outcome = outcome
        }
        resumeWaiter(of: request, &effects)
    }
}
