extension LocalCluster {
    /// How nodes authenticate clients.
    public enum Authentication: String, Sendable, Hashable, Codable, CaseIterable {
        /// No password is required.
        case trust
        /// SCRAM-SHA-256. The password of user `yugabyte` is `yugabyte`.
        case scram
    }

    /// Whether nodes use TLS.
    public enum Encryption: String, Sendable, Hashable, Codable, CaseIterable {
        /// No TLS.
        case off
        /// TLS for clients that request it; connections without TLS are accepted too.
        case offered
        /// TLS only; connections without TLS are rejected.
        case required
    }

    /// The columns of `yb_servers()`, which depend on the YugabyteDB version.
    public enum ServersFunction: String, Sendable, Hashable, Codable, CaseIterable {
        /// Plain PostgreSQL, without the function.
        case absent = "none"
        /// Without `uuid` and `universe_uuid`.
        case columns8 = "8"
        /// With `uuid`.
        case columns9 = "9"
        /// With `uuid` and `universe_uuid`.
        case columns10 = "10"
    }

    /// The options of a cluster.
    ///
    ///     let cluster = try await LocalCluster.up(.init(nodes: 3, placements: ["aws.us.a", "aws.us.b", "aws.us.c"]))
    public struct Options: Sendable, Hashable {
        /// The name of the cluster; nil generates one for this process.
        public var name: String?
        /// The number of nodes. They are numbered from 1.
        public var nodes: Int
        /// `cloud.region.zone` per node. They are repeated if there are more nodes; if empty, every node has
        /// ``Placement/standard``.
        public var placements: [String]
        /// The numbers of the nodes that are read replicas.
        public var readReplicas: Set<Int>
        /// The public address per node. An empty or missing entry means none.
        public var publicIPs: [String]
        /// The sizes of the universes, in the order of node numbers; their sum is `nodes`. Empty means one universe.
        /// Nodes list only nodes of their own universe.
        public var groups: [Int]
        /// The loopback address of node 1; the other nodes have the following addresses. Nil searches for free
        /// addresses.
        public var baseAddress: String?
        /// The port of every node.
        public var port: Int
        /// How nodes authenticate clients.
        public var authentication: Authentication
        /// Whether nodes use TLS.
        public var encryption: Encryption
        /// Whether nodes are listed by name (`node1.NAME.apus.test`) rather than by address. TLS certificates then
        /// contain only that name, so `verify-full` succeeds only for clients that connect by name.
        public var hostNames: Bool
        /// How long a dead node stays listed, in seconds, 0 to 86400. YugabyteDB's default is 60.
        public var listedTTL: Double
        /// The columns of `yb_servers()`.
        public var serversFunction: ServersFunction
        /// True starts every node behind the proxy that ``LocalCluster/delay(_:by:)`` needs, so that the first delay
        /// does not restart it.
        public var delayable: Bool
        /// Starts every node behind a proxy that terminates TLS, as poolers and load balancers do, and writes records
        /// of this many bytes, 1 to 16,384. Nil leaves TLS to PostgreSQL, which writes records of 8,192 bytes. It needs
        /// ``encryption``, and makes TLS required. Nodes behind such a proxy cannot be delayed.
        public var tlsRecordSize: Int?
        /// The folder of the PostgreSQL server programs; nil searches for it.
        public var postgresBinaries: String?

        public init(
            name: String? = nil, nodes: Int = 3, placements: [String] = [], readReplicas: Set<Int> = [],
            publicIPs: [String] = [], groups: [Int] = [], baseAddress: String? = nil, port: Int = 5433,
            authentication: Authentication = .trust, encryption: Encryption = .off, hostNames: Bool = false,
            listedTTL: Double = 60, serversFunction: ServersFunction = .columns9, delayable: Bool = false,
            tlsRecordSize: Int? = nil, postgresBinaries: String? = nil
        ) {
            self.name = name
            self.nodes = nodes
            self.placements = placements
            self.readReplicas = readReplicas
            self.publicIPs = publicIPs
            self.groups = groups
            self.baseAddress = baseAddress
            self.port = port
            self.authentication = authentication
            self.encryption = encryption
            self.hostNames = hostNames
            self.listedTTL = listedTTL
            self.serversFunction = serversFunction
            self.delayable = delayable
            self.tlsRecordSize = tlsRecordSize
            self.postgresBinaries = postgresBinaries
        }
    }
}

extension LocalCluster.Options {
    /// Checks everything that can be checked without accessing the machine.
    func validate() throws {
        func invalid(_ message: String) -> LocalClusterError { LocalClusterError(.invalidValue, message) }
        if let name { try Self.validate(name: name) }
        guard (1...100).contains(nodes) else { throw invalid("nodes is \(nodes); it must be 1 to 100") }
        guard (1...65535).contains(port) else { throw invalid("port is \(port); it must be 1 to 65535") }
        guard listedTTL >= 0, listedTTL <= 86400 else {
            throw invalid("listed-ttl is \(listedTTL); it must be 0 to 86400 seconds")
        }
        if let tlsRecordSize {
            guard (1...16384).contains(tlsRecordSize) else {
                throw invalid("tls-record-size is \(tlsRecordSize); it must be 1 to 16384 bytes")
            }
            guard encryption != .off else { throw invalid("tls-record-size needs TLS: add --tls") }
            guard !delayable else { throw invalid("a node is either delayable or has a tls-record-size") }
        }
        guard placements.count <= nodes else {
            throw invalid("\(placements.count) placements were given for \(nodes) nodes")
        }
        for placement in placements { _ = try LocalCluster.Placement(parsing: placement) }
        for number in readReplicas.sorted() where !(1...nodes).contains(number) {
            throw invalid("read replica \(number) is not a node: nodes are 1 to \(nodes)")
        }
        guard publicIPs.count <= nodes else {
            throw invalid("\(publicIPs.count) public addresses were given for \(nodes) nodes")
        }
        if !groups.isEmpty {
            guard groups.allSatisfy({ (1...nodes).contains($0) }), groups.reduce(0, +) == nodes else {
                let sizes = groups.map(String.init).joined(separator: ",")
                throw invalid("groups \(sizes) must be sizes of at least 1 that add up to the \(nodes) nodes")
            }
        }
        if let baseAddress {
            let base = try LoopbackAddress(parsing: baseAddress)
            guard base.advanced(by: nodes - 1) != nil else {
                throw invalid("\(nodes) nodes from \(baseAddress) run past the last address, \(base.lastOfBlock)")
            }
        }
    }

    /// True if every node starts behind a proxy.
    var hasProxies: Bool { delayable || tlsRecordSize != nil }

    /// Checks a cluster name, which becomes part of a path and of host names.
    static func validate(name: String) throws {
        let valid = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard valid, (1...40).contains(name.utf8.count), !name.hasPrefix("-"), !name.hasSuffix("-") else {
            throw LocalClusterError(
                .invalidValue, "'\(name)' is not a cluster's name: use 1 to 40 of a-z, 0-9 and '-', no '-' at an end")
        }
    }

    /// The placement of node `number`, which may have been added later.
    func placement(of number: Int) throws -> LocalCluster.Placement {
        placements.isEmpty
            ? .standard : try LocalCluster.Placement(parsing: placements[(number - 1) % placements.count])
    }

    /// The universe of node `number`, from 1.
    func universe(of number: Int) -> Int {
        var last = 0
        for (index, size) in groups.enumerated() {
            last += size
            if number <= last { return index + 1 }
        }
        return 1
    }
}
