import Foundation
import Testing

@testable import ApusLocalCluster

/// The lists of nodes that nodes return.
@Suite(.serialized) struct ServersFunctionTests {
    private static let names = [
        "host text", "port bigint", "num_connections bigint", "node_type text", "cloud text", "region text",
        "zone text", "public_ip text", "uuid text", "universe_uuid text",
    ]

    @Test(arguments: [(LocalCluster.ServersFunction.columns8, 8), (.columns9, 9), (.columns10, 10)])
    func columnsAreThoseOfYugabyteDB(_ kind: LocalCluster.ServersFunction, _ count: Int) async throws {
        try await withLocalCluster(.init(nodes: 1, serversFunction: kind)) { cluster in
            let outputs = try await cluster.ask(
                1, "SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE proname = 'yb_servers'")
            #expect(outputs == [Self.names.prefix(count).map { "OUT " + $0 }.joined(separator: ", ")])
            let row = try await cluster.ask(1, "SELECT * FROM yb_servers()")
            #expect(row.first?.split(separator: "|", omittingEmptySubsequences: false).count == count)
        }
    }

    @Test func plainPostgreSQLHasNoSuchFunction() async throws {
        try await withLocalCluster(.init(nodes: 1, serversFunction: .absent)) { cluster in
            let error = await failure { _ = try await cluster.ask(1, "SELECT * FROM yb_servers()") }
            #expect(error?.message.contains("yb_servers() does not exist") == true)
        }
    }

    @Test func allNodesListTheSame() async throws {
        let options = LocalCluster.Options(
            nodes: 3, placements: ["aws.us.a", "aws.us.b", ".."], readReplicas: [3], publicIPs: ["", "9.8.7.6"],
            serversFunction: .columns10)
        try await withLocalCluster(options) { cluster in
            let nodes = cluster.nodes
            let universe = nodes[0].universeUUID
            #expect(universe.count == 32 && universe.allSatisfy(\.isHexDigit))
            let expected = [
                "\(nodes[0].host)|5433|0|primary|aws|us|a||\(nodes[0].uuid)|\(universe)",
                "\(nodes[1].host)|5433|0|primary|aws|us|b|9.8.7.6|\(nodes[1].uuid)|\(universe)",
                "\(nodes[2].host)|5433|0|read_replica|||||\(nodes[2].uuid)|\(universe)",
            ]
            for number in 1...3 { #expect(try await cluster.ask(number, "SELECT * FROM yb_servers()") == expected) }

            try cluster.setPlacement(1, .init(cloud: "gcp", region: "eu", zone: "z"))
            try cluster.setPublicIP(2, "")
            try await cluster.setHost(3, "db.invalid")
            for number in 1...2 {
                #expect(
                    try await cluster.ask(number, "SELECT host, cloud, region, zone, public_ip FROM yb_servers()") == [
                        "\(nodes[0].host)|gcp|eu|z|", "\(nodes[1].host)|aws|us|b|", "db.invalid||||",
                    ])
            }
        }
    }

    @Test func anyRoleInAnyDatabaseMayAsk() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            _ = try await cluster.ask(1, "CREATE ROLE joe LOGIN")
            _ = try await cluster.ask(1, "CREATE DATABASE other")
            let connection = try cluster.connectionString(1) + " dbname=other options='-c search_path=nowhere'"
            #expect(try await psql(connection, "SELECT count(*) FROM yb_servers()", user: "joe") == ["1"])
            let error = await failure {
                _ = try await psql(connection, "SELECT pg_read_file('../members')", user: "joe")
            }
            #expect(error?.message.contains("permission denied") == true)
        }
    }

    @Test func groupsAreUniversesThatDoNotKnowEachOther() async throws {
        try await withLocalCluster(.init(nodes: 4, groups: [3, 1], serversFunction: .columns10)) { cluster in
            #expect(try await cluster.listed(by: 1) == [1, 2, 3])
            #expect(try await cluster.listed(by: 4) == [4])
            let universes = try await [
                cluster.ask(2, "SELECT DISTINCT universe_uuid FROM yb_servers()"),
                cluster.ask(4, "SELECT DISTINCT universe_uuid FROM yb_servers()"),
            ]
            #expect(universes == [[cluster.nodes[0].universeUUID], [cluster.nodes[3].universeUUID]])
            #expect(universes[0] != universes[1])
        }
    }

    @Test func nodesComeAndGo() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            let placement = LocalCluster.Placement(cloud: "a", region: "b", zone: "c")
            #expect(try await cluster.addNode(placement: placement, type: .readReplica) == 3)
            #expect(
                try await cluster.ask(3, "SELECT node_type, cloud, zone FROM yb_servers()").last == "read_replica|a|c")
            try await cluster.removeNode(2)
            #expect(cluster.nodes.map(\.number) == [1, 3])
            for number in [1, 3] { #expect(try await cluster.listed(by: number) == [1, 3]) }
            #expect(try await cluster.addNode() == 4)
            #expect(try await cluster.listed(by: 1) == [1, 3, 4])
            let error = await failure { try await cluster.stop(2) }
            #expect(error?.code == .noSuchNode)
            #expect(error?.message.hasSuffix("has no node 2; it has 1, 3, 4") == true)
        }
    }
}
