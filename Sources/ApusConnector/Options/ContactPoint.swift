import ApusCluster
import ApusPQ

/// A host that the caller named.
struct ContactPoint: Sendable, Hashable {
    /// A name, an address, or a directory of Unix sockets; empty for libpq's default.
    var host: String
    /// The address in numbers, where the caller gave one beside the name; else empty.
    var address: String
    var port: Int

    /// What the cluster is entered under until it tells its own identity.
    var endpoint: Endpoint { Endpoint(host: host.isEmpty ? address : host, port: port) }

    var target: NodeTarget { NodeTarget(host: host, address: address, port: port) }

    /// Pairs lists by libpq's rules: as many hosts as addresses where both are given, one port for all or one each.
    static func list(hosts: String?, addresses: String?, ports: String?) throws(PQError) -> [ContactPoint] {
        let (hosts, addresses) = (hosts?.commaSeparated ?? [], addresses?.commaSeparated ?? [])
        let ports = ports?.commaSeparated ?? []
        if !hosts.isEmpty && !addresses.isEmpty && hosts.count != addresses.count {
            throw PQError(.options, "could not match \(hosts.count) host names to \(addresses.count) hostaddr values")
        }
        let count = max(hosts.count, addresses.count, 1)
        if ports.count > 1 && ports.count != count {
            throw PQError(.options, "could not match \(ports.count) port numbers to \(count) hosts")
        }
        var list: [ContactPoint] = []
        for index in 0..<count {
            let text = ports.count == 1 ? ports[0] : ports.isEmpty ? "" : ports[index]
            list.append(
                ContactPoint(
                    host: hosts.isEmpty ? "" : hosts[index], address: addresses.isEmpty ? "" : addresses[index],
                    port: try port(text)))
        }
        return list
    }

    private static func port(_ text: String) throws(PQError) -> Int {
        let digits = ASCII.trimmed(text.utf8)
        if digits.isEmpty { return ConnectionOptions.defaultBalancedPort }
        guard let port = Int(String(decoding: digits, as: UTF8.self)), (1...65535).contains(port) else {
            throw PQError(.options, "invalid port number: \"\(text)\"")
        }
        return port
    }
}

/// Where one attempt goes.
struct NodeTarget: Sendable, Hashable, CustomStringConvertible {
    /// The name, for TLS; resolved where there is no address.
    var host: String
    /// The address to connect to, in numbers; empty to resolve the name.
    var address: String
    var port: Int

    /// A name is what its bytes are, as for `Endpoint`.
    static func == (left: Self, right: Self) -> Bool {
        left.port == right.port && left.host.isWritten(as: right.host) && left.address.isWritten(as: right.address)
    }

    var endpoint: Endpoint { Endpoint(host: host.isEmpty ? address : host, port: port) }

    var description: String {
        if host.isEmpty && address.isEmpty { return "the default host, port \(port)" }
        let name = endpoint.description
        return address.isEmpty || address == host || host.isEmpty ? name : "\(name) (\(address))"
    }
}
