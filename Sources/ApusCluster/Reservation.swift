import Synchronization

/// A session that is counted on a node. It is made before connecting and owned by the connection, and it is released
/// exactly once.
///
/// Releasing the last reference releases the session too, so that a connection that is garbage-collected, or was never
/// opened, is not counted for ever. In a forked child every call is a no-op, because the counts are the parent's.
public final class Reservation: Sendable {
    /// The cluster that counts the session.
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

    /// Stops counting the session. Only the first call has an effect.
    public func release() {
        if isReleased.exchange(true, ordering: .relaxed) { return }
        cluster.release(slot)
    }

    /// Puts the node into quarantine because it could not be reached: it is not picked again for a while, unless no
    /// other node is left.
    ///
    /// Like ``markReached()``, this has no effect if the node has left the list or moved since it was picked.
    /// - Parameter until: the end of the quarantine, on the callers' clock.
    public func markUnreachable(until: Duration) { cluster.quarantine(slot, until: until) }

    /// Ends the node's quarantine because a session was opened on it.
    public func markReached() { cluster.markReached(slot) }

    /// Records that the node sent something, although the session is not open yet: other connects then know that the
    /// node is alive.
    public func markAnswered(at now: Duration) { cluster.markAnswered(slot, at: now) }

    /// When the node last sent something to any caller of this process that connected to it; `nil` if it never did.
    public var lastAnswer: Duration? { cluster.lastAnswer(slot) }
}
