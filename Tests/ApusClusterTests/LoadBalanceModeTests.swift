import Testing

@testable import ApusCluster

@Suite("load_balance")
struct LoadBalanceModeTests {
    @Test(
        "Every word, in any case",
        arguments: [
            ("true", .any), ("True", .any), ("TRUE", .any), ("1", .any), ("yes", .any), ("on", .any), ("any", .any),
            ("Any", .any), ("only-primary", .onlyPrimary), ("ONLY-PRIMARY", .onlyPrimary),
            ("only-rr", .onlyReadReplica),
            ("Only-RR", .onlyReadReplica), ("prefer-primary", .preferPrimary), ("Prefer-Primary", .preferPrimary),
            ("prefer-rr", .preferReadReplica), ("PREFER-RR", .preferReadReplica),
            ("false", nil), ("False", nil), ("0", nil), ("no", nil), ("off", nil),
        ] as [(String, LoadBalanceMode?)])
    func words(word: String, mode: LoadBalanceMode?) throws {
        #expect(try LoadBalanceMode.parse(word) == mode)
    }

    @Test(
        "Every other word is refused with the valid ones",
        arguments: [
            "", " ", "true ", "tru", "only_primary", "primary", "only-replica", "prefer", "2", "random", "disable",
        ])
    func otherWords(word: String) {
        let error = #expect(throws: InvalidOption.self) { try LoadBalanceMode.parse(word) }
        #expect(
            error?.description == """
                invalid value "\(word)" for "load_balance": expected true, any, only-primary, only-rr, \
                prefer-primary, prefer-rr or false
                """)
    }

    @Test("A mode's own word is read back", arguments: LoadBalanceMode.allCases)
    func roundTrip(mode: LoadBalanceMode) throws {
        #expect(try LoadBalanceMode.parse(mode.rawValue) == mode)
    }

    @Test("The contact points stand in, except where a kind or a placement was promised")
    func contactPoints() throws {
        let keys = try TopologyKey.parse("c.r.z")
        let expected: [(LoadBalanceMode, plain: Bool, keysOnly: Bool)] = [
            (.any, true, false), (.onlyPrimary, false, false), (.onlyReadReplica, false, false),
            (.preferPrimary, true, true), (.preferReadReplica, true, true),
        ]
        #expect(expected.map(\.0) == LoadBalanceMode.allCases)
        for (mode, plain, keysOnly) in expected {
            for policy in [
                BalancePolicy(mode: mode), BalancePolicy(mode: mode, topologyKeys: keys),
                // The flag has an effect only with keys.
                BalancePolicy(mode: mode, fallbackToTopologyKeysOnly: true),
            ] {
                #expect(policy.fallsBackToContactPoints == plain, "\(policy)")
            }
            let policy = BalancePolicy(mode: mode, topologyKeys: keys, fallbackToTopologyKeysOnly: true)
            #expect(policy.fallsBackToContactPoints == keysOnly, "\(policy)")
        }
    }

    @Test("A policy's description has the words of its options")
    func description() throws {
        let keys = try TopologyKey.parse("c.r.z, c.r.*:2")
        #expect("\(BalancePolicy(mode: .onlyPrimary))" == "load_balance=only-primary")
        #expect("\(BalancePolicy(topologyKeys: keys))" == "load_balance=any topology_keys=c.r.z:1,c.r.*:2")
        #expect(
            "\(BalancePolicy(mode: .onlyReadReplica, topologyKeys: keys, fallbackToTopologyKeysOnly: true))"
                == "load_balance=only-rr topology_keys=c.r.z:1,c.r.*:2 fallback_to_topology_keys_only=true")
        #expect(
            "\(BalancePolicy(mode: .preferPrimary, topologyKeys: keys, fallbackToTopologyKeysOnly: true))"
                == "load_balance=prefer-primary topology_keys=c.r.z:1,c.r.*:2")
    }
}
