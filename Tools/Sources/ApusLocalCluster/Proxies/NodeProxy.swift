import Foundation

/// Something that stands before a node's server, at the node's address. One thread drives it: it says what to wait for,
/// and is told what became ready.
protocol NodeProxy: AnyObject {
    /// The server's port, at the same address.
    var target: Int { get }
    /// Whether what it shows clients is meant for a host; a node may be listed under another one later.
    func speaks(for host: String) -> Bool
    /// When something falls due that no descriptor announces.
    var nextDue: ContinuousClock.Instant? { get }
    /// Appends what to wait for.
    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant)
    /// Moves bytes. `ready` is what `appendInterests` appended, after the wait.
    func advance(_ ready: ArraySlice<pollfd>, now: ContinuousClock.Instant)
}

/// The calls on non-blocking sockets that proxies share.
enum ProxySocket {
    /// A listener at a node's address.
    static func listen(_ address: LoopbackAddress, port: Int) throws -> BoundSocket {
        let listener = try BoundSocket(.stream, address, port: port)
        guard Foundation.listen(listener.descriptor, 1024) == 0, prepare(listener.descriptor) else {
            throw LocalClusterError(
                .addressUnavailable, "\(address):\(port) cannot be listened on: \(String(cString: strerror(errno)))")
        }
        return listener
    }

    /// Accepts one client and begins to connect to the server behind it; nil when no client is left.
    static func accept(
        from listener: BoundSocket, to address: LoopbackAddress, port: Int
    ) -> (client: Int32, server: Int32)? {
        while true {
            let client = Foundation.accept(listener.descriptor, nil, nil)
            guard client >= 0 else { return nil }
            #if canImport(Darwin)
            let server = socket(AF_INET, SOCK_STREAM, 0)
            #else
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #endif
            if prepare(client), prepare(server),
                address.withSocketAddress(port: port, { connect(server, $0, $1) }) == 0 || errno == EINPROGRESS
            {
                return (client, server)
            }
            close(client)
            if server >= 0 { close(server) }
        }
    }

    /// Whether a connection that was under way has been made, once the socket is ready.
    static func isConnected(_ descriptor: Int32) -> Bool {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        return code == 0
    }

    enum Received {
        case bytes([UInt8])
        case nothing
        case end
    }

    static func receive(_ descriptor: Int32) -> Received {
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
    static func send(_ bytes: inout ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
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
