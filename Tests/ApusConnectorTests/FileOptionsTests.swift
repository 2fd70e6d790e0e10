import ApusCluster
import ApusPQ
import Foundation
import Testing

@testable import ApusConnector

/// Service files and password files.
@Suite struct FileOptionsTests {
    private func withFile<Result>(_ text: String, mode: Int = 0o600, _ body: (String) throws -> Result) throws -> Result
    {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    @Test func aServiceMayHoldTheProperties() throws {
        let file = """
            # comment
            [other]
            host=wrong
            [mine]
            host=h
            port=6001
            load_balance=any
            topology_keys=c.r.z

            [mine]
            host=second
            """
        try withFile(file) { path in
            let options = try ConnectionOptions(
                "service=mine user=u", keywords: [.init("port", "6002")],
                environment: { ["PGSERVICEFILE": path, "PGLOADBALANCE": "false"][$0] })
            #expect(options.balance?.policy == BalancePolicy(topologyKeys: try TopologyKey.parse("c.r.z")))
            #expect(options.contactPoints == [Target(host: "h", port: 6002)])
            #expect(!options.parameters.contains { $0.keyword == "service" })
        }
    }

    @Test func aServiceWithoutPropertiesIsLeftToLibpq() throws {
        try withFile("[mine]\nhost=h\nport=6001\n") { path in
            let options = try ConnectionOptions(
                "service=mine load_balance=any", environment: { ["PGSERVICEFILE": path][$0] })
            #expect(options.contactPoints == [Target(host: "h", port: 6001)])
            #expect(options.parameters.contains(.init("service", "mine")))
        }
    }

    @Test func aPasswordForTheContactPointServesItsNodes() throws {
        let file = "contact:5433:d:u:of\\:contact\nnode2:*:*:*:own\n"
        func password(_ path: String, _ host: String) throws -> String? {
            try ConnectionOptions(
                "host=contact user=u dbname=d load_balance=any passfile=\(path)", environment: { _ in nil }
            ).parameters(for: Target(host: host, port: 5433)).first { $0.keyword == "password" }?.value
        }
        try withFile(file) { path in
            let (contacts, own) = (try password(path, "node1"), try password(path, "node2"))
            #expect(contacts == "of:contact")
            #expect(own == nil, "libpq finds the node's own entry by itself")
        }
        try withFile(file, mode: 0o644) { path in
            let ignored = try password(path, "node1")
            #expect(ignored == nil, "a file that others may read is ignored, as by libpq")
        }
    }
}
