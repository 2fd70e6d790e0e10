import ApusPQ
import ApusWaiting
import Testing

@Suite("Lists of hosts")
struct HostListTests {
    struct Given: Sendable, CustomTestStringConvertible {
        var hosts: String?
        var addresses: String?
        var ports: String?
        var testDescription: String { "host=\(hosts ?? "-") hostaddr=\(addresses ?? "-") port=\(ports ?? "-")" }
    }

    @Test(
        "Names, addresses and ports are paired as libpq pairs them",
        arguments: [
            (Given(), ["||"]),
            (Given(hosts: "", addresses: "", ports: ""), ["||"]),
            (Given(hosts: "a,b", ports: "1"), ["a||1", "b||1"]),
            (Given(hosts: "a,,c", ports: "1,2,"), ["a||1", "||2", "c||"]),
            (Given(addresses: "127.0.0.1,::1"), ["|127.0.0.1|", "|::1|"]),
            (Given(hosts: "a,b", addresses: ",127.0.0.2", ports: "1,2"), ["a||1", "b|127.0.0.2|2"]),
            (Given(ports: "1"), ["||1"]),
        ])
    func pairs(_ given: Given, _ expected: [String]) throws {
        let list = try HostList(hosts: given.hosts, addresses: given.addresses, ports: given.ports)
        #expect(list.entries.map { "\($0.host)|\($0.address)|\($0.port)" } == expected)
    }

    @Test(
        "Lists that do not match are refused in libpq's words",
        arguments: [
            Given(hosts: "a,b", addresses: "127.0.0.1"),
            Given(hosts: "a", addresses: "127.0.0.1,127.0.0.2", ports: "1,2"),
            Given(hosts: "a,b", ports: "1,2,3"),
            Given(addresses: "127.0.0.1,127.0.0.2,127.0.0.3", ports: "1,2"),
            Given(ports: "1,2"),
        ])
    func mismatches(_ given: Given) throws {
        let error = #expect(throws: PQError.self) {
            try HostList(hosts: given.hosts, addresses: given.addresses, ports: given.ports)
        }
        #expect(error?.kind == .options)
        let parameters = [("host", given.hosts), ("hostaddr", given.addresses), ("port", given.ports)].compactMap {
            keyword, value in value.map { ConnectionParameter(keyword, $0) }
        }
        let refused = #expect(throws: ConnectFailure.self) {
            var machine = ConnectMachine(parameters: parameters, timeout: nil)
            _ = try machine.advance(now: Monotonic.now)
        }
        #expect(error?.message == refused?.message)
    }
}
