import Foundation

/// A TCP proxy that forwards client data immediately and server data after a delay.
///
/// It keeps the order of bytes. Each response waits for the whole delay, so responses that arrive together are sent
/// together.
final class DelayProxy: NodeProxy {
    private struct Answer {
        var due: ContinuousClock.Instant
        var bytes: ArraySlice<UInt8>
    }

    private struct Pair: ProxiedConnection {
        let client: Int32
        let server: Int32
        var isConnecting = true
        var toServer: ArraySlice<UInt8> = []
        var toClient: [Answer] = []
        var clientEnded = false
        var serverEnded = false

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        var isOver: Bool { serverEnded && toClient.isEmpty }

        func interests(now: ContinuousClock.Instant) -> (client: Int32, server: Int32) {
            var (client, server): (Int32, Int32) = (0, 0)
            if !clientEnded, toServer.count < DelayProxy.mostBytes { client |= POLLIN }
            if let first = toClient.first, first.due <= now { client |= POLLOUT }
            if isConnecting || !toServer.isEmpty { server |= POLLOUT }
            if !isConnecting, !serverEnded, toClient.count < DelayProxy.mostAnswers { server |= POLLIN }
            return (client, server)
        }
    }

    /// Reading from one side stops while this many bytes or responses wait for the other side.
    private static let mostBytes = 1 << 20
    private static let mostAnswers = 1024

    private let pairs: ProxiedConnections<Pair>
    var delay: Duration = .zero

    init(_ address: LoopbackAddress, port: Int, target: Int) throws {
        pairs = try ProxiedConnections(address, port: port, target: target)
    }

    var target: Int { pairs.target }

    /// Always true: the server itself presents a certificate.
    func speaks(for host: String) -> Bool { true }

    var nextDue: ContinuousClock.Instant? { pairs.all.compactMap { $0.toClient.first?.due }.min() }

    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant) {
        pairs.appendInterests(to: &list, now: now)
    }

    func advance(_ ready: ArraySlice<pollfd>, now: ContinuousClock.Instant) {
        pairs.advance(ready) { pair, clientReady, serverReady in
            Self.advance(&pair, delay: delay, clientReady: clientReady, serverReady: serverReady, now: now)
        }
    }

    private static func advance(
        _ pair: inout Pair, delay: Duration, clientReady: Bool, serverReady: Bool, now: ContinuousClock.Instant
    ) {
        if pair.isConnecting, serverReady {
            pair.isConnecting = false
            if !ProxySocket.isConnected(pair.server) {
                pair.serverEnded = true
                return
            }
        }
        if clientReady, !pair.clientEnded, pair.toServer.count < mostBytes {
            switch ProxySocket.receive(pair.client) {
            case .bytes(let bytes): pair.toServer += bytes
            case .nothing: break
            case .end:
                pair.clientEnded = true
                if pair.toServer.isEmpty, !pair.isConnecting { shutdown(pair.server, Int32(SHUT_WR)) }
            }
        }
        if serverReady, !pair.isConnecting, !pair.serverEnded, pair.toClient.count < mostAnswers {
            switch ProxySocket.receive(pair.server) {
            case .bytes(let bytes): pair.toClient.append(Answer(due: now + delay, bytes: bytes[...]))
            case .nothing: break
            case .end: pair.serverEnded = true
            }
        }
        if !pair.isConnecting, !pair.toServer.isEmpty {
            if ProxySocket.send(&pair.toServer, to: pair.server) {
                if pair.toServer.isEmpty, pair.clientEnded { shutdown(pair.server, Int32(SHUT_WR)) }
            } else {
                pair.toServer = []
            }
        }
        while let first = pair.toClient.first, first.due <= now {
            guard ProxySocket.send(&pair.toClient[0].bytes, to: pair.client) else {
                // The client has disconnected, so drop its responses.
                pair.toClient = []
                pair.serverEnded = true
                return
            }
            guard pair.toClient[0].bytes.isEmpty else { return }
            pair.toClient.removeFirst()
        }
    }
}
