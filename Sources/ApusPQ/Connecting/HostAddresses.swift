import ApusWaiting

/// Name resolution, for what libpq leaves out: which addresses of a name are left after one timed out, and a deadline
/// for the resolver on a thread of its own.
public enum HostAddresses {
    /// What came of the resolution of a name.
    public enum Outcome: Sendable, Equatable {
        /// In numbers, in the resolver's order.
        case addresses([String])
        /// The resolver's words.
        case failed(String)
    }

    /// The addresses of a name, in numbers and in the resolver's order; empty when it has none. Blocks.
    public static func resolve(_ name: String) -> [String] {
        switch lookUp(name) {
        case .addresses(let addresses): addresses
        case .failed: []
        }
    }

    /// The addresses of a name, or why it has none. Blocks.
    public static func lookUp(_ name: String) -> Outcome {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var first: UnsafeMutablePointer<addrinfo>?
        let code = ProcessGate.outside { getaddrinfo(name, nil, &hints, &first) }
        guard code == 0 else { return .failed(String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(first) }
        var addresses: [String] = []
        var next = first
        while let info = next?.pointee {
            if let address = numeric(info.ai_addr, info.ai_addrlen), !addresses.contains(address) {
                addresses.append(address)
            }
            next = info.ai_next
        }
        return addresses.isEmpty ? .failed("it has no address") : .addresses(addresses)
    }

    /// Whether a host is a directory of Unix sockets, or a name in Linux's abstract namespace, for libpq.
    public static func isUnixSocket(_ host: String) -> Bool {
        host.utf8.first == UInt8(ascii: "/") || host.utf8.first == UInt8(ascii: "@")
    }

    /// Whether a text is an IPv4 or IPv6 address in numbers.
    public static func isNumeric(_ text: String) -> Bool {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_flags = AI_NUMERICHOST
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(text, nil, &hints, &first) == 0 else { return false }
        freeaddrinfo(first)
        return true
    }

    private static func numeric(_ address: UnsafePointer<sockaddr>?, _ length: socklen_t) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, length, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        return buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
    }
}
