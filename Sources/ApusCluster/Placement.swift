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

    public static func == (left: Self, right: Self) -> Bool {
        left.cloud.isWritten(as: right.cloud) && left.region.isWritten(as: right.region)
            && left.zone.isWritten(as: right.zone)
    }

    /// As topology keys write it: `cloud.region.zone`.
    public var description: String { "\(cloud).\(region).\(zone)" }
}
