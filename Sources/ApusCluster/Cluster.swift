import ApusWaiting

/// One cluster, as this process knows it: thread-safe, and never locked while anybody waits for a network.
///
/// In a fork's child it is empty and deaf: its lock may be held by a thread that does not exist there, and what it
/// counts is the parent's.
public final class Cluster: Sendable {
    /// What a caller is to do before it picks a node.
    public enum Plan: Sendable {
        /// The list is fresh, or another caller refreshes it and the last good one serves meanwhile.
        case pick
        /// The caller refreshes the list. It must end the refresh, by success or failure.
        case refresh(RefreshTicket)
        /// There is no list yet, or none of use to the caller, and another caller fetches it: wait for the end of that
        /// flight, or until the caller's patience with it is over (``Flight/began``), then ask again.
        case wait(Flight)
        /// The contact points are no cluster: the caller's database there has no `yb_servers()`. It is asked again
        /// after the interval.
        case connectPlainly
    }

    /// Which way nodes are addressed, once it is known how the cluster was reached.
    public enum Addressing: Sendable, Hashable {
        /// Not known yet: private first, then public.
        case undecided
        /// By the nodes' own names.
        case privateHost
        /// By their public names.
        case publicHost
    }

    private struct State {
        var nodes: ClusterState
        var universeUUID: String?
        /// The refresh that was begun last. An earlier one, which took too long, may still be under way beside it.
        var flight: Flight?
        /// When the last good list was taken over; `nil` as long as there is none.
        var lastRefresh: Duration?
        /// When the refresh began that brought the last good list.
        var listBegan: Duration?
        /// After a failed refresh the last good list serves until then.
        var retryAfter: Duration?
        var addressing = Addressing.undecided
        var plainDatabases = PlainDatabases()
        /// How long a server of this cluster is usually silent while it opens a session.
        var usualSilence: Duration = .zero
    }
    private let state: ForkSafeMutex<State>
    /// Whether the process is still the one that made this: in a fork's child nothing may be counted or locked.
    private let belongsHere: @Sendable () -> Bool

    init(seed: UInt64, belongsHere: @escaping @Sendable () -> Bool) {
        state = ForkSafeMutex(State(nodes: ClusterState(seed: seed)))
        self.belongsHere = belongsHere
    }

    // MARK: The list of nodes

    /// Decides what a caller does first. One refresh is under way at a time, unless one takes too long: whoever began
    /// it may be a program that does not get round to its asynchronous connection.
    ///
    /// - Parameters:
    ///   - interval: the caller's `yb_servers_refresh_interval`; zero asks for a refresh before every connect.
    ///   - force: refresh though the list is fresh, because it turned out to be useless; a refresh that is under way
    ///     already is waited for.
    ///   - database: where the caller looks for `yb_servers()`: one database of a server may have it, and another not.
    ///   - patience: how long, since it began, a refresh is waited for by a caller to whom the present list is of no
    ///     use.
    ///   - lifetime: how long the refresh may take that the caller is told to do; after that, others who find the list
    ///     stale do it again.
    public func plan(
        interval: Duration, force: Bool = false, database: String = "", patience: Duration = .seconds(3),
        lifetime: Duration = .seconds(300), now: Duration
    ) -> Plan {
        guard belongsHere() else { return .pick }
        return state.withLock { state in
            if let last = state.lastRefresh ?? state.plainDatabases.found(database), !force {
                let isStale = now - last >= interval && state.retryAfter.map { now >= $0 } ?? true
                let isRefreshing = state.flight.map { now < $0.expires } ?? false
                if !isStale || isRefreshing { return state.lastRefresh == nil ? .connectPlainly : .pick }
            } else if let flight = state.flight, now - flight.began < patience {
                return .wait(flight)
            }
            let flight = Flight(began: now, lifetime: lifetime, belongsHere: belongsHere)
            state.flight = flight
            return .refresh(RefreshTicket(cluster: self, flight: flight))
        }
    }

    /// What a refresh found where it brought no list.
    struct PlainServer {
        var database: String
        var now: Duration
    }

    /// Takes over the outcome of a refresh, its list having been accepted already.
    /// - Parameter plainServer: where it was found that there is no list to be had.
    func end(_ flight: Flight, outcome: Flight.Outcome, retryAfter: Duration?, plainServer: PlainServer? = nil) {
        guard belongsHere() else { return }
        let isLatest = state.withLock { state in
            if let plainServer, state.lastRefresh == nil {
                state.plainDatabases.note(plainServer.database, plainServer.now)
            }
            guard state.flight === flight else { return false }
            state.flight = nil
            // Giving up for one's own reasons says nothing about the sources: an earlier back-off stands.
            state.retryAfter = retryAfter ?? state.retryAfter
            return true
        }
        // A refresh that a later one has overtaken does not speak for the sources: who waits for it asks again.
        if case .failed = outcome, !isLatest { return flight.end(.abandoned) }
        flight.end(outcome)
    }

    /// Takes over a list of nodes.
    /// - Parameter began: when its refresh began. Of two that were under way at once, the list counts whose refresh
    ///   began last, whichever comes in last.
    func accept(_ nodes: [ClusterNode], began: Duration? = nil, now: Duration) {
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

    /// The identity that the list gave, if it gave one.
    var universeUUID: String? { belongsHere() ? state.withLock { $0.universeUUID } : nil }

    /// Whether any node of a list is known here by its uuid.
    func overlaps(_ uuids: Set<String>) -> Bool {
        guard belongsHere() else { return false }
        return state.withLock { $0.nodes.listedNodes.contains { $0.uuid.map(uuids.contains) ?? false } }
    }

    /// The nodes of the last good list; empty when there is none.
    public var nodes: [ClusterNode] { belongsHere() ? state.withLock { $0.nodes.listedNodes } : [] }

    // MARK: Picking

    /// Picks a node and counts a session on it, in one step. Prefers nodes that are not in quarantine.
    /// - Parameter tried: reservations whose nodes must not be picked again.
    /// - Returns: `nil` when no eligible node is left.
    public func pick(_ policy: BalancePolicy, excluding tried: [Reservation] = [], now: Duration) -> Reservation? {
        guard belongsHere() else { return nil }
        // One who was led to another cluster meanwhile has tried nodes of two.
        let tried = tried.isEmpty ? [] : tried.filter { $0.cluster === self }.map(\.slot)
        let picked = state.withLock { $0.nodes.pick(policy, excluding: tried, now: now) }
        return picked.map { Reservation(cluster: self, node: $0.node, slot: $0.slot) }
    }

    /// Counts a session that was opened without picking, if its node is listed.
    /// - Parameter endpoint: where it went to: the node's own address or its public one.
    public func adopt(_ endpoint: Endpoint) -> Reservation? {
        guard belongsHere() else { return nil }
        let adopted = state.withLock { $0.nodes.adopt(endpoint) }
        return adopted.map { Reservation(cluster: self, node: $0.node, slot: $0.slot) }
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

    /// Keeps a node, known by its own address or its public one, from being picked until a moment.
    public func quarantine(_ endpoint: Endpoint, until moment: Duration) {
        guard belongsHere() else { return }
        state.withLock { state in
            if let slot = state.nodes.slot(at: endpoint) { state.nodes.quarantine(slot, until: moment) }
        }
    }

    // MARK: How long servers are silent

    /// A server answered a caller that connects to it: it is alive, though it may keep other callers waiting.
    func markAnswered(_ slot: ClusterState.SlotID, at now: Duration) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.markAnswered(slot, at: now) }
    }

    func lastAnswer(_ slot: ClusterState.SlotID) -> Duration? {
        guard belongsHere() else { return nil }
        return state.withLock { $0.nodes.lastAnswer(slot) }
    }

    /// How long a server of this cluster is usually silent while it opens a session; zero as long as that is not known.
    public var usualSilence: Duration { belongsHere() ? state.withLock { $0.usualSilence } : .zero }

    /// Tells how long a server was silent at most while it opened a session. Longer silences are believed at once, and
    /// forgotten slowly.
    public func noteSilence(_ silence: Duration) {
        guard belongsHere() else { return }
        state.withLock { $0.usualSilence = max(silence, $0.usualSilence - $0.usualSilence / 8) }
    }

    // MARK: Addressing and logging

    public var addressing: Addressing {
        get { belongsHere() ? state.withLock { $0.addressing } : .undecided }
        set { if belongsHere() { state.withLock { $0.addressing = newValue } } }
    }

    /// Whether this is the first time that a database of the server is found to have no `yb_servers()`: one warning is
    /// enough.
    public func shouldWarnOfPlainServer(_ database: String = "") -> Bool {
        guard belongsHere() else { return false }
        return state.withLock { $0.plainDatabases.shouldWarn(database) }
    }

    /// Runs a body while the lock is held, for tests of what does not take it.
    func whileLocked(_ body: () throws -> Void) rethrows { try state.withLock { _ in try body() } }

    // MARK: Looking in

    /// A node and what this process knows of it.
    public struct NodeStatus: Sendable, Hashable {
        public var node: ClusterNode
        /// Sessions of this process on the node, those being opened included.
        public var sessions: Int
        /// The end of its quarantine on the clock that the callers use; `nil` when it is not in one.
        public var downUntil: Duration?
        /// Whether the last good list has it; otherwise it is shown for the sessions that are still open.
        public var isListed: Bool
    }

    /// Every node that is listed or carries a session, in no particular order.
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
