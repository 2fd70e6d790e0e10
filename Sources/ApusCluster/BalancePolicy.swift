/// Whom a caller wants to be connected to: mode, placements, and how far to stray from them.
public struct BalancePolicy: Sendable, Hashable, CustomStringConvertible {
    public var mode: LoadBalanceMode
    public var topologyKeys: [TopologyKey]
    /// `fallback_to_topology_keys_only`: rather fail than leave the placements. It counts only with topology keys, and
    /// not for the `prefer-…` modes.
    public var fallbackToTopologyKeysOnly: Bool

    public init(
        mode: LoadBalanceMode = .any, topologyKeys: [TopologyKey] = [], fallbackToTopologyKeysOnly: Bool = false
    ) {
        self.mode = mode
        self.topologyKeys = topologyKeys
        self.fallbackToTopologyKeysOnly = fallbackToTopologyKeysOnly
    }

    /// Whether picks never leave the placements.
    var staysInPlacements: Bool { fallbackToTopologyKeysOnly && !topologyKeys.isEmpty && !mode.crossesOver }

    /// Whether a plain connection to the contact points may stand in when no node can be picked.
    public var fallsBackToContactPoints: Bool { mode.fallsBackToContactPoints && !staysInPlacements }

    /// The nodes to choose from, best tier first: the next tier counts only when no node of the former can be had.
    ///
    /// Source: YugabyteDB's documentation, "Smart drivers", order of node selection.
    ///
    /// - Parameter nodes: those that are listed now.
    /// - Returns: tiers of positions in `nodes`. A node may stand in several tiers.
    func tiers(of nodes: [(position: Int32, node: ClusterNode)]) -> [[Int32]] {
        var tiers: [[Int32]] = []
        let preferred = nodes.filter { mode.preferredKind == nil || $0.node.kind == mode.preferredKind }
        for preference in TopologyKey.preferences {
            let keys = topologyKeys.filter { $0.preference == preference }
            if keys.isEmpty { continue }
            tiers.append(
                preferred.filter { candidate in keys.contains { $0.matches(candidate.node.placement) } }.map(\.position)
            )
        }
        if !staysInPlacements { tiers.append(preferred.map(\.position)) }
        if mode.crossesOver { tiers.append(nodes.filter { $0.node.kind != mode.preferredKind }.map(\.position)) }
        return tiers.filter { !$0.isEmpty }
    }

    /// In words, for an error that says why no node was eligible.
    public var description: String {
        var text = "load_balance=\(mode.rawValue)"
        if !topologyKeys.isEmpty {
            text += " topology_keys=\(topologyKeys.map(\.description).joined(separator: ","))"
            if staysInPlacements { text += " fallback_to_topology_keys_only=true" }
        }
        return text
    }
}
