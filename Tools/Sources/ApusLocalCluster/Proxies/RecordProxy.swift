import Foundation

/// A proxy that terminates TLS, as poolers and load balancers do, and sends the server's data in records of a given
/// size.
///
/// PostgreSQL writes records of 8 KiB. YugabyteDB, poolers and load balancers write up to 16 KiB, of which libpq reads
/// only a part at once. Connections without TLS are rejected.
final class RecordProxy: NodeProxy {
    private struct Pair: ProxiedConnection {
        let client: Int32
        let server: Int32
        var isConnecting = true
        /// nil until the client has asked for TLS.
        var tls: TLSServer?
        /// Data from the client before the TLS request.
        var greeting: [UInt8] = []
        var toServer: ArraySlice<UInt8> = []
        var toClient: ArraySlice<UInt8> = []
        /// Data from the server, until it fills a record or is due.
        var gathered: ArraySlice<UInt8> = []
        var due: ContinuousClock.Instant?
        var clientEnded = false
        var serverEnded = false
        /// True if no more data can be sent to the client.
        var isOver = false

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        func interests(now: ContinuousClock.Instant) -> (client: Int32, server: Int32) {
            var (client, server): (Int32, Int32) = (0, 0)
            if !clientEnded, toServer.count < RecordProxy.mostBytes { client |= POLLIN }
            if !toClient.isEmpty { client |= POLLOUT }
            if isConnecting || !toServer.isEmpty { server |= POLLOUT }
            if !isConnecting, !serverEnded, toClient.count < RecordProxy.mostBytes { server |= POLLIN }
            return (client, server)
        }
    }

    /// How long an incomplete record is held back.
    private static let linger: Duration = .milliseconds(1)
    /// Reading from one side stops while this many bytes wait for the other side.
    private static let mostBytes = 1 << 20

    private let identity: TLSIdentity
    private let host: String
    private let recordSize: Int
    private let pairs: ProxiedConnections<Pair>

    /// - Parameters:
    ///   - host: the host of the certificate.
    ///   - recordSize: 1 to 16,384 bytes.
    init(
        _ address: LoopbackAddress, port: Int, target: Int, identity: TLSIdentity, host: String, recordSize: Int
    ) throws {
        self.host = host
        self.identity = identity
        self.recordSize = recordSize
        pairs = try ProxiedConnections(address, port: port, target: target)
    }

    var target: Int { pairs.target }

    func speaks(for host: String) -> Bool { host == self.host }

    var nextDue: ContinuousClock.Instant? { pairs.all.compactMap(\.due).min() }

    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant) {
        pairs.appendInterests(to: &list, now: now)
    }

    func advance(_ ready: ArraySlice<pollfd>, now: ContinuousClock.Instant) {
        pairs.advance(ready) { pair, clientReady, serverReady in
            advance(&pair, clientReady: clientReady, serverReady: serverReady, now: now)
        }
    }

    // MARK: One connection

    private func advance(_ pair: inout Pair, clientReady: Bool, serverReady: Bool, now: ContinuousClock.Instant) {
        if pair.isConnecting, serverReady {
            pair.isConnecting = false
            if !ProxySocket.isConnected(pair.server) {
                pair.isOver = true
                return
            }
        }
        if clientReady, !pair.clientEnded { readClient(&pair) }
        if serverReady, !pair.isConnecting, !pair.serverEnded { readServer(&pair, now) }
        if let due = pair.due, now >= due || pair.serverEnded { sendRecord(&pair, pair.gathered.count) }
        if let tls = pair.tls {
            pair.toClient += tls.takeOutput()
            if tls.isOver { pair.clientEnded = true }
        }
        write(&pair)
    }

    private func readClient(_ pair: inout Pair) {
        switch ProxySocket.receive(pair.client) {
        case .nothing: break
        case .end: pair.clientEnded = true
        case .bytes(let bytes):
            if let tls = pair.tls { pair.toServer += tls.receive(bytes) } else { greet(&pair, bytes) }
        }
    }

    /// Answers the client's requests for encryption. Source: PostgreSQL's manual, "Message Formats", SSLRequest and
    /// GSSENCRequest.
    private func greet(_ pair: inout Pair, _ bytes: [UInt8]) {
        pair.greeting += bytes
        while pair.tls == nil, pair.greeting.count >= 8 {
            let request = pair.greeting[..<8]
            pair.greeting.removeFirst(8)
            switch Array(request) {
            case [0, 0, 0, 8, 4, 210, 22, 47]:
                pair.tls = TLSServer(identity)
                pair.toClient.append(UInt8(ascii: "S"))
                if let tls = pair.tls { pair.toServer += tls.receive(pair.greeting) } else { pair.isOver = true }
            case [0, 0, 0, 8, 4, 210, 22, 48]:
                pair.toClient.append(UInt8(ascii: "N"))
            default:
                pair.isOver = true
                return
            }
        }
    }

    private func readServer(_ pair: inout Pair, _ now: ContinuousClock.Instant) {
        switch ProxySocket.receive(pair.server) {
        case .nothing: break
        case .end: pair.serverEnded = true
        case .bytes(let bytes):
            pair.gathered += bytes
            while pair.gathered.count >= recordSize { sendRecord(&pair, recordSize) }
            pair.due = pair.gathered.isEmpty ? nil : now + Self.linger
        }
    }

    private func sendRecord(_ pair: inout Pair, _ count: Int) {
        pair.due = nil
        if count == 0 { return }
        pair.tls?.send(record: pair.gathered.prefix(count))
        pair.gathered = pair.gathered.dropFirst(count)
    }

    private func write(_ pair: inout Pair) {
        if !pair.isConnecting, !ProxySocket.send(&pair.toServer, to: pair.server) { pair.serverEnded = true }
        if !ProxySocket.send(&pair.toClient, to: pair.client) { pair.isOver = true }
        if pair.clientEnded, pair.toServer.isEmpty, !pair.isConnecting { shutdown(pair.server, Int32(SHUT_WR)) }
        if pair.serverEnded, pair.toClient.isEmpty, pair.gathered.isEmpty { pair.isOver = true }
    }
}
