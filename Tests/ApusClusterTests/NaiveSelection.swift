@testable import ApusCluster

/// The selection table in another form: the rank of a single node. Written independently of the picker, without its
/// tiers, to be compared with it.
struct NaiveSelection {
    var mode: LoadBalanceMode
    /// Cloud, region, zone or `*`, preference.
    var keys: [(cloud: String, region: String, zone: String, preference: Int)]
    var keysOnly: Bool

    private static let elsewhere = 100
    private static let otherKind = 1_000

    var policy: BalancePolicy {
        get throws {
            let text = keys.map { "\($0.cloud).\($0.region).\($0.zone):\($0.preference)" }.joined(separator: ",")
            return BalancePolicy(
                mode: mode, topologyKeys: try TopologyKey.parse(text), fallbackToTopologyKeysOnly: keysOnly)
        }
    }

    /// Lower is better; `nil` for never.
    func rank(_ node: ClusterNode) -> Int? {
        let isPrimary = node.kind == .primary
        switch mode {
        case .any: return placementRank(node, flagCounts: true)
        case .onlyPrimary: return isPrimary ? placementRank(node, flagCounts: true) : nil
        case .onlyReadReplica: return isPrimary ? nil : placementRank(node, flagCounts: true)
        case .preferPrimary: return isPrimary ? placementRank(node, flagCounts: false) : Self.otherKind
        case .preferReadReplica: return isPrimary ? Self.otherKind : placementRank(node, flagCounts: false)
        }
    }

    private func placementRank(_ node: ClusterNode, flagCounts: Bool) -> Int? {
        var best: Int?
        for key in keys
        where key.cloud == node.placement.cloud && key.region == node.placement.region
            && (key.zone == "*" || key.zone == node.placement.zone)
        {
            best = min(best ?? key.preference, key.preference)
        }
        if let best { return best }
        return flagCounts && keysOnly && !keys.isEmpty ? nil : Self.elsewhere
    }

    static func random(using random: inout SplitMix64) -> NaiveSelection {
        NaiveSelection(
            mode: LoadBalanceMode.allCases[random.below(5)],
            keys: (0..<random.below(4)).map { _ in
                (
                    cloud: "c\(random.below(2))", region: "r\(random.below(2))",
                    zone: random.chance(0.3) ? "*" : "z\(random.below(3))", preference: 1 + random.below(10)
                )
            },
            keysOnly: random.chance(0.5))
    }
}

extension ClusterNode {
    /// A node somewhere in the placements that ``NaiveSelection`` draws its keys from.
    static func random(_ host: String, uuid: String? = nil, using random: inout SplitMix64) -> ClusterNode {
        .at(
            host, "c\(random.below(2)).r\(random.below(2)).z\(random.below(3))",
            random.chance(0.6) ? .primary : .readReplica, uuid: uuid)
    }
}
