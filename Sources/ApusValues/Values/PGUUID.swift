/// A `uuid`: 128 bits.
@frozen
public struct PGUUID: Hashable, Sendable {
    /// The first eight bytes, the first of them most significant.
    public var high: UInt64
    /// The last eight bytes.
    public var low: UInt64

    @inlinable @inline(__always)
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

extension PGUUID: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 16 else { throw ValueFormatError(.wrongLength, "uuid") }
        high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) {
        writer.append(bigEndian: high)
        writer.append(bigEndian: low)
    }
}
