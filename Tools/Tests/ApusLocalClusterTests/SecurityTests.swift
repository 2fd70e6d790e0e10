import Foundation
import Testing

@testable import ApusLocalCluster

@Suite(.serialized) struct SecurityTests {
    @Test func scramAsksForThePassword() async throws {
        try await withLocalCluster(.init(nodes: 1, authentication: .scram)) { cluster in
            #expect(try await cluster.ask(1, "SELECT current_user") == ["yugabyte"])
            let wrong = try cluster.connectionString(1) + " password=wrong"
            let error = await failure { _ = try await psql(wrong, "SELECT 1") }
            #expect(error?.message.contains("password authentication failed") == true)
        }
    }

    @Test func certificatesCarryTheAddress() async throws {
        try await withLocalCluster(.init(nodes: 2, encryption: .offered)) { cluster in
            #expect(cluster.authorityCertificate == cluster.directory + "/ca.crt")
            #expect(try cluster.connectionString(2).contains("sslmode=verify-full"))
            #expect(try await cluster.ask(2, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == ["t"])
            #expect(try await psql(cluster.connectionString(2) + " sslmode=disable", "SELECT 1") == ["1"])
            // The certificate of another authority is rejected.
            try await withLocalCluster(.init(nodes: 1, encryption: .offered)) { other in
                let mixed = try cluster.connectionString(1) + " sslrootcert=\(other.directory)/ca.crt"
                let error = await failure { _ = try await psql(mixed, "SELECT 1") }
                #expect(error?.message.contains("certificate verify failed") == true)
            }
        }
    }

    @Test func plainConnectionsCanBeTurnedAway() async throws {
        try await withLocalCluster(.init(nodes: 1, encryption: .required)) { cluster in
            let answer = try await cluster.ask(1, "SELECT 1")
            #expect(answer == ["1"])
            let error = await failure {
                _ = try await psql(cluster.connectionString(1) + " sslmode=disable", "SELECT 1")
            }
            #expect(error?.message.contains("no encryption") == true)
        }
    }

    /// The certificate has only the name, so that a connection by the address is rejected.
    @Test(.enabled(if: access("/etc/hosts", W_OK) == 0, "names need /etc/hosts"))
    func certificatesCarryTheNameAlone() async throws {
        let before = try String(contentsOfFile: "/etc/hosts", encoding: .utf8)
        try await withLocalCluster(.init(nodes: 2, encryption: .offered, hostNames: true)) { cluster in
            let node = try cluster.node(2)
            #expect(node.host == "node2.\(cluster.name).apus.test")
            #expect(try await cluster.ask(2, "SELECT max(host) FROM yb_servers()") == [node.host])
            let byAddress = try cluster.connectionString(2).replacing("host=\(node.host)", with: "host=\(node.address)")
            let error = await failure { _ = try await psql(byAddress, "SELECT 1") }
            #expect(error?.message.contains("does not match host name") == true)
            #expect(try await psql(byAddress + " sslmode=verify-ca", "SELECT 1") == ["1"])

            try await cluster.setHost(1, "other.\(cluster.name).apus.test", resolvable: true)
            #expect(
                try await eventually {
                    (try? await cluster.ask(1, "SELECT min(host) < max(host) FROM yb_servers()")) == ["t"]
                })
        }
        #expect(
            try String(contentsOfFile: "/etc/hosts", encoding: .utf8).contains("apus.test")
                == before.contains("apus.test"))
    }

    @Test func theHostsFileKeepsWhatIsNotOurs() throws {
        let path = NSTemporaryDirectory() + "apus-hosts-\(getpid())"
        defer { unlink(path) }
        let original = "127.0.0.1 localhost\n\n# a comment\n::1 localhost\n"
        try original.write(toFile: path, atomically: false, encoding: .utf8)
        let (one, two) = (SystemHosts(cluster: "one", path: path), SystemHosts(cluster: "two", path: path))
        try one.write(["127.0.0.2 a", "127.0.0.3 b"])
        try two.write(["127.0.0.4 c"])
        try one.write(["127.0.0.2 z"])
        #expect(
            try String(contentsOfFile: path, encoding: .utf8) == original + """
                # begin apus cluster two
                127.0.0.4 c
                # end apus cluster two
                # begin apus cluster one
                127.0.0.2 z
                # end apus cluster one

                """)
        try two.remove()
        try one.remove()
        try one.remove()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == original)
    }
}
