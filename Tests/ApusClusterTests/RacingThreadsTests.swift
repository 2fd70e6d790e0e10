import Synchronization
import Testing

@testable import ApusCluster

@Suite("Racing threads")
struct RacingThreadsTests {
    static let nodes = ["a", "b", "c"].map { ClusterNode.at($0, uuid: "uuid-\($0)") }

    @Test("64 threads open 300 sessions on 3 nodes: 100 each")
    func even() {
        for seed in 0..<10 as Range<UInt64> {
            let cluster = Cluster.listing(Self.nodes, seed: seed)
            let opened = Mutex<[Reservation]>([])
            onThreads(64) { thread in
                for _ in 0..<(thread < 44 ? 5 : 4) {
                    guard let reservation = cluster.pick(BalancePolicy(), now: .zero) else { continue }
                    opened.withLock { $0.append(reservation) }
                }
            }
            #expect(opened.withLock { $0.count } == 300)
            #expect(cluster.sessions == ["a": 100, "b": 100, "c": 100])
            opened.withLock { $0 = [] }
            #expect(cluster.sessions == [:])
        }
    }

    @Test("Counts stay exact while 64 threads open, close and fail, and nodes come and go")
    func exact() {
        let cluster = Cluster.listing(Self.nodes, seed: 5)
        let kept = Mutex<[Reservation]>([])
        let isNegative = Atomic(false)
        onThreads(64) { thread in
            var random = SplitMix64(seed: UInt64(thread))
            var mine: [Reservation] = []
            for step in 0..<200 {
                let now = Duration.milliseconds(step)
                switch random.below(12) {
                case 0: cluster.accept([Self.nodes[0], Self.nodes[random.below(3)]], now: now)
                case 1: cluster.accept(Self.nodes, now: now)
                case 2: mine.last?.markUnreachable(until: now + .milliseconds(random.below(10)))
                case 3: mine.last?.markReached()
                case 4, 5, 6: if !mine.isEmpty { mine.remove(at: random.below(mine.count)) }
                case 7: mine.last?.release()
                default: if let picked = cluster.pick(BalancePolicy(), now: now) { mine.append(picked) }
                }
                if cluster.status.contains(where: { $0.sessions < 0 }) { isNegative.store(true, ordering: .relaxed) }
            }
            // An explicitly released session no longer counts.
            mine.removeAll { reservation in
                reservation.release()
                return random.chance(0.5)
            }
            for _ in 0..<10 { if let picked = cluster.pick(BalancePolicy(), now: .seconds(1)) { mine.append(picked) } }
            kept.withLock { [mine] in $0 += mine.suffix(10) }
        }
        let wasNegative = isNegative.load(ordering: .relaxed)
        #expect(!wasNegative)
        let held = kept.withLock { $0.count }
        #expect(held == 640)
        #expect(cluster.sessions.values.reduce(0, +) == 640)
        kept.withLock { $0 = [] }
        #expect(cluster.sessions == [:])
    }

    @Test("One refresh at a time, from a cold start under 64 threads")
    func oneRefresh() {
        for _ in 0..<20 {
            let registry = ClusterRegistry()
            let contact: Set<Endpoint> = [.at("a")]
            let refreshes = Atomic(0)
            let picked = Atomic(0)
            onThreads(64) { _ in
                planning: while true {
                    let cluster = registry.cluster(behind: contact)
                    switch cluster.plan(interval: .seconds(300), now: .zero) {
                    case .pick:
                        if cluster.pick(BalancePolicy(), now: .zero) != nil { picked.add(1, ordering: .relaxed) }
                        break planning
                    case .refresh(let ticket):
                        refreshes.add(1, ordering: .relaxed)
                        _ = registry.finish(
                            ticket, nodes: Self.nodes, from: .contactPoint, contactPoints: contact, now: .zero)
                    case .wait(let flight):
                        while flight.outcome == nil {}
                    case .connectPlainly:
                        break planning
                    }
                }
            }
            #expect(refreshes.load(ordering: .relaxed) == 1)
            #expect(picked.load(ordering: .relaxed) == 64)
        }
    }

    @Test("Two contact points of one cluster, asked at the same moment, lead to one cluster")
    func oneClusterFromTwoContactPoints() {
        let nodes = (0..<50).map { ClusterNode.at("h\($0)", uuid: "uuid-\($0)") }
        for _ in 0..<500 {
            let registry = ClusterRegistry()
            onThreads(2) { thread in
                let contact: Set<Endpoint> = [.at("h\(thread)")]
                guard let ticket = registry.cluster(behind: contact).ticket() else { return }
                _ = registry.finish(ticket, nodes: nodes, from: .contactPoint, contactPoints: contact, now: .zero)
            }
            #expect(registry.clusters.count == 1)
            if registry.clusters.count != 1 { break }
        }
    }
}
