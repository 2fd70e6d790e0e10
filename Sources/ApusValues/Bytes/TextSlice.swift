/// A part of a composed text form (an array's element, a composite's field, a range's bound), still quoted.
///
/// It borrows its bytes, and is valid while the text is.
@frozen
public struct TextSlice {
    /// How the part has to be unescaped.
    @frozen
    public enum Escaping: UInt8, Sendable {
        /// Not at all.
        case none
        /// A backslash makes the next byte literal (arrays).
        case backslash
        /// As `backslash`, and double quotes switch quoting on and off, a doubled one within quotes being literal
        /// (composites and ranges).
        case record
    }

    /// The part as it is in the text; without the outer quotes if `escaping` is not `.record`.
    public let bytes: UnsafeRawBufferPointer
    public let escaping: Escaping

    @inlinable @inline(__always)
    public init(bytes: UnsafeRawBufferPointer, escaping: Escaping) {
        self.bytes = bytes
        self.escaping = escaping
    }

    @inlinable @inline(__always)
    init(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ escaping: Escaping) {
        bytes = UnsafeRawBufferPointer(start: start, count: end - start)
        self.escaping = escaping
    }

    /// Whether `bytes` is the value itself, with nothing to unescape.
    @inlinable @inline(__always)
    public var isVerbatim: Bool { escaping == .none }

    /// The number of bytes of the value, once unescaped.
    public var unescapedCount: Int {
        guard escaping != .none else { return bytes.count }
        var count = 0
        forEachUnescaped { _ in count &+= 1 }
        return count
    }

    /// Stores the value, unescaped, at `destination`, which must hold `unescapedCount` bytes (`bytes.count` always
    /// suffices).
    /// - Returns: the number of bytes stored.
    @discardableResult
    public func copy(to destination: UnsafeMutableRawPointer) -> Int {
        if escaping == .none {
            if let source = bytes.baseAddress { destination.copyMemory(from: source, byteCount: bytes.count) }
            return bytes.count
        }
        let target = destination.assumingMemoryBound(to: UInt8.self)
        var count = 0
        forEachUnescaped { byte in
            target[count] = byte
            count &+= 1
        }
        return count
    }

    /// The value, unescaped, as a new array.
    public func unescaped() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            count = buffer.baseAddress.map { copy(to: $0) } ?? 0
        }
    }

    @inline(__always)
    private func forEachUnescaped(_ body: (UInt8) -> Void) {
        var index = 0
        var quoted = false
        while index < bytes.count {
            var byte = bytes[index]
            index &+= 1
            if byte == UInt8(ascii: "\\") {
                guard index < bytes.count else { return }
                byte = bytes[index]
                index &+= 1
            } else if byte == UInt8(ascii: "\""), escaping == .record {
                guard quoted, index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                    quoted.toggle()
                    continue
                }
                index &+= 1
            }
            body(byte)
        }
    }
}
