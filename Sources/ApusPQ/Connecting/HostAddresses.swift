import ApusWaiting

/// Name resolution, for two things that libpq does not offer: the addresses of a name that are left after one timed
/// out, and resolution on another thread, so that the caller can set a deadline.
public enum HostAddresses {
    /// The result of a resolution.
    public enum Outcome: Sendable, Equatable {
        /// Numeric addresses, in the resolver's order.
        case addresses([String])
        /// The resolver's error message.
        case failed(String)
    }

    /// The numeric addresses of a name, in the resolver's order; none if it cannot be resolved. Blocks without a
    /// deadline.
    public static func resolve(_ name: String) -> [String] {
        switch lookUp(name) {
        case .addresses(let addresses): addresses
        case .failed: []
        }
    }

    /// The numeric addresses of a name, or why it has none. Blocks without a deadline.
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

    /// Whether libpq takes a host for the directory of a Unix socket (`/…`), or for a name in Linux's abstract
    /// namespace (`@…`).
    public static func isUnixSocket(_ host: String) -> Bool {
        host.utf8.first == UInt8(ascii: "/") || host.utf8.first == UInt8(ascii: "@")
    }

    /// Whether text is a numeric IPv4 or IPv6 address.
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
