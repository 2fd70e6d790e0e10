import Testing

@testable import ApusCluster

/// Ties are broken uniformly at random: many processes that each open one session must not all choose the same node.
@Suite("Ties")
struct TieBreakTests {
    /// The 99.9 % points of the chi-square distribution, by degrees of freedom.
    static let limits = [1: 10.828, 2: 13.816, 4: 18.467, 9: 27.877]

    static func chiSquare(_ counts: [Int]) -> Double {
        let expected = Double(counts.reduce(0, +)) / Double(counts.count)
        return counts.map { (Double($0) - expected) * (Double($0) - expected) / expected }.reduce(0, +)
    }

    @Test("Among equally loaded nodes each is as likely as any other", arguments: [2, 3, 5, 10])
    func uniform(count: Int) throws {
        let cluster = Cluster.listing((0..<count).map { .at("h\($0)") }, seed: 42)
        var counts: [String: Int] = [:]
        for _ in 0..<10_000 {
            let reservation = try #require(cluster.pick(BalancePolicy(), now: .zero))
            counts[reservation.node.endpoint.host, default: 0] += 1
            reservation.release()
        }
        #expect(counts.count == count)
        #expect(Self.chiSquare(Array(counts.values)) < Self.limits[count - 1] ?? 0)
    }

    @Test("Also where the tied nodes lie scattered among others")
    func uniformAmongSome() throws {
        let cluster = Cluster.listing((0..<9).map { .at("h\($0)") }, seed: 43)
        let busy = ["h0", "h3", "h8"].compactMap { cluster.countSession(at: .at($0)) }
        cluster.quarantine(.at("h5"), until: .seconds(1))
        var counts: [String: Int] = [:]
        for _ in 0..<10_000 {
            let reservation = try #require(cluster.pick(BalancePolicy(), now: .zero))
            counts[reservation.node.endpoint.host, default: 0] += 1
        }
        #expect(Set(counts.keys) == ["h1", "h2", "h4", "h6", "h7"])
        #expect(Self.chiSquare(Array(counts.values)) < Self.limits[4] ?? 0)
        #expect(busy.count == 3)
    }

    @Test("The first pick of many processes")
    func firstPick() throws {
        var counts: [String: Int] = [:]
        for seed in 0..<3_000 as Range<UInt64> {
            let registry = ClusterRegistry(seed: seed)
            let contact: Set<Endpoint> = [.at("h0")]
            let ticket = try #require(registry.cluster(behind: contact).ticket())
            let nodes = (0..<3).map { ClusterNode.at("h\($0)") }
            let cluster = registry.finishRefresh(
                ticket, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .zero)
            counts[try #require(cluster?.pick(BalancePolicy(), now: .zero)).node.endpoint.host, default: 0] += 1
        }
        #expect(Self.chiSquare(Array(counts.values)) < Self.limits[2] ?? 0)
    }

    @Test("The same seed gives the same picks")
    func repeatable() {
        func hosts(_ seed: UInt64) -> [String] {
            Cluster.listing((0..<20).map { .at("h\($0)") }, seed: seed).hostsInOrder()
        }
        #expect(hosts(7) == hosts(7))
        #expect(hosts(7) != hosts(8))
    }
}
