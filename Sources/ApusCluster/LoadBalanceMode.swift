/// Which kinds of node connections are spread over: the value of `load_balance`, when it is not off.
public enum LoadBalanceMode: String, Sendable, Hashable, CaseIterable {
    /// Every node; also written `true`.
    case any
    /// Nodes of the primary cluster, and no others.
    case onlyPrimary = "only-primary"
    /// Read replicas, and no others.
    case onlyReadReplica = "only-rr"
    /// Nodes of the primary cluster as long as there are any, else read replicas.
    case preferPrimary = "prefer-primary"
    /// Read replicas as long as there are any, else nodes of the primary cluster.
    case preferReadReplica = "prefer-rr"

    /// The option's name.
    public static let keyword = "load_balance"

    /// Reads the option's value, without regard to case.
    /// - Returns: `nil` for `false`: balancing is off.
    /// - Throws: ``InvalidOption`` for every other word.
    public static func parse(_ value: String) throws(InvalidOption) -> LoadBalanceMode? {
        switch value.lowercased() {
        case "false", "0", "no", "off": return nil
        case "true", "1", "yes", "on": return .any
        case let word:
            if let mode = LoadBalanceMode(rawValue: word) { return mode }
            throw InvalidOption(
                keyword, value, expected: "true, any, only-primary, only-rr, prefer-primary, prefer-rr or false")
        }
    }

    /// The kind that must be exhausted first; `nil` where kinds do not matter.
    var preferredKind: ClusterNode.Kind? {
        switch self {
        case .any: nil
        case .onlyPrimary, .preferPrimary: .primary
        case .onlyReadReplica, .preferReadReplica: .readReplica
        }
    }

    /// Whether nodes of the other kind are used when the preferred kind is exhausted.
    var crossesOver: Bool { self == .preferPrimary || self == .preferReadReplica }

    /// Whether a connection to the contact points may stand in when no node can be picked: not where the mode
    /// promises a kind of node, for a contact point's kind is unknown.
    public var fallsBackToContactPoints: Bool { self != .onlyPrimary && self != .onlyReadReplica }
}
