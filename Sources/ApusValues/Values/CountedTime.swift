/// A date or time that PostgreSQL keeps as one whole number, of days or of microseconds.
public protocol CountedTime: Hashable, Comparable, Sendable, BinaryValue {
    associatedtype Count: FixedWidthInteger

    /// The type's name in PostgreSQL, for errors.
    static var typeName: StaticString { get }

    /// Days or microseconds since the type's origin, as the binary form has them.
    var unitsSinceOrigin: Count { get }

    init(unitsSinceOrigin: Count)
}

extension CountedTime {
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.unitsSinceOrigin < right.unitsSinceOrigin }

    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == MemoryLayout<Count>.size else { throw ValueFormatError(.wrongLength, Self.typeName) }
        self.init(unitsSinceOrigin: Count(bigEndian: bytes.loadUnaligned(as: Count.self)))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: unitsSinceOrigin) }
}

/// A date or time whose type has infinities: the two extremes of the number.
public protocol InfiniteTime: CountedTime {}

extension InfiniteTime {
    /// Later than every other value.
    @inlinable public static var infinity: Self { Self(unitsSinceOrigin: .max) }

    /// Earlier than every other value.
    @inlinable public static var negativeInfinity: Self { Self(unitsSinceOrigin: .min) }

    /// Whether the value is finite, or which infinity it is.
    @inlinable public var finiteness: Finiteness {
        unitsSinceOrigin == .max ? .infinity : unitsSinceOrigin == .min ? .negativeInfinity : .finite
    }
}
