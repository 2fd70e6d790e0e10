import Foundation
import Testing

@testable import ApusLocalCluster

@Suite(.serialized) struct OptionsTests {
    @Test func placementsHaveThreeParts() throws {
        #expect(try LocalCluster.Placement(parsing: "aws.us.a") == .init(cloud: "aws", region: "us", zone: "a"))
        #expect(try LocalCluster.Placement(parsing: "..").description == "..")
        for text in ["", "aws", "aws.us", "aws.us.a.b"] {
            #expect(throws: LocalClusterError.self) { try LocalCluster.Placement(parsing: text) }
        }
    }

    @Test(arguments: [
        (LocalCluster.Options(nodes: 0), "nodes is 0; it must be 1 to 100"),
        (.init(port: 70000), "port is 70000; it must be 1 to 65535"),
        (.init(nodes: 2, placements: ["a.b.c", "x"]), "'x' is not a placement"),
        (.init(nodes: 1, placements: ["a.b.c", "a.b.c"]), "2 placements were given for 1 nodes"),
        (.init(nodes: 3, readReplicas: [4]), "read replica 4 is not a node: nodes are 1 to 3"),
        (.init(nodes: 3, groups: [2, 2]), "groups 2,2 must be sizes of at least 1 that add up to the 3 nodes"),
        (.init(nodes: 3, groups: [3, 0]), "groups 3,0"),
        (.init(nodes: 3, groups: [.max, 1]), "groups 9223372036854775807,1"),
        (.init(listedTTL: -1), "listed-ttl is -1.0"),
        (.init(baseAddress: "10.0.0.1"), "'10.0.0.1' is not a loopback address"),
        (.init(nodes: 3, baseAddress: "127.0.0.253"), "run past the last address, 127.0.0.254"),
        (.init(name: "Mine"), "'Mine' is not a cluster's name"),
        (.init(name: "../x"), "'../x' is not a cluster's name"),
    ])
    func aWrongValueIsNamed(_ options: LocalCluster.Options, _ words: String) async {
        let error = await failure { try options.validate() }
        #expect(error?.code == .invalidValue)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "no error")")
    }

    @Test func fewerPlacementsThanNodesRepeat() throws {
        let options = LocalCluster.Options(nodes: 4, placements: ["a.b.c", "d.e.f"], groups: [1, 3])
        #expect(try (1...4).map { try options.placement(of: $0).cloud } == ["a", "d", "a", "d"])
        #expect((1...4).map(options.universe) == [1, 2, 2, 2])
    }

    @Test func missingBinariesAreNamedWithTheRemedy() async {
        let error = await failure { _ = try await PostgresInstallation.find(explicit: "/usr/share") }
        #expect(error?.code == .postgresNotFound)
        #expect(error?.message.contains("/usr/share") == true)
    }

    @Test func aPortInUseIsNamed() async throws {
        let address = try LoopbackAddress(parsing: "127.0.19.1")
        let taken = try BoundSocket(.stream, address, port: 0)
        listen(taken.descriptor, 1)
        let port = taken.port
        let error = await failure {
            try await LocalCluster.up(.init(name: "port-in-use", nodes: 2, baseAddress: "127.0.19.1", port: port))
                .down()
        }
        #expect(error?.code == .addressUnavailable)
        #expect(error?.message.hasPrefix("127.0.19.1:\(port) is in use") == true)
        #expect(!LocalCluster.runningNames.contains("port-in-use"))
    }
}
