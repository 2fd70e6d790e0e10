import Synchronization

/// One cluster, as this process knows it: thread-safe, and never locked while anybody waits for a network.
public final class Cluster: Sendable {
    /// What a caller is to do before it picks a node.
    public enum Plan: Sendable {
        /// The list is fresh, or somebody else is refreshing it and the last good one serves meanwhile.
        case pick
        /// The caller refreshes the list. It must end the refresh, by success or failure.
        case refresh(RefreshTicket)
        /// There is no list yet and somebody fetches it: wait for the end of that flight, then ask again.
        case wait(Flight)
        /// The contact points are no cluster: a server there has no `yb_servers()`. Asked again after the interval.
        case connectPlainly
    }

    /// Which way nodes are addressed, once it is known how the cluster was reached.
    public enum Addressing: Sendable, Hashable {
        /// Nobody has told yet: private first, then public.
        case undecided
        /// By the nodes' own names.
        case privateHost
        /// By their public names.
        case publicHost
    }

    private struct State {
        var nodes: ClusterState
        var universeUUID: String?
        var flight: Flight?
        var lastRefresh: Duration?
        /// After a failed refresh the last good list serves until then.
        var retryAfter: Duration?
        var addressing = Addressing.undecided
        var isPlainServer = false
        var hasWarnedOfPlainServer = false
    }
    private let state: Mutex<State>
    /// Whether the process is still the one that made this: in a fork's child nothing may be counted or locked.
    private let belongsHere: @Sendable () -> Bool

    init(seed: UInt64, belongsHere: @escaping @Sendable () -> Bool) {
        state = Mutex(State(nodes: ClusterState(seed: seed)))
        self.belongsHere = belongsHere
    }

    // MARK: The list of nodes

    /// Decides what a caller does first. At most one refresh is under way at a time.
    /// - Parameters:
    ///   - interval: the caller's `yb_servers_refresh_interval`; zero asks for a refresh before every connect.
    ///   - force: refresh though the list is fresh, for it turned out to be useless.
    public func plan(interval: Duration, force: Bool = false, now: Duration) -> Plan {
        state.withLock { state in
            if let last = state.lastRefresh {
                if state.flight != nil { return state.isPlainServer ? .connectPlainly : .pick }
                let isStale = now - last >= interval && state.retryAfter.map { now >= $0 } ?? true
                if !isStale && !force { return state.isPlainServer ? .connectPlainly : .pick }
            } else if let flight = state.flight {
                return .wait(flight)
            }
            let flight = Flight()
            state.flight = flight
            return .refresh(RefreshTicket(cluster: self, flight: flight))
        }
    }

    /// Takes over the outcome of a refresh. An empty list stands for a server that is no cluster.
    func end(
        _ flight: Flight, nodes: [ClusterNode]?, outcome: Flight.Outcome, now: Duration, retryAfter: Duration?
    ) {
        let isCurrent = state.withLock { state in
            guard state.flight === flight else { return false }
            state.flight = nil
            state.retryAfter = retryAfter
            if let nodes {
                state.nodes.replaceList(nodes)
                state.isPlainServer = nodes.isEmpty
                state.lastRefresh = now
                state.universeUUID = nodes.lazy.compactMap(\.universeUUID).first ?? state.universeUUID
            }
            return true
        }
        if isCurrent { flight.end(outcome) }
    }

    /// Takes over a list that was fetched for contact points which turned out to be this cluster's.
    func accept(_ nodes: [ClusterNode], now: Duration) {
        state.withLock { state in
            state.nodes.replaceList(nodes)
            state.lastRefresh = now
            state.retryAfter = nil
            state.isPlainServer = false
            state.universeUUID = nodes.lazy.compactMap(\.universeUUID).first ?? state.universeUUID
        }
    }

    /// The identity that the list gave, if it gave one.
    var universeUUID: String? { state.withLock { $0.universeUUID } }

    /// Whether any node of a list is known here by its uuid.
    func overlaps(_ uuids: Set<String>) -> Bool {
        state.withLock { $0.nodes.listedNodes.contains { $0.uuid.map(uuids.contains) ?? false } }
    }

    /// The nodes of the last good list; empty when there is none.
    public var nodes: [ClusterNode] { state.withLock { $0.nodes.listedNodes } }

    // MARK: Picking

    /// Picks a node and counts a session on it, in one step. Prefers nodes that are not in quarantine.
    /// - Parameter tried: reservations whose nodes must not be picked again.
    /// - Returns: `nil` when no eligible node is left.
    public func pick(_ policy: BalancePolicy, excluding tried: [Reservation] = [], now: Duration) -> Reservation? {
        let tried = tried.map(\.position)
        let picked = state.withLock { state -> (ClusterNode, Int)? in
            guard let position = state.nodes.pick(policy, excluding: tried, now: now) else { return nil }
            return (state.nodes.slots[position].node, position)
        }
        return picked.map { Reservation(cluster: self, node: $0.0, position: $0.1) }
    }

    /// Counts a session that was opened without picking, if its node is listed.
    public func adopt(_ endpoint: Endpoint) -> Reservation? {
        let adopted = state.withLock { state -> (ClusterNode, Int)? in
            guard let position = state.nodes.adopt(endpoint) else { return nil }
            return (state.nodes.slots[position].node, position)
        }
        return adopted.map { Reservation(cluster: self, node: $0.0, position: $0.1) }
    }

    func release(_ position: Int) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.release(position) }
    }

    func quarantine(_ position: Int, until moment: Duration) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.quarantine(position, until: moment) }
    }

    func markReached(_ position: Int) {
        guard belongsHere() else { return }
        state.withLock { $0.nodes.markReached(position) }
    }

    /// Keeps a node, known by its endpoint, from being picked until a moment.
    public func quarantine(_ endpoint: Endpoint, until moment: Duration) {
        state.withLock { state in
            let position = state.nodes.slots.indices.first {
                state.nodes.slots[$0].isListed && state.nodes.slots[$0].node.endpoint == endpoint
            }
            if let position { state.nodes.quarantine(position, until: moment) }
        }
    }

    // MARK: Addressing and logging

    public var addressing: Addressing {
        get { state.withLock { $0.addressing } }
        set { state.withLock { $0.addressing = newValue } }
    }

    /// Whether this is the first time that somebody finds the cluster to be a plain server: one warning is enough.
    public func shouldWarnOfPlainServer() -> Bool {
        state.withLock { state in
            defer { state.hasWarnedOfPlainServer = true }
            return !state.hasWarnedOfPlainServer
        }
    }

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
        state.withLock { state in
            state.nodes.slots.filter { $0.isListed || $0.sessions > 0 }.map {
                NodeStatus(
                    node: $0.node, sessions: Int($0.sessions), downUntil: $0.downUntil, isListed: $0.isListed)
            }
        }
    }
}
