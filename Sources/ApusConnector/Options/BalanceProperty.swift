import ApusPQ

/// The smart driver's connection properties; the raw values are their canonical names.
public enum BalanceProperty: String, Sendable, CaseIterable {
    case loadBalance = "load_balance"
    case topologyKeys = "topology_keys"
    case refreshInterval = "yb_servers_refresh_interval"
    case failedHostTTL = "failed_host_ttl_seconds"
    case fallbackToTopologyKeysOnly = "fallback_to_topology_keys_only"

    /// Another name of ``failedHostTTL``, which the drivers of other languages use.
    private static let alternateFailedHostTTL = "failed_host_reconnect_delay_secs"

    /// The names of all properties, in small letters and with underscores.
    public static var keywords: [String] { allCases.map(\.rawValue) + [alternateFailedHostTTL] }

    /// The property that a keyword means; `nil` if it means none. Case does not matter, and dashes are read as
    /// underscores.
    public init?(keyword: String) {
        // This runs for every keyword of every connect, and most of libpq's begin with other letters.
        switch (keyword.utf8.first ?? 0) | 0x20 {
        case UInt8(ascii: "f"), UInt8(ascii: "l"), UInt8(ascii: "t"), UInt8(ascii: "y"): break
        default: return nil
        }
        let dash = UInt8(ascii: "-")
        let name = String(
            decoding: ASCII.lowercased(keyword).utf8.map { $0 == dash ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
        if name == Self.alternateFailedHostTTL {
            self = .failedHostTTL
        } else {
            self.init(rawValue: name)
        }
    }

    /// The environment variable that gives the property's default. As in libpq, its name is `PG` and the keyword in
    /// capitals without underscores: `PGLOADBALANCE`.
    public var environmentVariable: String {
        switch self {
        case .loadBalance: "PGLOADBALANCE"
        case .topologyKeys: "PGTOPOLOGYKEYS"
        case .refreshInterval: "PGYBSERVERSREFRESHINTERVAL"
        case .failedHostTTL: "PGFAILEDHOSTTTLSECONDS"
        case .fallbackToTopologyKeysOnly: "PGFALLBACKTOTOPOLOGYKEYSONLY"
        }
    }
}
