import ApusWaiting
import Synchronization

/// One refresh of a cluster's list of nodes, for callers that wait for it because they have no list.
public final class ListRefresh: Sendable {
    /// How a refresh ended.
    public enum Outcome: Sendable {
        /// There may be a list now, perhaps of another cluster of the registry: ask again.
        case refreshed
        /// The refreshing caller gave up for reasons of its own, such as a refused login or a cancellation: ask again,
        /// and perhaps refresh the list.
        case abandoned
        /// No source could be reached, and a waiting caller would not reach one either. The text is an error message.
        case failed(String)
    }

    private struct State {
        var outcome: Outcome?
        var observers: [@Sendable () -> Void] = []
    }
    private let state = ForkSafeMutex(State())
    private let belongsHere: @Sendable () -> Bool

    /// When the refresh began, on the callers' clock.
    public let began: Duration
    /// When the refresh has taken longer than it may.
    let expires: Duration

    init(began: Duration, lifetime: Duration, belongsHere: @escaping @Sendable () -> Bool) {
        self.began = began
        expires = began + lifetime
        self.belongsHere = belongsHere
    }

    /// The outcome; `nil` until the refresh ends. In a forked child it is ``Outcome/abandoned``, because the refresh is
    /// the parent's.
    public var outcome: Outcome? { belongsHere() ? state.withLock { $0.outcome } : .abandoned }

    /// Calls `observer` when the refresh ends, on the thread that ends it. If it has ended already, calls it at once.
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

/// The permission, and the duty, to refresh a cluster's list. One caller has it at a time; a second one gets it only
/// when the first takes too long. Releasing the last reference abandons the refresh, so that callers do not wait for
/// one that was cancelled.
public final class RefreshTicket: Sendable {
    /// The cluster whose list is refreshed.
    public let cluster: Cluster
    let refresh: ListRefresh
    private let isEnded = Atomic<Bool>(false)

    init(cluster: Cluster, refresh: ListRefresh) {
        self.cluster = cluster
        self.refresh = refresh
    }

    deinit { abandon() }

    /// Ends the refresh as ``ListRefresh/Outcome/abandoned``. Like every other end, it has no effect after the first.
    public func abandon() { end(.abandoned, retryAfter: nil) }

    /// Ends the refresh because no source gave a list. The last good list stays in use.
    /// - Parameters:
    ///   - message: the error message for callers that wait.
    ///   - retryAfter: if there is a last good list, when the next refresh may begin.
    public func fail(_ message: String, retryAfter: Duration) {
        end(.failed(message), retryAfter: retryAfter)
    }

    /// Ends the refresh because a contact point answered that a database has no `yb_servers()`. This has an effect only
    /// for a cluster without a list; if there is one, call ``fail(_:retryAfter:)``.
    public func reportPlainServer(_ database: String = "", now: Duration) {
        end(.refreshed, retryAfter: nil, plainServer: .init(database: database, now: now))
    }

    /// Ends the refresh after its list was recorded, for this cluster or for the one that it belongs to.
    func succeed() { end(.refreshed, retryAfter: nil) }

    private func end(_ outcome: ListRefresh.Outcome, retryAfter: Duration?, plainServer: Cluster.PlainServer? = nil) {
        if isEnded.exchange(true, ordering: .relaxed) { return }
        cluster.endRefresh(refresh, outcome: outcome, retryAfter: retryAfter, plainServer: plainServer)
    }
}
