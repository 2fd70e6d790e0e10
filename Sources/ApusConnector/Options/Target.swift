import ApusCluster
import ApusPQ

/// What an attempt connects to: an endpoint and, where it is known, the address of its name.
struct Target: Sendable, Hashable, CustomStringConvertible {
    /// The name is what TLS verifies and the password file is searched for; it is resolved where there is no address.
    /// Empty where the caller gave no name: libpq then uses the address, or its default host.
    var endpoint: Endpoint
    /// The address to connect to, in numbers; empty to resolve the name.
    var address: String

    init(host: String, address: String = "", port: Int) {
        endpoint = Endpoint(host: host, port: port)
        self.address = address
    }

    init(_ endpoint: Endpoint, address: String = "") {
        self.endpoint = endpoint
        self.address = address
    }

    /// Addresses are compared as written, as names are.
    static func == (left: Self, right: Self) -> Bool {
        left.endpoint == right.endpoint && left.address.isWritten(as: right.address)
    }

    /// The endpoint that lists of nodes and the registry may know: with the address in place of a name that was not
    /// given.
    var namedEndpoint: Endpoint {
        endpoint.host.isEmpty ? Endpoint(host: address, port: endpoint.port) : endpoint
    }

    var description: String {
        if endpoint.host.isEmpty && address.isEmpty { return "the default host, port \(endpoint.port)" }
        let isNamed = !address.isEmpty && address != endpoint.host && !endpoint.host.isEmpty
        return isNamed ? "\(endpoint) (\(address))" : namedEndpoint.description
    }
}

extension Target {
    /// The contact points that a caller names by `host`, `hostaddr` and `port`.
    /// - Throws: ``PQError/Kind/options`` where the lists do not match, or a port is no number from 1 to 65535.
    static func contactPoints(hosts: String?, addresses: String?, ports: String?) throws(PQError) -> [Target] {
        var targets: [Target] = []
        for entry in try HostList(hosts: hosts, addresses: addresses, ports: ports).entries {
            try targets.append(Target(host: entry.host, address: entry.address, port: port(entry.port)))
        }
        return targets
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
