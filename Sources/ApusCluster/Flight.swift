import ApusWaiting
import Synchronization

/// One refresh of a list of nodes, for those who wait for it because they have no list at all.
public final class Flight: Sendable {
    /// How a refresh ended.
    public enum Outcome: Sendable {
        /// There is a list now; or there may be, in another entry of the registry: ask again.
        case refreshed
        /// The caller that refreshed gave up for reasons of its own (its login was refused, it was cancelled): ask
        /// again, and be perhaps the one who refreshes.
        case abandoned
        /// No source could be reached; the callers that wait would find the same. Worded for an error message.
        case failed(String)
    }

    private struct State {
        var outcome: Outcome?
        var observers: [@Sendable () -> Void] = []
    }
    private let state = ForkSafeMutex(State())
    private let belongsHere: @Sendable () -> Bool

    /// When the refresh began, on the clock that the callers use.
    public let began: Duration
    /// When it has been under way for longer than it may take.
    let expires: Duration

    init(began: Duration, lifetime: Duration, belongsHere: @escaping @Sendable () -> Bool) {
        self.began = began
        expires = began + lifetime
        self.belongsHere = belongsHere
    }

    /// The outcome, once the flight has ended. In a fork's child the flight is the parent's, and nothing to wait for.
    public var outcome: Outcome? { belongsHere() ? state.withLock { $0.outcome } : .abandoned }

    /// Calls back when the flight ends, on whatever thread ends it; at once when it has ended already.
    public func whenEnded(_ observer: @escaping @Sendable () -> Void) {
        guard belongsHere() else { return observer() }
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

/// The right, and the duty, to refresh a cluster's list: given to one caller at a time, and to a second one only when
/// the first takes too long. Letting go of it without a word abandons the flight, so that a caller who is cancelled
/// keeps no other waiting.
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

    /// A contact point answered that a database has no `yb_servers()`. It counts only for a cluster without a list:
    /// where there is one, such an answer is a failed refresh.
    public func findPlainServer(_ database: String = "", now: Duration) {
        end(.refreshed, retryAfter: nil, plainServer: .init(database: database, now: now))
    }

    /// The list has been taken over, here or by the cluster that it belongs to.
    func succeed() { end(.refreshed, retryAfter: nil) }

    private func end(_ outcome: Flight.Outcome, retryAfter: Duration?, plainServer: Cluster.PlainServer? = nil) {
        if isEnded.exchange(true, ordering: .relaxed) { return }
        cluster.end(flight, outcome: outcome, retryAfter: retryAfter, plainServer: plainServer)
    }
}
