import Foundation

/// A proxy in front of a node's server, at the node's address. The supervisor's thread drives it with `appendInterests`
/// and `advance`.
protocol NodeProxy: AnyObject {
    /// The server's port, at the same address.
    var target: Int { get }
    /// Returns true if its certificate is for the host. A node's host can change.
    func speaks(for host: String) -> Bool
    /// The time at which it must be advanced even if no descriptor is ready; nil if there is none.
    var nextDue: ContinuousClock.Instant? { get }
    /// Appends the descriptors to wait for.
    func appendInterests(to list: inout [pollfd], now: ContinuousClock.Instant)
    /// Forwards data. `ready` contains the entries that `appendInterests` appended, after the wait.
    func advance(_ ready: ArraySlice<pollfd>, now: ContinuousClock.Instant)
}

/// Helpers for non-blocking sockets.
enum ProxySocket {
    /// Listens at a node's address.
    static func listen(_ address: LoopbackAddress, port: Int) throws -> BoundSocket {
        let listener = try BoundSocket(.stream, address, port: port)
        guard Foundation.listen(listener.descriptor, 1024) == 0, prepare(listener.descriptor) else {
            throw LocalClusterError(
                .addressUnavailable, "\(address):\(port) cannot be listened on: \(String(cString: strerror(errno)))")
        }
        return listener
    }

    /// Accepts one client and starts connecting to the server; returns nil if no client is waiting.
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

    /// Returns true if a pending connection succeeded, once its socket is ready.
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

    /// Sends as much as possible and removes it from `bytes`. Returns false if the other side has disconnected.
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

    /// Makes a socket non-blocking, close-on-exec, and disables Nagle's algorithm.
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
