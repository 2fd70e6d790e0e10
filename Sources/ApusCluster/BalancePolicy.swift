/// Which nodes a caller wants to be connected to: the mode, the placements, and whether other placements will do.
public struct BalancePolicy: Sendable, Hashable, CustomStringConvertible {
    /// Which kinds of node are used: the value of `load_balance`.
    public var mode: LoadBalanceMode
    /// The preferred placements: the value of `topology_keys`; empty for all.
    public var topologyKeys: [TopologyKey]
    /// `fallback_to_topology_keys_only`: fail rather than use a node outside of the placements. It has an effect only
    /// with topology keys, and none in the `prefer-…` modes.
    public var fallbackToTopologyKeysOnly: Bool

    public init(
        mode: LoadBalanceMode = .any, topologyKeys: [TopologyKey] = [], fallbackToTopologyKeysOnly: Bool = false
    ) {
        self.mode = mode
        self.topologyKeys = topologyKeys
        self.fallbackToTopologyKeysOnly = fallbackToTopologyKeysOnly
    }

    /// Whether only nodes in the placements are picked.
    var staysInPlacements: Bool { fallbackToTopologyKeysOnly && !topologyKeys.isEmpty && !mode.crossesOver }

    /// Whether a plain connection to the contact points is allowed when no node can be picked.
    public var fallsBackToContactPoints: Bool { mode.fallsBackToContactPoints && !staysInPlacements }

    /// The nodes to choose from, best tier first. A tier is used only when no node of the tiers before it is left.
    ///
    /// Source: YugabyteDB's documentation, "Smart drivers", order of node selection.
    ///
    /// - Parameter nodes: the nodes on the list.
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

    /// The settings as a user writes them, for an error that says why no node is eligible.
    public var description: String {
        var text = "load_balance=\(mode.rawValue)"
        if !topologyKeys.isEmpty {
            text += " topology_keys=\(topologyKeys.map(\.description).joined(separator: ","))"
            if staysInPlacements { text += " fallback_to_topology_keys_only=true" }
        }
        return text
    }
}
