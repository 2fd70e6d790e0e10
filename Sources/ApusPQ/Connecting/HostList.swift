import CApusLibPQ

/// The hosts of a connection: libpq's parameters `host`, `hostaddr` and `port`, which are lists, by entry.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>
package struct HostList {
    /// One host, as it was given. An entry keeps libpq's texts, because an empty one stands for libpq's default and
    /// only libpq refuses a port that is no number.
    package struct Entry: Sendable, Equatable {
        /// A name, an address, or a directory of Unix sockets; empty for libpq's default.
        package var host: String
        /// The address in numbers; empty where only the name is given, and for a Unix socket.
        package var address: String
        /// A port number; empty for libpq's default.
        package var port: String

        package static func == (left: Self, right: Self) -> Bool {
            left.host.isWritten(as: right.host) && left.port.isWritten(as: right.port)
                && left.address.isWritten(as: right.address)
        }
    }

    /// The keywords of the parameters that hosts are made of.
    static let keywords: Set<String> = ["host", "hostaddr", "port"]

    package var entries: [Entry]

    /// Pairs the values of `host`, `hostaddr` and `port` by libpq's rules: as many names as addresses where both are
    /// given, and one port for all hosts or one each.
    /// - Throws: ``PQError/Kind/options`` in libpq's words where the numbers of values differ.
    package init(hosts: String?, addresses: String?, ports: String?) throws(PQError) {
        let (hosts, addresses) = (hosts?.commaSeparated ?? [], addresses?.commaSeparated ?? [])
        let ports = ports?.commaSeparated ?? []
        if !hosts.isEmpty && !addresses.isEmpty && hosts.count != addresses.count {
            throw PQError(.options, "could not match \(hosts.count) host names to \(addresses.count) hostaddr values")
        }
        let count = max(hosts.count, addresses.count, 1)
        if ports.count > 1 && ports.count != count {
            throw PQError(.options, "could not match \(ports.count) port numbers to \(count) hosts")
        }
        entries = (0..<count).map { index in
            Entry(
                host: hosts.isEmpty ? "" : hosts[index], address: addresses.isEmpty ? "" : addresses[index],
                port: ports.count == 1 ? ports[0] : ports.isEmpty ? "" : ports[index])
        }
    }

    /// The same hosts as libpq's parameters.
    var parameters: [ConnectionParameter] {
        [
            ConnectionParameter("host", entries.map(\.host).joined(separator: ",")),
            ConnectionParameter("hostaddr", entries.map(\.address).joined(separator: ",")),
            ConnectionParameter("port", entries.map(\.port).joined(separator: ",")),
        ]
    }
}

extension HostList.Entry: CustomStringConvertible {
    /// The host that libpq is connecting to now. Its address is empty until the name is resolved.
    init(of connection: OpaquePointer) {
        func text(_ value: UnsafePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
        host = text(PQhost(connection))
        port = text(PQport(connection))
        address = text(PQhostaddr(connection))
    }

    var isUnixSocket: Bool { HostAddresses.isUnixSocket(host) }

    /// As libpq's messages have it: `at "name" (address), port 5432`.
    package var description: String {
        if isUnixSocket { return "on socket \"\(host)/.s.PGSQL.\(port)\"" }
        let numbers = address.isEmpty || address == host ? "" : " (\(address))"
        return "at \"\(host)\"\(numbers), port \(port)"
    }
}
