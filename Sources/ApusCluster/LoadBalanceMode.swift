/// The value of `load_balance`, unless it is off: which kinds of node connections are spread over.
public enum LoadBalanceMode: String, Sendable, Hashable, CaseIterable {
    /// Every node; also written `true`.
    case any
    /// Only nodes of the primary cluster.
    case onlyPrimary = "only-primary"
    /// Only read replicas.
    case onlyReadReplica = "only-rr"
    /// Nodes of the primary cluster; read replicas if no primary node is left.
    case preferPrimary = "prefer-primary"
    /// Read replicas; nodes of the primary cluster if no replica is left.
    case preferReadReplica = "prefer-rr"

    /// The option's name.
    public static let keyword = "load_balance"

    /// Parses the option's value, ignoring case.
    /// - Returns: `nil` if balancing is off (`false`, `0`, `no`, `off`).
    /// - Throws: ``InvalidOption`` for a value that is no mode.
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

    /// The kind of node that is used first; `nil` if kinds do not matter.
    var preferredKind: ClusterNode.Kind? {
        switch self {
        case .any: nil
        case .onlyPrimary, .preferPrimary: .primary
        case .onlyReadReplica, .preferReadReplica: .readReplica
        }
    }

    /// Whether nodes of the other kind are used when no node of the preferred kind is left.
    var crossesOver: Bool { self == .preferPrimary || self == .preferReadReplica }

    /// Whether a plain connection to the contact points is allowed when no node can be picked. It is not in the modes
    /// that guarantee a kind of node, because a contact point's kind is unknown.
    public var fallsBackToContactPoints: Bool { self != .onlyPrimary && self != .onlyReadReplica }
}
