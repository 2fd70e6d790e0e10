import ApusCluster
import ApusPQ
import ApusWaiting
import Foundation

@testable import ApusConnector

/// A server whose answers the test sends itself, step by step, so that time can be a parameter.
final class FakeServer {
    let port: Int
    private let listener: Int32
    private var clients: [Int32] = []

    init() throws {
        listener = Self.makeSocket()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        guard listener >= 0, isListening else { throw PQError(.system, "cannot listen") }
    }

    deinit {
        for client in clients { close(client) }
        close(listener)
    }

    private static func makeSocket() -> Int32 {
        #if canImport(Darwin)
        socket(AF_INET, SOCK_STREAM, 0)
        #else
        socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: port) }
    var node: ClusterNode {
        ClusterNode(endpoint: endpoint, placement: Placement(cloud: "c", region: "r", zone: "z"), uuid: "uuid-\(port)")
    }

    /// How many clients have connected, including those that wait to be accepted.
    func clientCount() -> Int {
        var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) > 0 {
            let client = accept(listener, nil, nil)
            if client < 0 { break }
            clients.append(client)
        }
        return clients.count
    }

    /// Whether the client with this number has disconnected.
    func isGone(_ client: Int) -> Bool {
        if clientCount() <= client { return true }
        var entry = pollfd(fd: clients[client], events: Int16(POLLIN), revents: 0)
        var byte = [UInt8](repeating: 0, count: 4096)
        while poll(&entry, 1, 200) > 0 {
            if recv(clients[client], &byte, byte.count, 0) <= 0 { return true }
        }
        return false
    }

    private func send(_ bytes: [UInt8], to client: Int) {
        _ = clientCount()
        #if canImport(Darwin)
        let flags: Int32 = 0
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        _ = bytes.withUnsafeBytes { Foundation.send(clients[client], $0.baseAddress, $0.count, flags) }
    }

    private static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        [type.asciiValue ?? 0] + withUnsafeBytes(of: UInt32(body.count + 4).bigEndian) { Array($0) } + body
    }

    private static func number<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// AuthenticationOk.
    func sendLogin(to client: Int = 0) { send(Self.message("R", Self.number(UInt32(0))), to: client) }
    /// A parameter, which is a sign of life.
    func sendParameter(to client: Int = 0) { send(Self.message("S", Array("is_superuser\0off\0".utf8)), to: client) }
    /// ReadyForQuery.
    func sendReady(to client: Int = 0) { send(Self.message("Z", [UInt8(ascii: "I")]), to: client) }

    /// The answer to `SELECT * FROM yb_servers()`.
    func sendList(_ nodes: [ClusterNode], to client: Int = 0) {
        let names = ["host", "port", "node_type", "cloud", "region", "zone", "uuid"]
        var description = Self.number(UInt16(names.count))
        for name in names {
            description += Array(name.utf8) + [0] + Self.number(UInt32(0)) + Self.number(UInt16(0))
            description += Self.number(UInt32(25)) + Self.number(Int16(-1)) + Self.number(Int32(-1))
            description += Self.number(UInt16(0))
        }
        var answer = Self.message("T", description)
        for node in nodes {
            var row = Self.number(UInt16(names.count))
            let values = [
                node.endpoint.host, String(node.endpoint.port), node.kind.rawValue, node.placement.cloud,
                node.placement.region, node.placement.zone, node.uuid ?? "",
            ]
            for value in values { row += Self.number(UInt32(value.utf8.count)) + Array(value.utf8) }
            answer += Self.message("D", row)
        }
        send(answer + Self.message("C", Array("SELECT\0".utf8)) + Self.message("Z", [UInt8(ascii: "I")]), to: client)
    }

    /// The error that a server without `yb_servers()` answers with.
    func sendNoFunction(to client: Int = 0) {
        let fields = "SERROR\0VERROR\0C42883\0Mfunction yb_servers() does not exist\0\0"
        send(Self.message("E", Array(fields.utf8)) + Self.message("Z", [UInt8(ascii: "I")]), to: client)
    }

    /// The error of a login that is refused.
    func sendWrongPassword(to client: Int = 0) {
        send(Self.message("E", Array("SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0".utf8)), to: client)
    }
}

/// A connect with a clock of the test.
struct ClockedConnect: ~Copyable {
    var machine: BalancedConnect
    private(set) var wait: Wait?

    init(
        _ dsn: String, _ registry: ClusterRegistry, lookups: HostLookups = HostLookups()
    ) throws {
        let options = try ConnectionOptions(
            dsn + " user=u dbname=d sslmode=disable gssencmode=disable", environment: { _ in nil })
        machine = BalancedConnect(options, registry: registry, lookups: lookups)
    }

    /// Advances at a moment until nothing more happens, as an event loop would.
    /// - Returns: whether the connect succeeded.
    @discardableResult
    mutating func advance(_ now: Duration) throws -> Bool {
        while let wait = try machine.advance(now: now) {
            self.wait = wait
            // Loopback needs a moment to hand bytes over.
            let look = Wait(descriptor: wait.descriptor, interest: wait.interest)
            if wait.deadline.map({ $0 <= now }) ?? false { continue }
            if wait.descriptor == nil || BlockingWaiter.wait(for: look, slice: .milliseconds(50)) != .ready {
                return false
            }
        }
        return true
    }

    /// The error at a moment, if there is one.
    mutating func failure(_ now: Duration) -> PQError? {
        do { try advance(now) } catch { return error as? PQError }
        return nil
    }
}

extension ClusterRegistry {
    /// Enters a list of nodes as if it had been fetched at a moment.
    func enter(_ nodes: [ClusterNode], behind contact: Endpoint, now: Duration) {
        let plan = cluster(behind: [contact]).planRefresh(interval: .zero, now: now)
        guard case .refresh(let ticket) = plan else { return }
        _ = finishRefresh(ticket, nodes: nodes, from: .contactPoint, contactPoints: [contact], now: now)
    }

    /// The sessions counted, on all nodes of all clusters.
    var sessions: Int { clusters.flatMap(\.status).map(\.sessions).reduce(0, +) }

    /// The ports of the nodes in quarantine at a moment.
    func down(_ now: Duration) -> Set<Int> {
        Set(clusters.flatMap(\.status).filter { $0.downUntil.map { $0 > now } ?? false }.map(\.node.endpoint.port))
    }
}
