import Foundation
import Testing

@testable import ApusLocalCluster

private let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/apus"

/// The same through the program, which is built along with the tests.
@Suite(.serialized, .enabled(if: access(program, X_OK) == 0, "the program apus is not built"))
struct CommandLineTests {
    private let name = "command-\(getpid())-\(UInt32.random(in: 0..<10000))"

    private func apus(_ arguments: String...) async throws -> String {
        try await Command(program, ["cluster"] + arguments + ["--name", name]).run()
    }

    @Test func upStatusDown() async throws {
        let table = try await apus("up", "--nodes", "2", "--base-address", "any", "--placement", "a.b.c")
        #expect(table.split(separator: "\n").count == 3)
        let cluster = try LocalCluster.running(name)
        #expect(cluster.isSupervised)
        let json = try await apus("status", "--json")
        let status = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(status["user"] as? String == "yugabyte")
        #expect(status["ca_certificate"] is NSNull)
        let nodes = try #require(status["nodes"] as? [[String: Any]])
        #expect(nodes.map { $0["state"] as? String } == ["running", "running"])
        #expect(nodes[0]["address"] as? String == cluster.nodes[0].address)
        #expect(nodes[0]["placement"] as? String == "a.b.c")
        #expect(nodes[0]["pid"] as? Int == cluster.nodes[0].pid.map(Int.init))

        // The supervisor in the background also notices it.
        kill(try #require(try cluster.node(2).pid), SIGKILL)
        #expect(try await eventually { cluster.record.nodes[1].lostAt != nil })
        let supervisor = try #require(cluster.record.supervisor)
        _ = try await apus("down")
        #expect(kill(supervisor.pid, 0) != 0 || isZombie(supervisor.pid))
        #expect(!FileManager.default.fileExists(atPath: cluster.directory))
    }

    @Test func aCrashedClusterIsReplaced() async throws {
        _ = try await apus("up", "--nodes", "1", "--base-address", "any")
        let crashed = try LocalCluster.running(name)
        let server = ServerProcesses(dataFolder: try crashed.node(1).dataDirectory)
        let postmaster = server.postmaster
        kill(try #require(crashed.record.supervisor).pid, SIGKILL)
        #expect(try await eventually { !crashed.isSupervised })
        #expect(try await crashed.ask(1, "SELECT count(*) FROM yb_servers()") == ["1"])
        _ = try await apus("up", "--nodes", "1", "--base-address", "any")
        #expect(server.postmaster != postmaster)
        _ = try await apus("down")
        #expect(server.all().isEmpty)
    }

    @Test func aCrashOfTheOwnerTakesTheClusterAlong() async throws {
        let name = self.name
        let owner = Task {
            try await Command(
                program, ["cluster", "up", "--foreground", "--nodes", "2", "--base-address", "any", "--name", name]
            ).run()
        }
        defer { owner.cancel() }
        let folder = ClusterFolder(name: name)
        #expect(try await eventually(within: .seconds(60)) { (try? folder.load())?.supervisor != nil })
        let record = try folder.load()
        try await LocalCluster.running(name).freeze(2)
        kill(try #require(record.supervisor).pid, SIGKILL)
        _ = try? await owner.value
        #expect(try await eventually { !FileManager.default.fileExists(atPath: folder.path) })
        for node in record.nodes { #expect(folder.processes(node).all().isEmpty) }
    }

    /// A process that has ended and whose parent has not waited for it yet.
    private func isZombie(_ pid: Int32) -> Bool {
        (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z ") == true
    }
}
