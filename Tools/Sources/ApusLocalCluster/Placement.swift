extension LocalCluster {
    /// The location of a node, `cloud.region.zone`, which `yb_servers()` returns in three columns.
    public struct Placement: Sendable, Hashable, Codable, CustomStringConvertible {
        public var cloud: String
        public var region: String
        public var zone: String

        /// YugabyteDB's placement for nodes that are started without one.
        public static let standard = Placement(cloud: "cloud1", region: "datacenter1", zone: "rack1")

        public init(cloud: String, region: String, zone: String) {
            self.cloud = cloud
            self.region = region
            self.zone = zone
        }

        /// Parses `cloud.region.zone`. A part may be empty, as in YugabyteDB if it was not set.
        ///
        /// - Throws: ``LocalClusterError`` (`invalidValue`) unless there are exactly three parts.
        public init(parsing text: String) throws {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 3 else {
                throw LocalClusterError(
                    .invalidValue,
                    "'\(text)' is not a placement: it must read cloud.region.zone, for example aws.us-west.us-west-1a")
            }
            self.init(cloud: String(parts[0]), region: String(parts[1]), zone: String(parts[2]))
        }

        public var description: String { "\(cloud).\(region).\(zone)" }
    }

    /// The two kinds of node, with their names in `yb_servers()`.
    public enum NodeType: String, Sendable, Hashable, Codable, CaseIterable {
        case primary
        case readReplica = "read_replica"
    }
}
