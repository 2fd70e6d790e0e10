import CApusLibPQ

/// Where libpq is connecting to now.
struct ConnectPlace: Equatable, CustomStringConvertible {
    var host: String
    var port: String
    /// The address in numbers; empty for a Unix socket and until a name is resolved.
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

    /// As libpq words it.
    var description: String {
        if isUnixSocket { return "on socket \"\(host)/.s.PGSQL.\(port)\"" }
        let numbers = address.isEmpty || address == host ? "" : " (\(address))"
        return "at \"\(host)\"\(numbers), port \(port)"
    }
}

/// The hosts that are still to be tried. libpq walks the list by itself; only when one of its addresses does not
/// answer in time must the rest be named anew.
struct ConnectTargets {
    static let keywords: Set<String> = ["host", "hostaddr", "port"]

    private struct Target {
        var host: String
        var hostAddress: String
        var port: String
    }

    /// `nil` as long as the caller's own words stand.
    private var list: [Target]?
    private let given: [ConnectionParameter]
    /// `prefer-standby` walks the list twice, so hosts that were passed over must stay on it.
    private let keepsEarlier: Bool

    init(_ parameters: [ConnectionParameter]) {
        given = parameters.filter { Self.keywords.contains($0.keyword) }
        keepsEarlier = parameters.last { $0.keyword == "target_session_attrs" }?.value == "prefer-standby"
    }

    var parameters: [ConnectionParameter] {
        guard let list else { return given }
        return [
            ConnectionParameter("host", list.map(\.host).joined(separator: ",")),
            ConnectionParameter("hostaddr", list.map(\.hostAddress).joined(separator: ",")),
            ConnectionParameter("port", list.map(\.port).joined(separator: ",")),
        ]
    }

    /// Finds out what hosts a connection has, wherever they were given: string, service file or environment.
    mutating func learn(_ pointer: OpaquePointer) {
        guard list == nil, let options = PQconninfo(pointer) else { return }
        defer { PQconninfoFree(options) }
        list = Self.expand(ConnectionParameter.read(options).map(\.parameter))
    }

    /// Takes the place that did not answer off the list.
    /// - Returns: whether anything is left.
    mutating func drop(_ place: ConnectPlace) -> Bool {
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

    /// libpq's rules: as many hosts as the longer of `host` and `hostaddr`, one port for all or one each.
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
