import Synchronization

/// A session that counts on a node: made before connecting, owned by the connection, given back exactly once.
///
/// Letting go of it gives it back as well, so that a connection that is garbage-collected, or never came to be, leaves
/// no trace. In a fork's child it counts nowhere: the parent's counts are the parent's.
public final class Reservation: Sendable {
    /// The cluster that counts it.
    public let cluster: Cluster
    /// The node, as it was listed when it was picked.
    public let node: ClusterNode
    let slot: ClusterState.SlotID
    private let isReleased = Atomic<Bool>(false)

    init(cluster: Cluster, node: ClusterNode, slot: ClusterState.SlotID) {
        self.cluster = cluster
        self.node = node
        self.slot = slot
    }

    deinit { release() }

    /// Gives the session back; only the first call counts.
    public func release() {
        if isReleased.exchange(true, ordering: .relaxed) { return }
        cluster.release(slot)
    }

    /// The node could not be reached: it is not picked again for a while, unless no other is left.
    ///
    /// Like ``markReached()`` it speaks of the node at the address where it was picked, and has no effect when the node
    /// has left the list or moved meanwhile.
    /// - Parameter until: the end of its quarantine.
    public func markUnreachable(until: Duration) { cluster.quarantine(slot, until: until) }

    /// The node answered: its quarantine, if it is in one, is over.
    public func markReached() { cluster.markReached(slot) }

    /// The node answered, though the session is not open yet: other connects can take it that the node is alive.
    public func markAnswered(at now: Duration) { cluster.markAnswered(slot, at: now) }

    /// When the node last answered any caller of this process that connected to it.
    public var lastAnswer: Duration? { cluster.lastAnswer(slot) }
}
