import Foundation

/// A client's connection and the corresponding connection to the server.
protocol ProxiedConnection {
    init(client: Int32, server: Int32)

    var client: Int32 { get }
    var server: Int32 { get }
    /// True if no more data will be forwarded; both sockets are then closed.
    var isOver: Bool { get }
    /// The events to wait for on each socket: `POLLIN`, `POLLOUT`, both, or 0.
    func interests(now: ContinuousClock.Instant) -> (client: Int32, server: Int32)
}

/// The listener and the connections of a proxy. It owns all their sockets.
final class ProxiedConnections<Connection: ProxiedConnection> {
    private let listener: BoundSocket
    private let address: LoopbackAddress
    /// The server's port, at the same address.
    let target: Int
    private(set) var all: [Connection] = []

    init(_ address: LoopbackAddress, port: Int, target: Int) throws {
        self.address = address
        self.target = target
        listener = try ProxySocket.listen(address, port: port)
    }

    deinit { for connection in all { Self.close(connection) } }

    /// Appends the descriptors to wait for: the listener, then two entries per connection.
    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant) {
        list.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
        for connection in all {
            let (client, server) = connection.interests(now: now)
            // Descriptors without events are excluded, because a hang-up would end every wait immediately.
            list.append(pollfd(fd: client == 0 ? -1 : connection.client, events: Int16(client), revents: 0))
            list.append(pollfd(fd: server == 0 ? -1 : connection.server, events: Int16(server), revents: 0))
        }
    }

    /// Forwards data on every connection, closes those that are over, and accepts new ones.
    /// - Parameters:
    ///   - ready: the entries that `appendInterests` appended, after the wait.
    ///   - move: forwards the data of one connection; its arguments are the sockets that are ready.
    func advance(
        _ ready: ArraySlice<pollfd>, _ move: (inout Connection, _ clientReady: Bool, _ serverReady: Bool) -> Void
    ) {
        let base = ready.startIndex
        for index in all.indices {
            move(&all[index], ready[base + 1 + 2 * index].revents != 0, ready[base + 2 + 2 * index].revents != 0)
        }
        all.removeAll { connection in
            guard connection.isOver else { return false }
            Self.close(connection)
            return true
        }
        guard ready[base].revents != 0 else { return }
        while let (client, server) = ProxySocket.accept(from: listener, to: address, port: target) {
            all.append(Connection(client: client, server: server))
        }
    }

    private static func close(_ connection: Connection) {
        Foundation.close(connection.client)
        Foundation.close(connection.server)
    }
}
