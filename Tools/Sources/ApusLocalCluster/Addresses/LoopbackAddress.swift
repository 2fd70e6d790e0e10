import Foundation

/// An address in 127.0.0.0/8. On Linux all of them can be listened on; on macOS all but 127.0.0.1 need an alias.
struct LoopbackAddress: Sendable, Hashable, CustomStringConvertible {
    /// In host byte order.
    let bits: UInt32

    init(bits: UInt32) {
        self.bits = bits
    }

    init(parsing text: String) throws {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4, parts[0] == 127, let b = parts[1], let c = parts[2], let d = parts[3], (1...254) ~= d
        else {
            throw LocalClusterError(
                .invalidValue, "'\(text)' is not a loopback address to start from: 127.B.C.N with N from 1 to 254")
        }
        self.init(bits: 127 << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
    }

    var description: String { "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)" }

    /// The highest address that a node may have in this one's block of 254.
    var lastOfBlock: LoopbackAddress { LoopbackAddress(bits: bits & ~255 | 254) }

    /// The address `distance` above, unless that leaves the block.
    func advanced(by distance: Int) -> LoopbackAddress? {
        let last = Int(bits & 255) + distance
        guard (1...254).contains(last) else { return nil }
        return LoopbackAddress(bits: bits & ~255 | UInt32(last))
    }

    /// Calls `body` with the address as the socket calls want it.
    func withSocketAddress<R>(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var address = sockaddr_in()
        #if canImport(Darwin)
        address.sin_len = UInt8(MemoryLayout<sockaddr_in>.size)
        #endif
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr = in_addr(s_addr: bits.bigEndian)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A bound socket: proof that an address and port were free, and, while it is kept, the claim to them.
final class BoundSocket: Sendable {
    let descriptor: Int32

    enum Kind { case stream, datagram }

    /// Binds, or throws an error that says why not and what to do.
    init(_ kind: Kind, _ address: LoopbackAddress, port: Int) throws {
        #if canImport(Darwin)
        let type = kind == .stream ? SOCK_STREAM : SOCK_DGRAM
        #else
        let type = Int32((kind == .stream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        #endif
        descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else {
            throw LocalClusterError(.addressUnavailable, "no socket: \(String(cString: strerror(errno)))")
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        if kind == .stream {
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        if address.withSocketAddress(port: port, { bind(descriptor, $0, $1) }) != 0 {
            throw Self.refusal(errno, address, port)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The port, where 0 was asked for.
    var port: Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func refusal(_ code: Int32, _ address: LoopbackAddress, _ port: Int) -> LocalClusterError {
        switch code {
        case EADDRINUSE:
            return LocalClusterError(
                .addressUnavailable,
                """
                \(address):\(port) is in use by another program. Choose another port (--port) or another base address \
                (--base-address 127.0.1.1, say), or stop that program.
                """)
        case EADDRNOTAVAIL:
            return LocalClusterError(
                .addressUnavailable,
                """
                This machine has no address \(address). On macOS every loopback address but 127.0.0.1 must be made \
                first: sudo ifconfig lo0 alias \(address) up
                """)
        case EACCES:
            return LocalClusterError(
                .addressUnavailable, "\(address):\(port) may not be listened on: choose a port of 1024 or above.")
        default:
            return LocalClusterError(
                .addressUnavailable, "\(address):\(port) cannot be listened on: \(String(cString: strerror(code)))")
        }
    }
}

/// A run of neighbouring loopback addresses for the nodes of one cluster.
struct AddressBlock: Sendable {
    let addresses: [LoopbackAddress]
    /// A datagram socket on the first address. PostgreSQL does not mind it, but another cluster that looks for free
    /// addresses does, even while every node here is stopped.
    let claim: BoundSocket

    /// Exactly these addresses, provided all are free.
    init(base: LoopbackAddress, count: Int, port: Int) throws {
        claim = try BoundSocket(.datagram, base, port: port)
        addresses = (0..<count).compactMap { base.advanced(by: $0) }
        for address in addresses { _ = try BoundSocket(.stream, address, port: port) }
    }

    /// Free addresses, looked for in 127.64.0.0/10: far from where people put things by hand.
    static func anyFree(count: Int, port: Int) throws -> AddressBlock {
        for _ in 0..<200 {
            let base = LoopbackAddress(
                bits: 127 << 24 | UInt32.random(in: 64..<128) << 16 | .random(in: 0...255) << 8 | 1)
            do {
                return try AddressBlock(base: base, count: count, port: port)
            } catch let error as LocalClusterError where error.code == .addressUnavailable {
                #if canImport(Darwin)
                return try AddressBlock(base: LoopbackAddress(parsing: "127.0.0.1"), count: count, port: port)
                #else
                continue
                #endif
            }
        }
        throw LocalClusterError(
            .addressUnavailable, "no \(count) neighbouring loopback addresses are free at port \(port)")
    }
}
