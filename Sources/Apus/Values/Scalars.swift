import ApusValues

extension Bool: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .bool }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }

    public init(decoding cell: PostgresCell) throws {
        guard cell.type == .bool else { throw cell.mismatch(Bool.self) }
        self = try Bool(binary: cell.bytes)
    }
}

extension Int16: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int2 }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { self = try Self.exactly(cell) }
}

extension Int32: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int4 }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { self = try Self.exactly(cell) }
}

extension Int64: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int8 }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { self = try Self.exactly(cell) }
}

/// Sent as `int8`.
extension Int: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .int8 }
    public func encode(to writer: inout ByteWriter) { Int64(self).writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { self = try Self.exactly(cell) }
}

extension FixedWidthInteger {
    /// Reads any of PostgreSQL's integer types.
    fileprivate static func exactly(_ cell: PostgresCell) throws -> Self {
        let number: Int64
        switch cell.type {
        case .int8: number = try Int64(binary: cell.bytes)
        case .int4: number = Int64(try Int32(binary: cell.bytes))
        case .int2: number = Int64(try Int16(binary: cell.bytes))
        case .oid: number = Int64(try UInt32(binary: cell.bytes))
        default: throw cell.mismatch(Self.self)
        }
        guard let value = Self(exactly: number) else {
            throw ApusError(.decoding, "\(number) does not fit Swift's \(Self.self)")
        }
        return value
    }
}

extension Float: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .float4 }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }

    public init(decoding cell: PostgresCell) throws {
        guard cell.type == .float4 else { throw cell.mismatch(Float.self) }
        self = try Float(binary: cell.bytes)
    }
}

extension Double: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .float8 }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }

    public init(decoding cell: PostgresCell) throws {
        switch cell.type {
        case .float8: self = try Double(binary: cell.bytes)
        case .float4: self = Double(try Float(binary: cell.bytes))
        default: throw cell.mismatch(Double.self)
        }
    }
}

/// Sent without a type, so that the server infers the type from the statement: text, an enumeration, a date. If nothing
/// determines the type, as in `SELECT $1`, it is text. A function that takes any type needs a cast, `\(name)::text`.
extension String: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .unspecified }
    public static var postgresFormat: PostgresFormat { .text }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }

    /// Reads text types, JSON, UUIDs, and labels of enumerations.
    public init(decoding cell: PostgresCell) throws {
        switch cell.type {
        case _ where cell.type.isText:
            self = try String(binary: cell.bytes)
        case .jsonb:
            self = try String(binary: JSONBBinary.text(cell.bytes))
        case .uuid:
            self = try PGUUID(binary: cell.bytes).description
        case _ where cell.type.isUserDefined && !cell.bytes.contains(0):
            // The binary format of an enumeration is its label. Values of other types contain zero bytes or invalid
            // UTF-8.
            self = try String(binary: cell.bytes)
        default:
            throw cell.mismatch(String.self)
        }
    }
}

// MARK: The types of ApusValues

/// PostgreSQL's `interval`: months, days and microseconds.
public typealias PGInterval = ApusValues.PGInterval
/// PostgreSQL's `date`, including infinity.
public typealias PGDate = ApusValues.PGDate
/// PostgreSQL's `time`.
public typealias PGTime = ApusValues.PGTime
/// PostgreSQL's `timestamp`, including infinity.
public typealias PGTimestamp = ApusValues.PGTimestamp
/// PostgreSQL's `timestamptz`, including infinity.
public typealias PGTimestampTZ = ApusValues.PGTimestampTZ

extension BinaryValue {
    fileprivate init(_ cell: PostgresCell, as type: PostgresType) throws {
        guard cell.type == type else { throw cell.mismatch(Self.self) }
        self = try Self(binary: cell.bytes)
    }
}

extension PGInterval: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .interval }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { try self.init(cell, as: .interval) }
}

extension PGDate: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .date }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { try self.init(cell, as: .date) }
}

extension PGTime: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .time }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { try self.init(cell, as: .time) }
}

extension PGTimestamp: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .timestamp }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { try self.init(cell, as: .timestamp) }
}

extension PGTimestampTZ: PostgresEncodable, PostgresDecodable {
    public static var postgresType: PostgresType { .timestamptz }
    public func encode(to writer: inout ByteWriter) { writeBinary(to: &writer) }
    public init(decoding cell: PostgresCell) throws { try self.init(cell, as: .timestamptz) }
}
