import Synchronization
import Testing

@testable import ApusCluster

/// A fork's child has the parent's objects and none of its threads: a lock may be held for ever there, and the counts
/// are the parent's. The process is not forked here: `belongsHere` answers as if it were.
@Suite("In a fork's child")
struct ForkTests {
    /// Whether this process is the one that made the registry.
    final class Process: Sendable {
        let isParent = Atomic(true)
        /// Runs what the child would do.
        func asChild(_ body: () throws -> Void) rethrows {
            isParent.store(false, ordering: .relaxed)
            defer { isParent.store(true, ordering: .relaxed) }
            try body()
        }
    }

    let process: Process
    let registry: ClusterRegistry
    let contact: Set<Endpoint> = [.at("a")]
    let cluster: Cluster

    init() throws {
        let process = Process()
        registry = ClusterRegistry(seed: 1) { process.isParent.load(ordering: .relaxed) }
        self.process = process
        let ticket = try #require(registry.cluster(behind: contact).ticket())
        cluster = try #require(
            registry.finishRefresh(
                ticket, nodes: [.at("a"), .at("b")], from: .contactPoint, contactPoints: contact, now: .zero))
    }

    @Test("Releasing in the child does not release in the parent")
    func release() throws {
        let held = try #require(cluster.pick(BalancePolicy(), now: .zero))
        var dropped = cluster.pick(BalancePolicy(), now: .zero)
        #expect(cluster.sessions == ["a": 1, "b": 1])
        process.asChild {
            held.release()
            dropped = nil
        }
        #expect(dropped == nil)
        #expect(cluster.sessions == ["a": 1, "b": 1])
    }

    @Test("Nor is anybody put into quarantine or taken out of it")
    func quarantine() throws {
        let onA = try #require(cluster.countSession(at: .at("a")))
        let onB = try #require(cluster.countSession(at: .at("b")))
        onA.markUnreachable(until: .seconds(5))
        let before = Set(cluster.status)
        process.asChild {
            onA.markReached()
            onB.markUnreachable(until: .seconds(5))
            cluster.quarantine(.at("b"), until: .seconds(5))
        }
        #expect(Set(cluster.status) == before)
    }

    @Test("The parent's refresh continues although the child drops its copy of the ticket")
    func ticket() throws {
        var ticket = cluster.ticket(interval: .zero)
        let refresh = try #require(ticket).refresh
        process.asChild {
            ticket?.fail("in the child", retryAfter: .seconds(1))
            ticket = nil
        }
        #expect(refresh.outcome == nil)
        #expect(cluster.planRefresh(interval: .zero, now: .zero).isPick, "as while another caller refreshes")
    }

    @Test("Every call is a no-op: no pick, no refresh, no list")
    func deaf() throws {
        let held = try #require(cluster.pick(BalancePolicy(), now: .zero))
        let status = Set(cluster.status)
        process.asChild {
            #expect(cluster.pick(BalancePolicy(), now: .zero) == nil)
            #expect(cluster.countSession(at: .at("a")) == nil)
            #expect(cluster.planRefresh(interval: .zero, force: true, now: .seconds(900)).isPick)
            #expect(cluster.nodes.isEmpty)
            #expect(cluster.status.isEmpty)
            cluster.addressing = .publicHost
            #expect(cluster.addressing == .undecided)
            #expect(!cluster.shouldWarnOfPlainServer())
            #expect(registry.clusters.isEmpty)
            let stranger = registry.cluster(behind: contact)
            #expect(stranger !== cluster)
            #expect(stranger.planRefresh(interval: .zero, now: .zero).isPick)
        }
        #expect(Set(cluster.status) == status)
        #expect(cluster.addressing == .undecided)
        #expect(cluster.shouldWarnOfPlainServer())
        #expect(registry.cluster(behind: contact) === cluster)
        held.release()
    }

    @Test("No call takes a lock, and every answer is that nothing is known", .timeLimit(.minutes(1)))
    func takesNoLock() throws {
        let ticket = try #require(cluster.ticket(interval: .zero))
        let held = try #require(cluster.pick(BalancePolicy(), now: .zero))
        let process = process, registry = registry, cluster = cluster
        // Every lock is held, as if by a thread of the parent at the moment of the fork.
        registry.whileLocked {
            cluster.whileLocked {
                process.asChild {
                    #expect(registry.contactPoints.isEmpty)
                    #expect(registry.clusters.isEmpty)
                    #expect(registry.policies.isEmpty)
                    registry.recordPolicy(BalancePolicy())
                    #expect(cluster.universeUUID == nil)
                    #expect(!cluster.overlaps(["ua"]))
                    cluster.replaceList([.at("x")], now: .zero)
                    #expect(cluster.usualSilence == .zero)
                    cluster.recordSilence(.seconds(1))
                    held.markAnswered(at: .zero)
                    #expect(held.lastAnswer == nil)
                    held.markReached()
                    held.markUnreachable(until: .zero)
                    if case .abandoned = ticket.refresh.outcome {} else { Issue.record("a refresh of the parent's") }
                    ticket.refresh.whenEnded {}
                }
            }
        }
        #expect(cluster.nodes == [.at("a"), .at("b")])
        ticket.abandon()
    }

    @Test("A list that the child fetched is not taken over")
    func finish() throws {
        let ticket = try #require(cluster.ticket(interval: .zero))
        process.asChild {
            #expect(
                registry.finishRefresh(
                    ticket, nodes: [.at("x")], from: .contactPoint, contactPoints: contact, now: .zero)
                    == nil)
        }
        #expect(cluster.nodes == [.at("a"), .at("b")])
    }
}
