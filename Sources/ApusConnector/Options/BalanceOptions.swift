import ApusCluster
import ApusPQ

/// How connections are spread: the checked values of the smart driver's properties. Source of the defaults and ranges:
/// YugabyteDB's documentation, "Smart drivers".
public struct BalanceOptions: Sendable, Hashable {
    /// Which nodes are picked.
    public var policy: BalancePolicy
    /// `yb_servers_refresh_interval`: how old the list of nodes may be when a connection is opened. 0 s (the list is
    /// fetched before every connect) to 600 s; 300 s by default.
    public var refreshInterval: Duration
    /// `failed_host_ttl_seconds`: how long a node is in quarantine after it could not be reached. 0 s to 60 s; 5 s by
    /// default.
    public var failedHostTTL: Duration
    /// How long a refresh of the list may take as a whole; 15 s by default.
    public var refreshTimeout: Duration

    public init(
        policy: BalancePolicy = BalancePolicy(), refreshInterval: Duration = .seconds(300),
        failedHostTTL: Duration = .seconds(5), refreshTimeout: Duration = .seconds(15)
    ) {
        self.policy = policy
        self.refreshInterval = refreshInterval
        self.failedHostTTL = failedHostTTL
        self.refreshTimeout = refreshTimeout
    }

    /// Reads the properties. Every value is checked, even if balancing is off, so that a wrong one is never ignored.
    /// - Parameter value: the text that was given for a property, or `nil`.
    /// - Returns: `nil` if balancing is off.
    /// - Throws: ``PQError/Kind/options`` naming the property, the value, and what would be valid.
    init?(reading value: (BalanceProperty) -> String?) throws(PQError) {
        do {
            let mode =
                try value(.loadBalance).map { text throws(InvalidOption) in try LoadBalanceMode.parse(text) } ?? nil
            let keys = try TopologyKey.parse(value(.topologyKeys) ?? "")
            let only = try Self.boolean(.fallbackToTopologyKeysOnly, value(.fallbackToTopologyKeysOnly)) ?? false
            let interval = try Self.seconds(.refreshInterval, value(.refreshInterval), 0...600)
            let ttl = try Self.seconds(.failedHostTTL, value(.failedHostTTL), 0...60)
            guard let mode else { return nil }
            self.init(policy: BalancePolicy(mode: mode, topologyKeys: keys, fallbackToTopologyKeysOnly: only))
            if let interval { refreshInterval = interval }
            if let ttl { failedHostTTL = ttl }
        } catch {
            throw PQError(.options, error.description)
        }
    }

    private static func seconds(
        _ property: BalanceProperty, _ value: String?, _ range: ClosedRange<Int>
    ) throws(InvalidOption) -> Duration? {
        guard let value else { return nil }
        guard let number = Int(trimmed(value)), range.contains(number) else {
            throw InvalidOption(
                property.rawValue, value,
                expected: "a whole number of seconds from \(range.lowerBound) to \(range.upperBound)")
        }
        return .seconds(number)
    }

    private static func boolean(_ property: BalanceProperty, _ value: String?) throws(InvalidOption) -> Bool? {
        guard let value else { return nil }
        switch ASCII.lowercased(trimmed(value)) {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off": return false
        default: throw InvalidOption(property.rawValue, value, expected: "true or false")
        }
    }

    private static func trimmed(_ text: String) -> String {
        String(decoding: ASCII.trimmed(text.utf8), as: UTF8.self)
    }
}
