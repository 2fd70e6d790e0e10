import Foundation

/// One connection of a client, and that to the server which stands for it.
protocol ProxiedConnection {
    init(client: Int32, server: Int32)

    var client: Int32 { get }
    var server: Int32 { get }
    /// Whether nothing more is to be moved: both sockets are closed then.
    var isOver: Bool { get }
    /// What to wait for on the client and on the server: `POLLIN`, `POLLOUT`, or nothing.
    func interests(now: ContinuousClock.Instant) -> (client: Int32, server: Int32)
}

/// The connections of a proxy, and the listener that they come from. It owns all their sockets.
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

    /// Appends what to wait for: the listener, then two entries per connection.
    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant) {
        list.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
        for connection in all {
            let (client, server) = connection.interests(now: now)
            // A descriptor nothing is wanted of is left out: a hang-up on it would end every wait at once.
            list.append(pollfd(fd: client == 0 ? -1 : connection.client, events: Int16(client), revents: 0))
            list.append(pollfd(fd: server == 0 ? -1 : connection.server, events: Int16(server), revents: 0))
        }
    }

    /// Moves the bytes of every connection, closes those that are over, and accepts new ones.
    /// - Parameters:
    ///   - ready: what `appendInterests` appended, after the wait.
    ///   - move: moves the bytes of one connection, and hears which of its sockets became ready.
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
