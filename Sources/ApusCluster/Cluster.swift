import ApusWaiting

/// One cluster, as this process knows it. It is thread-safe, and its lock is never held during I/O.
///
/// In a forked child every call is a no-op, and every question has the answer of a cluster without nodes: the lock may
/// be held by a thread that does not exist there, and the counts are the parent's.
public final class Cluster: Sendable {
    /// What a caller does before it picks a node.
    public enum Plan: Sendable {
        /// The list is fresh, or another caller refreshes it and the last good list is used meanwhile.
        case pick
        /// The caller refreshes the list. It must end the refresh, by success or failure.
        case refresh(RefreshTicket)
        /// There is no list yet, or none of use to the caller, and another caller fetches it. Wait until that refresh
        /// ends, or until `patience` has passed since it began (``ListRefresh/began``), then ask again.
        case wait(ListRefresh)
        /// The contact points are no cluster, because the caller's database there has no `yb_servers()`. It is asked
        /// again after the refresh interval.
        case connectPlainly
    }

    /// Which of their two names nodes are connected to by.
    public enum Addressing: Sendable, Hashable {
        /// Not known yet: the private name is tried first, then the public one.
        case undecided
        /// By their private names.
        case privateHost
        /// By their public names.
        case publicHost
    }

    private struct State {
        var nodes: ClusterState
        var universeUUID: String?
        /// The refresh that was begun last. An earlier one that takes too long may still be running beside it.
        var refresh: ListRefresh?
        /// When the last good list arrived; `nil` while there is none.
        var lastRefresh: Duration?
        /// When the refresh began that brought the last good list.
        var listBegan: Duration?
        /// After a failed refresh, the last good list is used until this moment.
        var retryAfter: Duration?
        var addressing = Addressing.undecided
        var plainDatabases = PlainDatabases()
        /// How long a healthy server of this cluster sends nothing while it opens a session.
        var usualSilence: Duration = .zero
    }
    private let state: ForkSafeMutex<State>
    /// Whether this process created the value. In a forked child nothing may be counted or locked.
    private let belongsHere: @Sendable () -> Bool

    init(seed: UInt64, belongsHere: @escaping @Sendable () -> Bool) {
        state = ForkSafeMutex(State(nodes: ClusterState(seed: seed)))
        self.belongsHere = belongsHere
    }

    // MARK: The list of nodes

    /// Decides what a caller does before it picks a node. One refresh runs at a time, unless it takes too long, because
    /// the program that began it may not be polling its asynchronous connection.
    ///
    /// - Parameters:
    ///   - interval: the caller's `yb_servers_refresh_interval`; zero asks for a refresh before every connect.
    ///   - force: refresh a fresh list too, because none of its nodes could be reached. A refresh that is running
    ///     already is waited for.
    ///   - database: where the caller looks for `yb_servers()`: one database of a server may have it, and another not.
    ///   - patience: how long after its beginning a refresh is waited for by a caller that cannot use the present list.
    ///   - lifetime: how long the refresh may take that this call asks for. After that, other callers that find the
    ///     list stale refresh it again.
    ///   - now: the present moment, on the clock of all callers.
    public func planRefresh(
        interval: Duration, force: Bool = false, database: String = "", patience: Duration = .seconds(3),
        lifetime: Duration = .seconds(300), now: Duration
    ) -> Plan {
        guard belongsHere() else { return .pick }
        return state.withLock { state in
            if let last = state.lastRefresh ?? state.plainDatabases.found(database), !force {
                let isStale = now - last >= interval && state.retryAfter.map { now >= $0 } ?? true
                let isRefreshing = state.refresh.map { now < $0.expires } ?? false
                if !isStale || isRefreshing { return state.lastRefresh == nil ? .connectPlainly : .pick }
            } else if let refresh = state.refresh, now - refresh.began < patience {
                return .wait(refresh)
            }
            let refresh = ListRefresh(began: now, lifetime: lifetime, belongsHere: belongsHere)
            state.refresh = refresh
            return .refresh(RefreshTicket(cluster: self, refresh: refresh))
        }
    }

    /// A database without `yb_servers()`, and when a refresh found that.
    struct PlainServer {
        var database: String
        var now: Duration
    }

    /// Records the outcome of a refresh. Its list, if it has one, has been recorded before.
    /// - Parameter plainServer: the database that was found to have no `yb_servers()`.
    func endRefresh(
        _ refresh: ListRefresh, outcome: ListRefresh.Outcome, retryAfter: Duration?, plainServer: PlainServer? = nil
    ) {
        guard belongsHere() else { return }
        let isLatest = state.withLock { state in
            if let plainServer, state.lastRefresh == nil {
                state.plainDatabases.record(plainServer.database, plainServer.now)
            }
            guard state.refresh === refresh else { return false }
            state.refresh = nil
            // An abandoned refresh says nothing about the sources, so an earlier back-off stays.
            state.retryAfter = retryAfter ?? state.retryAfter
            return true
        }
        // A later refresh is running, so the failure of this one is not final: its waiters ask again.
        if case .failed = outcome, !isLatest { return refresh.end(.abandoned) }
        refresh.end(outcome)
    }

    /// Replaces the list of nodes.
    /// - Parameter began: when the refresh began that brought the list. Of two refreshes that ran at the same time, the
    ///   list of the one that began last is kept, whichever list arrives last.
    func replaceList(_ nodes: [ClusterNode], began: Duration? = nil, now: Duration) {
        guard belongsHere() else { return }
        state.withLock { state in
            if let began, let present = state.listBegan, began < present { return }
            state.nodes.replaceList(nodes)
            state.plainDatabases = PlainDatabases()
            state.lastRefresh = now
            state.listBegan = began ?? state.listBegan
            state.retryAfter = nil
            state.universeUUID = nodes.lazy.compactMap(\.universeUUID).first ?? state.universeUUID
        }
    }

    /// The cluster's identity, if a list had it.
    var universeUUID: String? { belongsHere() ? state.withLock { $0.universeUUID } : nil }

    /// Whether a node of this cluster has one of the uuids.
    func overlaps(_ uuids: Set<String>) -> Bool {
        guard belongsHere() else { return false }
        return state.withLock { $0.nodes.listedNodes.contains { $0.uuid.map(uuids.contains) ?? false } }
    }

    /// The nodes of the last good list; empty if there is none.
    public var nodes: [ClusterNode] { belongsHere() ? state.withLock { $0.nodes.listedNodes } : [] }

    // MARK: Picking

    /// Picks the least loaded of the preferred nodes and counts a session on it, in one step. Nodes in quarantine are
    /// picked only when no other node is left.
    /// - Parameter tried: reservations whose nodes must not be picked again.
    /// - Returns: `nil` when no eligible node is left.
    public func pick(_ policy: BalancePolicy, excluding tried: [Reservation] = [], now: Duration) -> Reservation? {
        guard belongsHere() else { return nil }
        // A caller whose contact points turned out to lead to another cluster has tried nodes of two clusters.
        let tried = tried.isEmpty ? [] : tried.filter { $0.cluster === self }.map(\.slot)
        let picked = state.withLock { $0.nodes.pick(policy, excluding: tried, now: now) }
        return picked.map { Reservation(cluster: self, node: $0.node, slot: $0.slot) }
    }

    /// Counts a session that was opened without picking.
    /// - Parameter endpoint: what was connected to: a node's private or public name.
    /// - Returns: `nil` if no listed node has that endpoint.
    public func countSession(at endpoint: Endpoint) -> Reservation? {
        guard belongsHere() else { return nil }
        let counted = state.withLock { $0.nodes.countSession(at: endpoint) }
        return counted.map { Reservation(cluster: self, node: $0.node, slot: $0.slot) }
    }

    func release(_ slot: ClusterState.SlotID) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.release(slot) }
    }

    func quarantine(_ slot: ClusterState.SlotID, until moment: Duration) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.quarantine(slot, until: moment) }
    }

    func markReached(_ slot: ClusterState.SlotID) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.markReached(slot) }
    }

    /// Puts a node into quarantine until a moment.
    /// - Parameter endpoint: the node's private or public name.
    public func quarantine(_ endpoint: Endpoint, until moment: Duration) {
        guard belongsHere() else { return }
        state.withLock { state in
            if let slot = state.nodes.slot(at: endpoint) { state.nodes.quarantine(slot, until: moment) }
        }
    }

    // MARK: Answers of servers

    /// Records that a server sent something to a caller that connects to it: it is alive, though other callers may
    /// still wait for an answer.
    func markAnswered(_ slot: ClusterState.SlotID, at now: Duration) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.markAnswered(slot, at: now) }
    }

    func lastAnswer(_ slot: ClusterState.SlotID) -> Duration? {
        guard belongsHere() else { return nil }
        return state.withLock { $0.nodes.lastAnswer(slot) }
    }

    /// The longest time for which a healthy server of this cluster sends nothing while it opens a session; zero while
    /// that is unknown.
    public var usualSilence: Duration { belongsHere() ? state.withLock { $0.usualSilence } : .zero }

    /// Records for how long a server sent nothing while it opened a session. A longer silence counts at once; with each
    /// shorter one the value decays by an eighth.
    public func recordSilence(_ silence: Duration) {
        guard belongsHere() else { return }
        state.withLock { $0.usualSilence = max(silence, $0.usualSilence - $0.usualSilence / 8) }
    }

    // MARK: Addressing and logging

    /// Which names nodes are connected to by.
    public var addressing: Addressing {
        get { belongsHere() ? state.withLock { $0.addressing } : .undecided }
        set { if belongsHere() { state.withLock { $0.addressing = newValue } } }
    }

    /// Whether a warning is due that a database has no `yb_servers()`: true for the first call per database.
    public func shouldWarnOfPlainServer(_ database: String = "") -> Bool {
        guard belongsHere() else { return false }
        return state.withLock { $0.plainDatabases.shouldWarn(database) }
    }

    /// Runs `body` while the lock is held, for tests of what does not take the lock.
    func whileLocked(_ body: () throws -> Void) rethrows { try state.withLock { _ in try body() } }

    // MARK: Monitoring

    /// A node and what this process knows of it.
    public struct NodeStatus: Sendable, Hashable {
        public var node: ClusterNode
        /// This process's sessions on the node, with those that are being opened.
        public var sessions: Int
        /// The end of its quarantine on the callers' clock; `nil` if it is not in quarantine.
        public var downUntil: Duration?
        /// Whether the last good list has the node. A node that left the list is shown while it has open sessions.
        public var isListed: Bool
    }

    /// Every node that is listed or has a session, in no particular order.
    public var status: [NodeStatus] {
        guard belongsHere() else { return [] }
        return state.withLock { state in
            state.nodes.slots.filter { $0.isListed || $0.sessions > 0 }.map {
                NodeStatus(
                    node: $0.node, sessions: Int($0.sessions), downUntil: $0.downUntil, isListed: $0.isListed)
            }
        }
    }
}
