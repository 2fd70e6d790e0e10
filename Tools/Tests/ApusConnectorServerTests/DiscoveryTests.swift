import ApusCluster
import ApusLocalCluster
import ApusPQ
import Testing

@testable import ApusConnector

@Suite(.serialized) struct DiscoveryTests {
    /// D8: two clusters in one process never mix, whatever their servers report.
    @Test(arguments: [LocalCluster.ServersFunction.columns8, .columns9, .columns10])
    func twoClustersNeverMix(_ columns: LocalCluster.ServersFunction) async throws {
        try await withLocalCluster(.init(nodes: 4, groups: [2, 2], serversFunction: columns)) { cluster in
            let driver = Driver()
            let (first, second) = (try driver.open(4, cluster.dsn([1])), try driver.open(4, cluster.dsn([3])))
            #expect(distribution(first) == [cluster.address(1): 2, cluster.address(2): 2])
            #expect(distribution(second) == [cluster.address(3): 2, cluster.address(4): 2])
        }
    }

    /// Two contact points of one cluster share its counts.
    @Test func contactPointsOfOneClusterShareItsCounts() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            let driver = Driver()
            let sessions = try driver.open(3, cluster.dsn([1])) + driver.open(3, cluster.dsn([2]))
            #expect(distribution(sessions).values.sorted() == [3, 3])
            #expect(driver.registry.clusters.count == 1)
        }
    }

    @Test func aServerWithoutTheFunctionIsConnectedToPlainly() async throws {
        try await withLocalCluster(.init(nodes: 2, serversFunction: .absent)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1, 2])
            let sessions = try driver.open(4, dsn)
            #expect(distribution(sessions) == [cluster.address(1): 4])
            #expect(sessions.flatMap(\.warnings).count == 1)
            for strict in ["only-primary", "only-rr"] {
                let error = #expect(throws: PQError.self) { try driver.open(dsn, ["load_balance": strict]) }
                #expect(error?.message.contains("yb_servers()") == true)
            }
            let only = ["topology_keys": "c.r.z", "fallback_to_topology_keys_only": "true"]
            #expect(throws: PQError.self) { try driver.open(dsn, only) }
        }
    }

    /// D9, P3: sessions are not in a transaction, and the control connection is closed.
    @Test func sessionsAreIdleAndTheControlConnectionIsClosed() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            let driver = Driver()
            let dsn = try cluster.dsn([1], "load_balance=any yb_servers_refresh_interval=0 application_name=mine")
            let sessions = try driver.open(4, dsn)
            #expect(sessions.allSatisfy { $0.isIdle })
            let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mine'"
            func countOn(_ number: Int) throws -> String? {
                try Driver().open("host=\(cluster.address(number)) port=5433 user=yugabyte dbname=postgres").value(
                    count)
            }
            // A server notices the end of a client late.
            #expect(try await eventually { try countOn(1) == "2" && countOn(2) == "2" })
        }
    }

    /// D14: the contact point may come from the environment or be an address; the node that was picked is reached.
    @Test func thePickedNodeIsReachedWhateverTheFormOfTheContactPoint() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            let driver = Driver()
            let rest = "user=yugabyte dbname=yugabyte load_balance=any"
            for host in ["", "host=elsewhere"] {
                let sessions = try driver.open(6, "\(host) hostaddr=\(cluster.address(1)) \(rest)")
                #expect(distribution(sessions).values.sorted() == [2, 2, 2])
            }
        }
    }

    /// D19: one row that cannot be resolved hurts only itself.
    @Test func anUnresolvableNodeHurtsOnlyItself() async throws {
        try await withLocalCluster(.init(nodes: 3)) { cluster in
            try await cluster.setHost(3, "no-such-host.invalid")
            let driver = Driver()
            let sessions = try driver.open(6, cluster.dsn([1]))
            #expect(distribution(sessions) == [cluster.address(1): 3, cluster.address(2): 3])
        }
    }

    /// P9: nodes whose private addresses cannot be reached are reached by their public ones.
    @Test func publicAddresses() async throws {
        try await withLocalCluster(.init(nodes: 2)) { cluster in
            for number in [1, 2] {
                try cluster.setPublicIP(number, cluster.address(number))
                try await cluster.setHost(number, "private\(number).invalid")
            }
            let driver = Driver()
            try #expect(
                distribution(driver.open(4, cluster.dsn([1]))) == [cluster.address(1): 2, cluster.address(2): 2])
            #expect(driver.registry.clusters.map(\.addressing) == [.publicHost])
            // Reached by a name that is in neither column: undecided, so private first, then public.
            let other = Driver()
            let dsn =
                "host=localhost hostaddr=\(cluster.address(1)) port=5433 user=yugabyte dbname=yugabyte load_balance=any"
            try #expect(distribution(other.open(4, dsn)) == [cluster.address(1): 2, cluster.address(2): 2])
        }
    }

    /// D19: the host's name is kept for TLS, so that verify-full works through discovered nodes.
    @Test func verifyFullThroughDiscoveredNodes() async throws {
        try await withLocalCluster(.init(nodes: 3, encryption: .offered, hostNames: true)) { cluster in
            let authority = try #require(cluster.authorityCertificate)
            let host = try cluster.node(1).host
            let driver = Driver()
            let sessions = try driver.open(
                6, "host=\(host) port=5433 user=yugabyte dbname=yugabyte load_balance=any",
                ["sslmode": "verify-full", "sslrootcert": authority])
            #expect(sessions.allSatisfy { $0.isEncrypted })
            #expect(distribution(sessions).values.sorted() == [2, 2, 2])
            #expect(Set(sessions.map(\.host)) == Set(cluster.nodes.map(\.host)))
        }
    }
}
