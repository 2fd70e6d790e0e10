import CApusLibPQ

/// The hosts that are still to be tried. libpq walks the list by itself; it is given a new list only after one of its
/// addresses did not answer in time.
struct RemainingHosts {
    /// `nil` while the list is as the caller gave it.
    private var list: HostList?
    private let given: [ConnectionParameter]
    /// `prefer-standby` walks the list twice, so hosts that were passed over must stay on it.
    private let keepsEarlier: Bool

    init(_ parameters: [ConnectionParameter]) {
        given = parameters.filter { HostList.keywords.contains($0.keyword) }
        keepsEarlier = parameters.last { $0.keyword == "target_session_attrs" }?.value == "prefer-standby"
    }

    var parameters: [ConnectionParameter] { list?.parameters ?? given }

    /// Reads which hosts a connection has, wherever they were given: in a string, a service file or the environment.
    mutating func learn(from connection: OpaquePointer) {
        guard list == nil, let options = PQconninfo(connection) else { return }
        defer { PQconninfoFree(options) }
        let parameters = ConnectionParameter.read(options).map(\.parameter)
        func value(_ keyword: String) -> String? { parameters.last { $0.keyword == keyword }?.value }
        // libpq has paired the lists by the same rules, or it would not have connected.
        list = try? HostList(hosts: value("host"), addresses: value("hostaddr"), ports: value("port"))
    }

    /// Takes the address that did not answer off the list.
    /// - Returns: whether anything is left.
    mutating func drop(_ silent: HostList.Entry) -> Bool {
        guard var list, let index = list.entries.firstIndex(where: { Self.matches($0, silent) }) else { return false }
        let entry = list.entries[index]
        var rest: [HostList.Entry] = []
        if entry.address.isEmpty, !silent.isUnixSocket, !silent.address.isEmpty {
            let name = entry.host.isEmpty ? silent.host : entry.host
            let addresses = HostAddresses.resolve(name)
            if let position = addresses.firstIndex(of: silent.address) {
                rest = addresses[(position + 1)...].map { HostList.Entry(host: name, address: $0, port: entry.port) }
            }
        }
        list.entries.replaceSubrange(keepsEarlier ? index...index : 0...index, with: rest)
        self.list = list
        return !list.entries.isEmpty
    }

    /// Whether an entry of the list is the one that libpq is connecting to now.
    private static func matches(_ entry: HostList.Entry, _ current: HostList.Entry) -> Bool {
        let port = entry.port.isEmpty ? current.port : entry.port
        guard port == current.port else { return false }
        if !entry.address.isEmpty { return entry.address == current.address }
        return entry.host.isEmpty || entry.host.isWritten(as: current.host)
    }
}
