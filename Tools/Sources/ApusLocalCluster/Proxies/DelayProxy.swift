import Foundation

/// A TCP proxy that hands on what clients send at once and what the server answers later.
///
/// The order of bytes is kept; each answer waits for the whole delay, so answers that arrive together leave together.
final class DelayProxy: NodeProxy {
    private struct Answer {
        var due: ContinuousClock.Instant
        var bytes: ArraySlice<UInt8>
    }

    private struct Pair {
        var client: Int32
        var server: Int32
        var isConnecting = true
        var toServer: ArraySlice<UInt8> = []
        var toClient: [Answer] = []
        var clientEnded = false
        var serverEnded = false
    }

    /// No more is read from a side while this much (in bytes, in answers) waits for the other.
    private static let mostBytes = 1 << 20
    private static let mostAnswers = 1024

    private let listener: BoundSocket
    private let address: LoopbackAddress
    let target: Int
    private var pairs: [Pair] = []
    var delay: Duration = .zero

    init(_ address: LoopbackAddress, port: Int, target: Int) throws {
        self.address = address
        self.target = target
        listener = try ProxySocket.listen(address, port: port)
    }

    deinit {
        for pair in pairs {
            close(pair.client)
            close(pair.server)
        }
    }

    /// It hands on what the server shows.
    func speaks(for host: String) -> Bool { true }

    var nextDue: ContinuousClock.Instant? { pairs.compactMap { $0.toClient.first?.due }.min() }

    /// Appends what to wait for: the listener, then two entries per connection.
    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant) {
        list.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
        for pair in pairs {
            var client = 0
            var server = 0
            if !pair.clientEnded, pair.toServer.count < Self.mostBytes { client |= Int(POLLIN) }
            if let first = pair.toClient.first, first.due <= now { client |= Int(POLLOUT) }
            if pair.isConnecting || !pair.toServer.isEmpty { server |= Int(POLLOUT) }
            if !pair.isConnecting, !pair.serverEnded, pair.toClient.count < Self.mostAnswers { server |= Int(POLLIN) }
            // A descriptor nothing is wanted of is left out: a hang-up on it would end every wait at once.
            list.append(pollfd(fd: client == 0 ? -1 : pair.client, events: Int16(client), revents: 0))
            list.append(pollfd(fd: server == 0 ? -1 : pair.server, events: Int16(server), revents: 0))
        }
    }

    func advance(_ ready: ArraySlice<pollfd>, now: ContinuousClock.Instant) {
        let base = ready.startIndex
        for index in pairs.indices {
            let client = ready[base + 1 + 2 * index].revents
            let server = ready[base + 2 + 2 * index].revents
            Self.advance(&pairs[index], delay: delay, clientReady: client != 0, serverReady: server != 0, now: now)
        }
        pairs.removeAll { pair in
            guard pair.serverEnded, pair.toClient.isEmpty else { return false }
            close(pair.client)
            close(pair.server)
            return true
        }
        if ready[base].revents != 0 { accept() }
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
                // The client is gone, and with it everybody who wanted answers.
                pair.toClient = []
                pair.serverEnded = true
                return
            }
            guard pair.toClient[0].bytes.isEmpty else { return }
            pair.toClient.removeFirst()
        }
    }

    private func accept() {
        while let (client, server) = ProxySocket.accept(from: listener, to: address, port: target) {
            pairs.append(Pair(client: client, server: server))
        }
    }
}
