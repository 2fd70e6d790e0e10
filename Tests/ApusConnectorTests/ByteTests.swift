import ApusCluster
import ApusPQ
import ApusWaiting
import Foundation
import Testing

@testable import ApusConnector

/// A delimiter and a combining mark after it are one Character, but options and libpq's files consist of bytes.
@Suite("Text is bytes")
struct ByteTests {
    static let mark = "\u{301}"

    private func file(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)").path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    @Test("Values with combining marks behind quotes and backslashes survive")
    func values() throws {
        for value in ["'\(Self.mark)", "a\\\(Self.mark)b", " \(Self.mark)", "\r\n", "x'\(Self.mark)'y", "\u{a0}"] {
            let text = ConnectionParameter.format([.init("password", value), .init("host", "h")])
            let expected = [ConnectionParameter("password", value), ConnectionParameter("host", "h")]
            #expect(try ConnectionString(text).parameters == expected)
            let theirs = try ConnectionParameter.parse(text)
            #expect(theirs.first { $0.keyword == "password" }?.value == value)
        }
    }

    @Test("The password file: colons, backslashes and ends of lines")
    func passwordFile() throws {
        let mark = Self.mark
        let path = try file(
            "h:1:\(mark)d:u:\(mark)one\nh\\:\(mark):1:d:u:two\\:\(mark):rest\r\nh:2:d:e\(mark):three\n"
                + "\\*:1:d:u:four\n*:3:*:*:fi\\\\ve\r\n")
        defer { try? FileManager.default.removeItem(atPath: path) }
        func password(_ host: String, _ port: Int, _ database: String, _ user: String) -> String? {
            PasswordFile.password(
                path: path, endpoint: Endpoint(host: host, port: port), database: database, user: user)
        }
        #expect(password("h", 1, "\(mark)d", "u") == "\(mark)one")
        // As in libpq, the password ends at a colon too.
        #expect(password("h:\(mark)", 1, "d", "u") == "two:\(mark)")
        // "é" in one piece and in two are equal as Characters, but not the same user.
        #expect(password("h", 2, "d", "e\(mark)") == "three")
        #expect(password("h", 2, "d", "\u{e9}") == nil)
        #expect(password("other", 1, "d", "u") == nil, "an escaped * is no wildcard")
        #expect(password("*", 1, "d", "u") == "four")
        #expect(password("any", 3, "any", "any") == "fi\\ve")
    }

    @Test("The service file: white space is ASCII's, and lines may end in \\r\\n")
    func serviceFile() throws {
        let mark = Self.mark
        let path = try file(
            "#\(mark) comment\r\n[\(mark)s]\r\nhost=a\r\n  application_name=\(mark)x\u{a0}\r\n"
                + "load_balance=any\r\r\n[t]\nport=1\n"
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        let section = try #require(ServiceFile.section("\(mark)s") { $0 == "PGSERVICEFILE" ? path : nil })
        #expect(
            section == [
                .init("host", "a"), .init("application_name", "\(mark)x\u{a0}"), .init("load_balance", "any"),
            ])
    }

    @Test("Lists of hosts and ports are split at bytes, and white space within a number is an error")
    func contactPoints() throws {
        let list = try Target.contactPoints(hosts: "a,\(Self.mark)b", addresses: nil, ports: " 1 ,\t2\n")
        #expect(list.map(\.endpoint.host) == ["a", "\(Self.mark)b"])
        #expect(list.map(\.endpoint.port) == [1, 2])
        #expect(throws: PQError.self) { try Target.contactPoints(hosts: "a", addresses: nil, ports: "54 33") }
        #expect(throws: PQError.self) { try Target.contactPoints(hosts: "a", addresses: nil, ports: "5433\u{a0}") }
        #expect(throws: PQError.self) {
            try Target.contactPoints(hosts: "a", addresses: nil, ports: "9223372036854775808")
        }
    }

    @Test("Topology keys, modes and numbers")
    func properties() throws {
        let keys = try TopologyKey.parse("c.\(Self.mark)r.z:1,\(Self.mark)c.r.*:2")
        #expect(keys.map(\.region) == ["\(Self.mark)r", "r"])
        #expect(keys.map(\.cloud) == ["c", "\(Self.mark)c"])
        #expect(keys.map(\.zone) == ["z", nil])
        #expect(throws: InvalidOption.self) { try TopologyKey.parse("c.r.*\(Self.mark)") }
        #expect(throws: InvalidOption.self) { try TopologyKey.parse("c.r.z:1\u{a0}") }
        // The Kelvin sign is a capital k for Unicode, but not a letter of a keyword.
        #expect(BalanceProperty(keyword: "topology_\u{212a}eys") == nil)
        #expect(BalanceProperty(keyword: "Topology-Keys") == .topologyKeys)
        #expect(try ConnectMachine.timeout(from: "\t7\r\n") == .seconds(7))
        #expect(throws: PQError.self) { try ConnectMachine.timeout(from: "7\u{a0}") }
        #expect(throws: PQError.self) { try ConnectMachine.timeout(from: "99999999999999999999") }
        let longest = try ConnectionOptions("load_balance=any connect_timeout=2147483647", environment: { _ in nil })
        var machine = BalancedConnect(longest, registry: ClusterRegistry(seed: 1), lookups: HostLookups())
        _ = try? machine.advance(now: Monotonic.now)
    }

    @Test("A duration of any length has nanoseconds")
    func durations() {
        #expect(Duration.seconds(1e19).clampedNanoseconds == .max)
        #expect(Duration.seconds(-1e19).clampedNanoseconds == .min)
        #expect(Duration.nanoseconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.milliseconds(-1500).clampedNanoseconds == -1_500_000_000)
        #expect(Monotonic.moment(after: .seconds(1.6e20)) > Monotonic.now)
    }
}
