import ApusCluster
import ApusPQ
import Testing

@testable import ApusConnector

@Suite struct ConnectionOptionsTests {
    private func options(
        _ text: String, _ keywords: [String: String] = [:], environment: [String: String] = [:]
    ) throws -> ConnectionOptions {
        let keywords = keywords.sorted { $0.key < $1.key }.map { ConnectionParameter($0.key, $0.value) }
        return try ConnectionOptions(text, keywords: keywords, environment: { environment[$0] })
    }

    @Test func balancingIsOffByDefault() throws {
        #expect(try options("host=h").balance == nil)
        #expect(try options("host=h load_balance=false topology_keys=a.b.c").balance == nil)
    }

    @Test func everyFormAndMixtures() throws {
        let text =
            "load_balance=prefer-primary topology_keys='c.r.z1:1, c.r.*:2' yb_servers_refresh_interval=0"
            + " failed_host_ttl_seconds=60 fallback_to_topology_keys_only=true"
        let uri =
            "postgresql://?load_balance=Prefer-Primary&topology_keys=c.r.z1%3A1,c.r.*:2"
            + "&yb_servers_refresh_interval=0&failed_host_ttl_seconds=60&fallback_to_topology_keys_only=yes"
        let keywords = [
            "load_balance": "prefer-primary", "topology_keys": "c.r.z1:1,c.r.*:2", "yb_servers_refresh_interval": "0",
            "failed_host_ttl_seconds": "60", "fallback_to_topology_keys_only": "1",
        ]
        let environment = [
            "PGLOADBALANCE": "prefer-primary", "PGTOPOLOGYKEYS": "c.r.z1:1,c.r.*:2", "PGYBSERVERSREFRESHINTERVAL": "0",
            "PGFAILEDHOSTTTLSECONDS": "60", "PGFALLBACKTOTOPOLOGYKEYSONLY": "on",
        ]
        let expected = BalanceOptions(
            policy: BalancePolicy(
                mode: .preferPrimary, topologyKeys: try TopologyKey.parse("c.r.z1,c.r.*:2"),
                fallbackToTopologyKeysOnly: true),
            refreshInterval: .zero, failedHostTTL: .seconds(60))
        #expect(try options(text).balance == expected)
        #expect(try options(uri).balance == expected)
        #expect(try options("host=h", keywords).balance == expected)
        #expect(try options("host=h", environment: environment).balance == expected)
        var half = keywords
        half["load_balance"] = nil
        #expect(try options("host=h load_balance=prefer-primary", half).balance == expected)
    }

    @Test func aVariableIsNamedByLibpqsRule() {
        for property in BalanceProperty.allCases {
            #expect(property.environmentVariable == "PG" + property.rawValue.uppercased().filter { $0 != "_" })
        }
    }

    @Test func keywordsWinOverTheStringAndTheStringOverTheEnvironment() throws {
        let balance = try options(
            "load_balance=any failed_host_ttl_seconds=1", ["failed_host_ttl_seconds": "2"],
            environment: ["PGFAILEDHOSTTTLSECONDS": "3", "PGLOADBALANCE": "false"]
        ).balance
        #expect(balance?.failedHostTTL == .seconds(2))
        #expect(balance?.refreshInterval == .seconds(300))
    }

    @Test(arguments: [
        ("load_balance", "maybe", "only-primary"), ("topology_keys", "c.r", "cloud.region.zone"),
        ("topology_keys", "c.r.z:11", "1 to 10"), ("topology_keys", "c.r.z:0", "1 to 10"),
        ("topology_keys", "*.r.z", "zone may be *"), ("topology_keys", "a.b.c,,d.e.f", "cloud.region.zone"),
        ("yb_servers_refresh_interval", "601", "0 to 600"), ("yb_servers_refresh_interval", "-1", "0 to 600"),
        ("yb_servers_refresh_interval", "abc", "0 to 600"), ("failed_host_ttl_seconds", "61", "0 to 60"),
        ("fallback_to_topology_keys_only", "perhaps", "true or false"),
    ])
    func wrongValuesAreNamed(_ keyword: String, _ value: String, _ valid: String) {
        for on in ["load_balance=any", ""] {
            let error = #expect(throws: PQError.self) { try options(on, [keyword: value]) }
            #expect(error?.kind == .options)
            for words in [keyword, value, valid] {
                #expect(error?.message.contains(words) == true, "\(error?.message ?? "") lacks \(words)")
            }
        }
    }

    // MARK: Ports

    private func ports(_ text: String, environment: [String: String] = [:]) throws -> [Int] {
        try options(text, environment: environment).contactPoints.map(\.endpoint.port)
    }

    @Test func thePortIs5433OnlyWithBalancingAndNoneGivenAnywhere() throws {
        #expect(try ports("host=h load_balance=any") == [5433])
        #expect(try ports("host=h user=support dbname=report load_balance=any") == [5433])
        #expect(try ports("host=h port=6000 load_balance=any") == [6000])
        #expect(try ports("host=h load_balance=any", environment: ["PGPORT": "6001"]) == [6001])
        #expect(try ports("host=a,b port=1,2 load_balance=any") == [1, 2])
        #expect(try ports("host=a,b port=1 load_balance=any") == [1, 1])
        #expect(try ports("postgresql://a:1,b/?load_balance=any") == [1, 5433])
        // Off: nothing is added for libpq.
        #expect(try options("host=h user=u").parameters == [.init("host", "h"), .init("user", "u")])
    }

    @Test(arguments: [
        ("host=a,b port=1,2,3 load_balance=any", "3 port numbers to 2 hosts"),
        ("host=a,b hostaddr=127.0.0.1 load_balance=any", "2 host names to 1 hostaddr"),
        ("host=a port=x load_balance=any", "invalid port number: \"x\""),
        ("host=a port=70000 load_balance=any", "invalid port number"),
        ("host=a connect_timeout=soon load_balance=any", "connect_timeout"),
    ])
    func listsThatDoNotFit(_ text: String, _ words: String) {
        let error = #expect(throws: PQError.self) { try options(text) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    // MARK: For a node

    @Test func nothingButTheHostIsReplaced() throws {
        let options = try options(
            "host=a hostaddr=10.0.0.1 port=1 load_balance=any",
            ["password": "Xhost=42 my port=9 pw", "options": "-c my.host=abc", "dbname": "postgres://@x/"])
        let parameters = options.parameters(for: Target(host: "n", port: 2))
        let values = Dictionary(parameters.map { ($0.keyword, $0.value) }, uniquingKeysWith: { $1 })
        #expect(
            values == [
                "host": "n", "hostaddr": "", "port": "2", "password": "Xhost=42 my port=9 pw",
                "options": "-c my.host=abc", "dbname": "postgres://@x/",
            ])
    }

    @Test func aControlConnectionIsAPlainSession() throws {
        let options = try options(
            "load_balance=any replication=database target_session_attrs=read-write client_encoding=latin1")
        let parameters = options.controlParameters(for: Target(host: "n", port: 2))
        #expect(parameters.filter { $0.keyword == "target_session_attrs" }.map(\.value) == ["any"])
        #expect(parameters.filter { $0.keyword == "client_encoding" }.map(\.value) == ["UTF8"])
        #expect(!parameters.contains { $0.keyword == "replication" })
    }

    @Test func connectTimeout() throws {
        #expect(try options("connect_timeout=3").connectTimeout == .seconds(3))
        #expect(try options("", environment: ["PGCONNECT_TIMEOUT": "4"]).connectTimeout == .seconds(4))
        #expect(try options("").connectTimeout == nil)
        #expect(try options("connect_timeout=0 load_balance=any").connectTimeout == nil)
        #expect(try options("load_balance=any").connectTimeout == ConnectionOptions.defaultNodeTimeout)
    }
}
