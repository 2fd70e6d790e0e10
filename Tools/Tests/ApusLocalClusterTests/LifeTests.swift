import Foundation
import Testing

@testable import ApusLocalCluster

/// How clusters start and stop, at the same time and one after the other.
@Suite(.serialized) struct LifeTests {
    @Test func nothingIsLeft() async throws {
        let cluster = try await LocalCluster.up(.init(nodes: 2))
        let servers = cluster.nodes.map { ServerProcesses(dataFolder: $0.dataDirectory) }
        #expect(servers.allSatisfy { !$0.all().isEmpty })
        try await cluster.freeze(1)
        try await cluster.kill(2)
        try await cluster.down()
        #expect(servers.allSatisfy { $0.all().isEmpty })
        #expect(!FileManager.default.fileExists(atPath: cluster.directory))
        #expect(!LocalCluster.runningNames.contains(cluster.name))
        let error = await failure { try await cluster.stop(1) }
        #expect(error?.code == .notRunning)
        try await cluster.down()
        #expect(try await LocalCluster.down(cluster.name) == false)
    }

    @Test func aNameIsTakenOnce() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            let error = await failure { _ = try await LocalCluster.up(.init(name: cluster.name, nodes: 1)) }
            #expect(error?.code == .alreadyRunning)
            #expect(error?.message.hasPrefix("A cluster named '\(cluster.name)' is running with 1 nodes") == true)
            let answer = try await cluster.ask(1, "SELECT 1")
            #expect(answer == ["1"])
        }
    }

    @Test func ofManyWhoWantANameOneGetsIt() async throws {
        let name = "race-\(getpid())"
        let winners = await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask { try? await LocalCluster.up(.init(name: name, nodes: 1)) }
            }
            return await group.reduce(into: [LocalCluster]()) { if let cluster = $1 { $0.append(cluster) } }
        }
        #expect(winners.count == 1)
        for winner in winners {
            #expect(try await winner.ask(1, "SELECT 1") == ["1"])
            try await winner.down()
        }
    }

    @Test func clustersLiveSideBySide() async throws {
        try await withLocalCluster(.init(nodes: 2)) { one in
            try await withLocalCluster(.init(nodes: 2)) { two in
                #expect(Set(one.nodes.map(\.address)).isDisjoint(with: two.nodes.map(\.address)))
                try await one.kill(1)
                #expect(try await two.ask(1, "SELECT count(*) FROM yb_servers()") == ["2"])
            }
            #expect(try await one.ask(2, "SELECT count(*) FROM yb_servers()") == ["2"])
        }
    }

    @Test func theClusterGoesDownWhenTheBodyThrows() async throws {
        struct Unhappy: Error {}
        var name = ""
        await #expect(throws: Unhappy.self) {
            try await withLocalCluster(.init(nodes: 1)) { cluster in
                name = cluster.name
                throw Unhappy()
            }
        }
        #expect(!name.isEmpty && !FileManager.default.fileExists(atPath: ClusterFolder(name: name).path))
    }

    @Test(arguments: [50, 200, 400])
    func cancellingTakesEverythingBack(milliseconds: Int) async throws {
        let name = "cancelled-\(getpid())-\(milliseconds)"
        let task = Task { try await LocalCluster.up(.init(name: name, nodes: 3, encryption: .offered)) }
        // The moments tried: before, while and after the servers start.
        try await Task.sleep(for: .milliseconds(milliseconds))
        task.cancel()
        if let cluster = try? await task.value { try await cluster.down() }
        let folder = ClusterFolder(name: name)
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        for number in 1...3 {
            #expect(ServerProcesses(dataFolder: folder.universe(1) + "/node\(number)").all().isEmpty)
        }
    }

    @Test func oneProcessWorksOnAnothersCluster() async throws {
        try await withLocalCluster(.init(nodes: 2, listedTTL: 0)) { mine in
            let same = try LocalCluster.running(mine.name)
            try await same.kill(2)
            #expect(try mine.node(2).state == .dead)
            #expect(try await mine.listed(by: 1) == [1])
            try await same.down()
            let error = await failure { try await mine.start(2) }
            #expect(error?.code == .notRunning)
        }
    }
}
