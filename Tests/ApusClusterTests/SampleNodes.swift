@testable import ApusCluster

extension ClusterNode {
    /// A short notation for a node: `.at("h1", "aws.eu.a", .readReplica)`.
    static func at(
        _ host: String, _ placement: String = "c.r.z", _ kind: Kind = .primary, publicHost: String? = nil,
        uuid: String? = nil, universe: String? = nil
    ) -> ClusterNode {
        let parts = placement.split(separator: ".").map(String.init)
        return ClusterNode(
            endpoint: Endpoint(host: host, port: 5433), publicHost: publicHost, kind: kind,
            placement: Placement(cloud: parts[0], region: parts[1], zone: parts[2]), uuid: uuid,
            universeUUID: universe)
    }
}

extension Endpoint {
    static func at(_ host: String) -> Endpoint { Endpoint(host: host, port: 5433) }
}

extension Cluster {
    /// A cluster that fetched this list at moment zero.
    static func listing(_ nodes: [ClusterNode], seed: UInt64 = 1) -> Cluster {
        let cluster = Cluster(seed: seed, belongsHere: { true })
        cluster.replaceList(nodes, now: .zero)
        return cluster
    }

    /// Sessions by host, of the nodes that have any.
    var sessions: [String: Int] {
        let carrying = status.filter { $0.sessions != 0 }.map { ($0.node.endpoint.host, $0.sessions) }
        return Dictionary(carrying, uniquingKeysWith: +)
    }

    /// The hosts in the order in which they are picked when each attempt fails: the whole order of selection.
    func hostsInOrder(_ policy: BalancePolicy = BalancePolicy(), now: Duration = .zero) -> [String] {
        var tried: [Reservation] = []
        while let reservation = pick(policy, excluding: tried, now: now) { tried.append(reservation) }
        return tried.map(\.node.endpoint.host)
    }

    /// The ticket, if the plan is to refresh; else `nil`.
    func ticket(interval: Duration = .seconds(300), force: Bool = false, now: Duration = .zero) -> RefreshTicket? {
        if case .refresh(let ticket) = planRefresh(interval: interval, force: force, now: now) { ticket } else { nil }
    }
}

extension Cluster.Plan {
    var isPick: Bool { if case .pick = self { true } else { false } }
    var isRefresh: Bool { if case .refresh = self { true } else { false } }
    var isConnectPlainly: Bool { if case .connectPlainly = self { true } else { false } }
    /// The refresh to wait for.
    var refresh: ListRefresh? { if case .wait(let refresh) = self { refresh } else { nil } }
}

extension SplitMix64 {
    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}
