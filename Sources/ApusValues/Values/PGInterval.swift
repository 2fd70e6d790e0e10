/// A span of time as PostgreSQL keeps it: months, days and microseconds, which do not convert into each other (a month
/// has no fixed number of days, nor a day of hours).
@frozen
public struct PGInterval: Hashable, Sendable {
    public var months: Int32
    public var days: Int32
    public var microseconds: Int64

    @inlinable @inline(__always)
    public init(months: Int32 = 0, days: Int32 = 0, microseconds: Int64 = 0) {
        self.months = months
        self.days = days
        self.microseconds = microseconds
    }

    /// Longer than every other interval; servers know it from PostgreSQL 17 on.
    public static let infinity = PGInterval(months: .max, days: .max, microseconds: .max)
    /// Shorter than every other interval; servers know it from PostgreSQL 17 on.
    public static let negativeInfinity = PGInterval(months: .min, days: .min, microseconds: .min)

    @inlinable
    public var finiteness: Finiteness {
        self == .infinity ? .infinity : self == .negativeInfinity ? .negativeInfinity : .finite
    }
}

extension PGInterval: BinaryValue {
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        var reader = BinaryReader(bytes, "interval")
        microseconds = try reader.read()
        days = try reader.read()
        months = try reader.read()
        try reader.finish()
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) {
        writer.append(bigEndian: microseconds)
        writer.append(bigEndian: days)
        writer.append(bigEndian: months)
    }
}
