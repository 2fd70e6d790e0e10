import Synchronization

/// One refresh of a list of nodes, for those who wait for it because they have no list at all.
public final class Flight: Sendable {
    /// How a refresh ended.
    public enum Outcome: Sendable {
        /// There is a list now; or there may be, in another entry of the registry: ask again.
        case refreshed
        /// Whoever refreshed gave up for reasons of its own (its login was refused, it was cancelled): ask again, and
        /// be perhaps the one who refreshes.
        case abandoned
        /// No source could be reached; whoever waited would find the same. Worded for an error message.
        case failed(String)
    }

    private struct State {
        var outcome: Outcome?
        var observers: [@Sendable () -> Void] = []
    }
    private let state = ForkSafeMutex(State())

    init() {}

    /// The outcome, once the flight has ended.
    public var outcome: Outcome? { state.withLock { $0.outcome } }

    /// Calls back when the flight ends, on whatever thread ends it; at once when it has ended already.
    public func whenEnded(_ observer: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if state.outcome != nil { return true }
            state.observers.append(observer)
            return false
        }
        if isOver { observer() }
    }

    func end(_ outcome: Outcome) {
        let observers = state.withLock { state in
            state.outcome = outcome
            defer { state.observers = [] }
            return state.observers
        }
        for observer in observers { observer() }
    }
}

/// The right, and the duty, to refresh a cluster's list: held by one caller at a time. Letting go of it without a word
/// abandons the flight, so that a caller who is cancelled blocks nobody.
public final class RefreshTicket: Sendable {
    /// The cluster as it was known when the refresh began.
    public let cluster: Cluster
    let flight: Flight
    private let isEnded = Atomic<Bool>(false)

    init(cluster: Cluster, flight: Flight) {
        self.cluster = cluster
        self.flight = flight
    }

    deinit { abandon() }

    /// Gives up for reasons that are the caller's own.
    public func abandon() { end(.abandoned, retryAfter: nil) }

    /// No source answered. The last good list goes on serving.
    /// - Parameter retryAfter: when the next refresh may be tried while there is a list to go on with.
    public func fail(_ message: String, retryAfter: Duration) {
        end(.failed(message), retryAfter: retryAfter)
    }

    /// A contact point answered that it has no `yb_servers()`. It counts only for a cluster without a list: where there
    /// is one, such an answer is a failed refresh.
    public func findPlainServer(now: Duration) { end(.refreshed, retryAfter: nil, plainServer: now) }

    /// The list has been taken over, here or by the cluster that it belongs to.
    func succeed() { end(.refreshed, retryAfter: nil) }

    private func end(_ outcome: Flight.Outcome, retryAfter: Duration?, plainServer: Duration? = nil) {
        if isEnded.exchange(true, ordering: .relaxed) { return }
        cluster.end(flight, outcome: outcome, retryAfter: retryAfter, plainServer: plainServer)
    }
}
