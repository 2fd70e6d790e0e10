/// Where a node stands, as `yb_servers()` reports it.
public struct Placement: Sendable, Hashable, CustomStringConvertible {
    public var cloud: String
    public var region: String
    public var zone: String

    public init(cloud: String, region: String, zone: String) {
        self.cloud = cloud
        self.region = region
        self.zone = zone
    }

    /// As topology keys write it: `cloud.region.zone`.
    public var description: String { "\(cloud).\(region).\(zone)" }
}
