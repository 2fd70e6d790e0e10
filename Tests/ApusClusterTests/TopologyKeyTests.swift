import Testing

@testable import ApusCluster

@Suite("topology_keys")
struct TopologyKeyTests {
    @Test(
        "Every valid form of one key",
        arguments: [
            ("aws.eu-west-1.a", "aws", "eu-west-1", "a", 1),
            ("aws.eu-west-1.*", "aws", "eu-west-1", nil, 1),
            ("aws.eu-west-1.a:1", "aws", "eu-west-1", "a", 1),
            ("aws.eu-west-1.a:10", "aws", "eu-west-1", "a", 10),
            ("aws.eu-west-1.*:7", "aws", "eu-west-1", nil, 7),
            ("aws.eu-west-1.a:03", "aws", "eu-west-1", "a", 3),
            ("  aws.eu-west-1.a  ", "aws", "eu-west-1", "a", 1),
            ("aws . eu-west-1 . a : 2", "aws", "eu-west-1", "a", 2),
            ("\taws.eu-west-1.a:2\r\n", "aws", "eu-west-1", "a", 2),
            ("Wolke.Süd.Zone eins", "Wolke", "Süd", "Zone eins", 1),
            ("1.2.3:4", "1", "2", "3", 4),
        ] as [(String, String, String, String?, Int)])
    func validKey(text: String, cloud: String, region: String, zone: String?, preference: Int) throws {
        let key = try TopologyKey(text)
        #expect(key.cloud == cloud)
        #expect(key.region == region)
        #expect(key.zone == zone)
        #expect(key.preference == preference)
    }

    @Test(
        "Every malformed form, with what is wrong in words",
        arguments: [
            ("aws", "there is 1 part"),
            ("aws.eu", "there are 2 parts"),
            ("aws.eu.a.b", "there are 4 parts"),
            ("aws.eu.a.b.c:1", "there are 5 parts"),
            (".eu.a", "there is an empty part"),
            ("aws..a", "there is an empty part"),
            ("aws.eu.", "there is an empty part"),
            ("aws. .a", "there is an empty part"),
            ("..", "there is an empty part"),
            ("*.eu.a", "there is * for cloud or region"),
            ("aws.*.a", "there is * for cloud or region"),
            ("*.*.*", "there is * for cloud or region"),
            ("aws.eu-*.a", "there is * within a name"),
            ("aws.eu.a*", "there is * within a name"),
            ("aws.eu.a:0", "there is preference \"0\""),
            ("aws.eu.a:11", "there is preference \"11\""),
            ("aws.eu.a:-1", "there is preference \"-1\""),
            ("aws.eu.a:+1", "there is preference \"+1\""),
            ("aws.eu.a:", "there is preference \"\""),
            ("aws.eu.a:one", "there is preference \"one\""),
            ("aws.eu.a:1.5", "there is preference \"1.5\""),
            ("aws.eu.a:1:2", "there is preference \"1:2\""),
            ("aws.eu.a:٣", "there is preference \"٣\""),
            ("aws.eu.a:99999999999999999999", "there is preference \"99999999999999999999\""),
            (":1", "there is 1 part"),
            ("", "there is an empty key"),
        ])
    func malformedKey(text: String, why: String) {
        let error = #expect(throws: InvalidOption.self) { try TopologyKey(text) }
        #expect(error?.keyword == "topology_keys")
        #expect(error?.value == text)
        #expect(error?.expected.contains("cloud.region.zone[:preference]") == true)
        #expect(error?.expected.contains("1 to 10") == true)
        #expect(error?.expected.contains(why) == true, "\(error?.expected ?? "")")
    }

    @Test("A list of keys keeps their order; preferences may have gaps and need not begin with 1")
    func list() throws {
        let keys = try TopologyKey.parse("aws.eu.a:3, aws.us.*:9 ,gcp.asia.b:3")
        #expect(keys.map(\.description) == ["aws.eu.a:3", "aws.us.*:9", "gcp.asia.b:3"])
    }

    @Test("An empty value is no keys", arguments: ["", " ", "\t\n "])
    func emptyValue(value: String) throws {
        #expect(try TopologyKey.parse(value).isEmpty)
    }

    @Test(
        "One bad key spoils the list, and the error names key and list",
        arguments: [
            ("aws.eu.a,aws.eu", "there are 2 parts in \"aws.eu\""),
            ("aws.eu.a:11,aws.eu.b", "there is preference \"11\" in \"aws.eu.a:11\""),
            ("aws.eu.a,,aws.eu.b", "there is an empty key in \"\""),
            ("aws.eu.a,", "there is an empty key in \"\""),
            (",", "there is an empty key in \"\""),
            ("aws.eu.a;aws.eu.b", "there are 5 parts"),
        ])
    func badList(value: String, why: String) {
        let error = #expect(throws: InvalidOption.self) { try TopologyKey.parse(value) }
        #expect(error?.value == value)
        #expect(error?.expected.hasSuffix(why) == true, "\(error?.expected ?? "")")
    }

    @Test("The error, as a user reads it")
    func wording() {
        let error = #expect(throws: InvalidOption.self) { try TopologyKey.parse("aws.eu.a, aws.*.b:2") }
        #expect(
            error?.description == """
                invalid value "aws.eu.a, aws.*.b:2" for "topology_keys": expected cloud.region.zone[:preference], \
                separated by commas, where zone may be * and preference is 1 to 10; \
                there is * for cloud or region in "aws.*.b:2"
                """)
    }

    @Test(
        "A key matches its placement, without regard to case, and nothing else",
        arguments: [
            ("aws.eu.a", "aws.eu.a", true), ("aws.eu.a", "AWS.Eu.A", true), ("AWS.EU.A", "aws.eu.a", true),
            ("aws.eu.*", "aws.eu.a", true), ("aws.eu.*", "aws.EU.b", true),
            ("aws.eu.a", "aws.eu.b", false), ("aws.eu.a", "aws.us.a", false), ("aws.eu.a", "gcp.eu.a", false),
            ("aws.eu.*", "aws.us.a", false), ("aws.eu.*", "gcp.eu.a", false), ("aws.eu.a", "aws.eu.aa", false),
        ])
    func matching(key: String, placement: String, isMatch: Bool) throws {
        #expect(try TopologyKey(key).matches(ClusterNode.at("h", placement).placement) == isMatch)
    }

    @Test("What a key writes, it reads back")
    func roundTrip() throws {
        var random = SplitMix64(seed: 11)
        let letters = Array("abcXYZ019-_ äß")
        func name() -> String {
            // Without white space at the ends, where it is ignored.
            "n" + String((0..<random.below(6)).map { _ in letters[random.below(letters.count)] }) + "n"
        }
        for _ in 0..<500 {
            let zone = random.chance(0.3) ? "*" : name()
            let preference = random.chance(0.3) ? "" : ":\(1 + random.below(10))"
            let key = try TopologyKey("\(name()).\(name()).\(zone)\(preference)")
            #expect(try TopologyKey(key.description) == key)
        }
    }

    @Test("No text at all brings the parser down")
    func anyText() {
        var random = SplitMix64(seed: 12)
        let letters = Array("ab.*:,1 \u{0}\u{301}\r\n٣")
        for _ in 0..<5_000 {
            let text = String((0..<random.below(12)).map { _ in letters[random.below(letters.count)] })
            guard let keys = try? TopologyKey.parse(text) else { continue }
            for key in keys {
                #expect(!key.cloud.isEmpty && !key.region.isEmpty && key.zone != "")
                #expect(TopologyKey.preferences.contains(key.preference))
            }
        }
    }

    @Test("Separators are bytes, whatever combining mark stands behind them")
    func combiningMarks() throws {
        #expect(try TopologyKey("aws.\u{301}eu.a").region.unicodeScalars.first == "\u{301}")
        #expect(try TopologyKey.parse("aws.eu.a,\u{301}aws.eu.b").count == 2)
        #expect(throws: InvalidOption.self) { try TopologyKey("aws.eu.*\u{301}") }
        #expect(throws: InvalidOption.self) { try TopologyKey("aws.eu.a:\u{301}2") }
        #expect(try TopologyKey(" aws.eu.a\r\n").zone == "a")
    }

    @Test("Names that Unicode calls equivalent are two")
    func equivalentNames() throws {
        let composed = try TopologyKey("aws.eu.\u{E9}"), decomposed = try TopologyKey("aws.eu.e\u{301}")
        #expect(composed != decomposed && composed.zone == decomposed.zone)
        let placement = Placement(cloud: "aws", region: "eu", zone: "\u{C9}")
        #expect(composed.matches(placement) && !decomposed.matches(placement))
        #expect(placement != Placement(cloud: "aws", region: "eu", zone: "E\u{301}"))
    }
}
