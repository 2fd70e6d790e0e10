import CApusLibPQ

/// The host that libpq is connecting to.
struct ConnectPlace: Equatable, CustomStringConvertible {
    var host: String
    var port: String
    /// The numeric address; empty for a Unix socket and until the name is resolved.
    var address: String

    init(_ pointer: OpaquePointer) {
        func text(_ value: UnsafePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
        host = text(PQhost(pointer))
        port = text(PQport(pointer))
        address = text(PQhostaddr(pointer))
    }

    var isUnixSocket: Bool { HostAddresses.isUnixSocket(host) }

    static func == (left: Self, right: Self) -> Bool {
        left.host.isWritten(as: right.host) && left.port.isWritten(as: right.port)
            && left.address.isWritten(as: right.address)
    }

    /// The place as libpq's messages name it.
    var description: String {
        if isUnixSocket { return "on socket \"\(host)/.s.PGSQL.\(port)\"" }
        let numbers = address.isEmpty || address == host ? "" : " (\(address))"
        return "at \"\(host)\"\(numbers), port \(port)"
    }
}

/// The hosts that are still to be tried. libpq tries a list by itself; only after a time-out of one address must a new
/// connection be started with the rest of the list.
struct ConnectTargets {
    static let keywords: Set<String> = ["host", "hostaddr", "port"]

    private struct Target {
        var host: String
        var hostAddress: String
        var port: String
    }

    /// `nil` as long as the caller's parameters are used unchanged.
    private var list: [Target]?
    private let given: [ConnectionParameter]
    /// Whether hosts before one that timed out stay in the list, because `prefer-standby` tries the list twice.
    private let keepsEarlier: Bool

    init(_ parameters: [ConnectionParameter]) {
        given = parameters.filter { Self.keywords.contains($0.keyword) }
        keepsEarlier = parameters.last { $0.keyword == "target_session_attrs" }?.value == "prefer-standby"
    }

    /// The parameters that name the hosts that are left.
    var parameters: [ConnectionParameter] {
        guard let list else { return given }
        return [
            ConnectionParameter("host", list.map(\.host).joined(separator: ",")),
            ConnectionParameter("hostaddr", list.map(\.hostAddress).joined(separator: ",")),
            ConnectionParameter("port", list.map(\.port).joined(separator: ",")),
        ]
    }

    /// Reads the list of hosts from a connection, because they may come from a service file or the environment.
    mutating func readHosts(of pointer: OpaquePointer) {
        guard list == nil, let options = PQconninfo(pointer) else { return }
        defer { PQconninfoFree(options) }
        list = Self.expand(ConnectionParameter.read(options).map(\.parameter))
    }

    /// Removes a place that timed out from the list. Other addresses of its host stay.
    /// - Returns: whether a host is left.
    mutating func remove(_ place: ConnectPlace) -> Bool {
        guard var list, let index = list.firstIndex(where: { Self.matches($0, place) }) else { return false }
        let target = list[index]
        var rest: [Target] = []
        if target.hostAddress.isEmpty, !place.isUnixSocket, !place.address.isEmpty {
            let addresses = HostAddresses.resolve(target.host.isEmpty ? place.host : target.host)
            if let position = addresses.firstIndex(of: place.address) {
                rest = addresses[(position + 1)...].map {
                    Target(host: target.host.isEmpty ? place.host : target.host, hostAddress: $0, port: target.port)
                }
            }
        }
        list.replaceSubrange(keepsEarlier ? index...index : list.startIndex...index, with: rest)
        self.list = list
        return !list.isEmpty
    }

    private static func matches(_ target: Target, _ place: ConnectPlace) -> Bool {
        let port = target.port.isEmpty ? place.port : target.port
        guard port == place.port else { return false }
        if !target.hostAddress.isEmpty { return target.hostAddress == place.address }
        return target.host.isEmpty || target.host.isWritten(as: place.host)
    }

    /// Pairs hosts, addresses and ports by libpq's rules: as many hosts as the longer of `host` and `hostaddr` has; one
    /// port for all, or one for each.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>
    private static func expand(_ parameters: [ConnectionParameter]) -> [Target] {
        func values(_ keyword: String) -> [String] {
            let text = parameters.last { $0.keyword == keyword }?.value ?? ""
            return text.commaSeparated
        }
        let (hosts, addresses, ports) = (values("host"), values("hostaddr"), values("port"))
        return (0..<max(hosts.count, addresses.count, 1)).map { index in
            Target(
                host: hosts.count > index ? hosts[index] : "",
                hostAddress: addresses.count > index ? addresses[index] : "",
                port: ports.count == 1 ? ports[0] : ports.count > index ? ports[index] : "")
        }
    }
}
