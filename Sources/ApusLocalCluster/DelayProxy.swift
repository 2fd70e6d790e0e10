import Foundation

/// A TCP proxy that hands on what clients send at once and what the server answers later. One thread drives it: it
/// says what to wait for, and is told what became ready.
///
/// The order of bytes is kept; each answer waits for the whole delay, so answers that arrive together leave together.
final class DelayProxy {
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
        listener = try BoundSocket(.stream, address, port: port)
        guard listen(listener.descriptor, 1024) == 0, Self.prepare(listener.descriptor) else {
            throw LocalClusterError(
                .addressUnavailable, "\(address):\(port) cannot be listened on: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        for pair in pairs {
            close(pair.client)
            close(pair.server)
        }
    }

    /// When something falls due that no descriptor announces.
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

    /// Moves bytes. `ready` is what `appendInterests` appended, after the wait.
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
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(pair.server, SOL_SOCKET, SO_ERROR, &code, &length)
            pair.isConnecting = false
            if code != 0 {
                pair.serverEnded = true
                return
            }
        }
        if clientReady, !pair.clientEnded, pair.toServer.count < mostBytes {
            switch receive(pair.client) {
            case .bytes(let bytes): pair.toServer += bytes
            case .nothing: break
            case .end:
                pair.clientEnded = true
                if pair.toServer.isEmpty, !pair.isConnecting { shutdown(pair.server, Int32(SHUT_WR)) }
            }
        }
        if serverReady, !pair.isConnecting, !pair.serverEnded, pair.toClient.count < mostAnswers {
            switch receive(pair.server) {
            case .bytes(let bytes): pair.toClient.append(Answer(due: now + delay, bytes: bytes[...]))
            case .nothing: break
            case .end: pair.serverEnded = true
            }
        }
        if !pair.isConnecting, !pair.toServer.isEmpty {
            if send(&pair.toServer, to: pair.server) {
                if pair.toServer.isEmpty, pair.clientEnded { shutdown(pair.server, Int32(SHUT_WR)) }
            } else {
                pair.toServer = []
            }
        }
        while let first = pair.toClient.first, first.due <= now {
            guard send(&pair.toClient[0].bytes, to: pair.client) else {
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
        while true {
            let client = Foundation.accept(listener.descriptor, nil, nil)
            guard client >= 0 else { return }
            #if canImport(Darwin)
            let server = socket(AF_INET, SOCK_STREAM, 0)
            #else
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #endif
            guard Self.prepare(client), Self.prepare(server),
                address.withSocketAddress(port: target, { connect(server, $0, $1) }) == 0 || errno == EINPROGRESS
            else {
                close(client)
                if server >= 0 { close(server) }
                continue
            }
            pairs.append(Pair(client: client, server: server))
        }
    }

    private enum Received {
        case bytes([UInt8])
        case nothing
        case end
    }

    private static func receive(_ descriptor: Int32) -> Received {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            let result = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            failure = result < 0 ? errno : 0
            count = max(result, 0)
        }
        if failure != 0 { return failure == EAGAIN || failure == EINTR ? .nothing : .end }
        return bytes.isEmpty ? .end : .bytes(bytes)
    }

    /// Sends as much as goes and drops it from `bytes`; false when the other side is gone.
    private static func send(_ bytes: inout ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        while !bytes.isEmpty {
            #if canImport(Darwin)
            let flags: Int32 = 0
            #else
            let flags = Int32(MSG_NOSIGNAL)
            #endif
            let count = bytes.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, flags) }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            bytes = bytes.dropFirst(count)
        }
        return true
    }

    /// Not blocking, not inherited by programs, and without Nagle's own delays.
    private static func prepare(_ descriptor: Int32) -> Bool {
        guard descriptor >= 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else { return false }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        #if canImport(Darwin)
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, socklen_t(MemoryLayout<Int32>.size))
        #endif
        return true
    }
}
