import Foundation

/// An address in 127.0.0.0/8. On Linux all of them are available; on macOS all but 127.0.0.1 need an alias.
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

    /// The last usable address in this address's block of 254.
    var lastOfBlock: LoopbackAddress { LoopbackAddress(bits: bits & ~255 | 254) }

    /// The address `distance` above this one; nil if it is outside the block.
    func advanced(by distance: Int) -> LoopbackAddress? {
        let last = Int(bits & 255) + distance
        guard (1...254).contains(last) else { return nil }
        return LoopbackAddress(bits: bits & ~255 | UInt32(last))
    }

    /// Calls `body` with the address as a `sockaddr`.
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

/// A bound socket. It shows that an address and port were free, and reserves them while it exists.
final class BoundSocket: Sendable {
    let descriptor: Int32

    enum Kind { case stream, datagram }

    /// Binds the socket, or throws an error with the reason and a remedy.
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

    /// The actual port, also if 0 was requested.
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
                (for example --base-address 127.0.1.1), or stop that program.
                """)
        case EADDRNOTAVAIL:
            return LocalClusterError(
                .addressUnavailable,
                """
                This machine has no address \(address). On macOS, create every loopback address but 127.0.0.1 first: \
                sudo ifconfig lo0 alias \(address) up
                """)
        case EACCES:
            return LocalClusterError(
                .addressUnavailable, "\(address):\(port) needs privileges: choose port 1024 or above.")
        default:
            return LocalClusterError(
                .addressUnavailable, "\(address):\(port) cannot be listened on: \(String(cString: strerror(code)))")
        }
    }
}

/// Consecutive loopback addresses for the nodes of one cluster.
struct AddressBlock: Sendable {
    let addresses: [LoopbackAddress]
    /// A datagram socket on the first address. It does not conflict with PostgreSQL, but shows other clusters that the
    /// addresses are in use, even while every node is stopped.
    let claim: BoundSocket

    /// Reserves exactly these addresses; throws if one is not free.
    init(base: LoopbackAddress, count: Int, port: Int) throws {
        claim = try BoundSocket(.datagram, base, port: port)
        addresses = (0..<count).compactMap { base.advanced(by: $0) }
        for address in addresses { _ = try BoundSocket(.stream, address, port: port) }
    }

    /// Finds free addresses in 127.64.0.0/10, which is rarely used for other purposes.
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
