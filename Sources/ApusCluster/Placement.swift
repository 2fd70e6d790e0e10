/// Where a node runs, as `yb_servers()` reports it. Names are equal if they are written with the same bytes.
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

    /// `cloud.region.zone`, as in topology keys.
    public var description: String { "\(cloud).\(region).\(zone)" }
}
