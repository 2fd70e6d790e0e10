import ApusValues

/// A value that can be an element of an array.
///
/// An `Array` of such elements is PostgreSQL's array of the element's type; optional elements can be NULL. Only
/// `[UInt8]` is no array, but PostgreSQL's `bytea`. Most types need only declare ``postgresArrayType``:
///
///     extension Celsius: PostgresArrayElement {
///         static var postgresArrayType: PostgresType { .float8Array }
///     }
public protocol PostgresArrayElement: PostgresEncodable, PostgresDecodable {
    /// The type of an array of such elements.
    static var postgresArrayType: PostgresType { get }
    /// Appends an array in binary format, without its length. The default is PostgreSQL's array of one dimension.
    /// - Throws: ``ApusError/Code/encoding``.
    static func encodeArray(_ elements: [Self], to writer: inout ByteWriter) throws
    /// Reads an array from binary format. The default accepts arrays of one dimension, with any lower bound.
    /// - Throws: ``ApusError/Code/decoding``.
    static func decodeArray(_ cell: PostgresCell) throws -> [Self]
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    public static var postgresType: PostgresType { Element.postgresArrayType }
    public func encode(to writer: inout ByteWriter) throws { try Element.encodeArray(self, to: &writer) }
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    public init(decoding cell: PostgresCell) throws { self = try Element.decodeArray(cell) }
}

extension PostgresArrayElement {
    /// The type of the elements in binary format, in which a type must be named.
    private static var elementType: PostgresType { postgresType == .unspecified ? .text : postgresType }

    // Source of the format: `array_send` and `array_recv` in PostgreSQL's arrayfuncs.c.

    /// Appends an array of one dimension, or an empty array.
    /// - Throws: ``ApusError/Code/encoding``.
    public static func encodeArray(_ elements: [Self], to writer: inout ByteWriter) throws {
        guard let count = Int32(exactly: elements.count) else {
            throw ApusError(.encoding, "an array of \(elements.count) elements is more than PostgreSQL takes")
        }
        let dimensions: Int32 = elements.isEmpty ? 0 : 1
        writer.append(bigEndian: dimensions)
        writer.append(bigEndian: Int32(elements.contains { $0.isPostgresNull } ? 1 : 0))
        writer.append(bigEndian: elementType.rawValue)
        if elements.isEmpty { return }
        writer.append(bigEndian: count)
        writer.append(bigEndian: Int32(1))
        var scratch = ByteWriter(minimumCapacity: 64)
        for element in elements {
            if element.isPostgresNull {
                writer.append(bigEndian: Int32(-1))
                continue
            }
            scratch.removeAll()
            try element.encode(to: &scratch)
            writer.append(bigEndian: try elementLength(scratch.count))
            scratch.withUnsafeBytes { writer.append($0) }
        }
    }

    /// Reads an array of one dimension, or an empty array.
    /// - Throws: ``ApusError/Code/decoding``.
    public static func decodeArray(_ cell: PostgresCell) throws -> [Self] {
        var reader = BinaryReader(cell.bytes, "array")
        let dimensions = try reader.read(Int32.self)
        _ = try reader.read(Int32.self)
        let type = PostgresType(rawValue: try reader.read(UInt32.self))
        if dimensions == 0 { return [] }
        guard dimensions == 1 else {
            throw ApusError(.decoding, "an array of \(dimensions) dimensions cannot be read as Swift's \([Self].self)")
        }
        let count = try reader.read(Int32.self)
        _ = try reader.read(Int32.self)
        // Each element takes four bytes at least. The check keeps a wrong count from reserving memory.
        guard count >= 0, Int(count) <= reader.remaining / 4 else {
            throw ApusError(.decoding, "the array's size does not fit its bytes")
        }
        var elements: [Self] = []
        elements.reserveCapacity(Int(count))
        for _ in 0..<count {
            if let bytes = try reader.readNullable() {
                elements.append(try Self(decoding: PostgresCell(type: type, bytes: bytes)))
            } else {
                elements.append(try Self.decodeNull())
            }
        }
        try reader.finish()
        return elements
    }
}

/// Converts the length of an array's element to the number of the binary format.
/// - Parameter count: bytes.
/// - Throws: ``ApusError/Code/encoding`` for 2 GiB or more.
func elementLength(_ count: Int) throws(ApusError) -> Int32 {
    guard let length = Int32(exactly: count) else {
        throw ApusError(.encoding, "an element of an array has \(count) bytes, and can have \(Int32.max)")
    }
    return length
}

/// Sent as `int2`; `[UInt8]` is sent as `bytea`.
extension UInt8: PostgresArrayElement {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .bytea }
    public func encode(to writer: inout ByteWriter) { Int16(self).writeBinary(to: &writer) }

    public init(decoding cell: PostgresCell) throws {
        let number = try Int16(decoding: cell)
        guard let value = UInt8(exactly: number) else {
            throw ApusError(.decoding, "\(number) does not fit Swift's UInt8")
        }
        self = value
    }

    public static func encodeArray(_ elements: [UInt8], to writer: inout ByteWriter) {
        elements.withUnsafeBytes { writer.append($0) }
    }

    public static func decodeArray(_ cell: PostgresCell) throws -> [UInt8] {
        guard cell.type == .bytea else { throw cell.mismatch([UInt8].self) }
        return [UInt8](cell.bytes)
    }
}

extension Bool: PostgresArrayElement { public static var postgresArrayType: PostgresType { .boolArray } }
extension Int16: PostgresArrayElement { public static var postgresArrayType: PostgresType { .int2Array } }
extension Int32: PostgresArrayElement { public static var postgresArrayType: PostgresType { .int4Array } }
extension Int64: PostgresArrayElement { public static var postgresArrayType: PostgresType { .int8Array } }
extension Int: PostgresArrayElement { public static var postgresArrayType: PostgresType { .int8Array } }
extension Float: PostgresArrayElement { public static var postgresArrayType: PostgresType { .float4Array } }
extension Double: PostgresArrayElement { public static var postgresArrayType: PostgresType { .float8Array } }
extension String: PostgresArrayElement { public static var postgresArrayType: PostgresType { .textArray } }
extension PGInterval: PostgresArrayElement { public static var postgresArrayType: PostgresType { .intervalArray } }
extension PGDate: PostgresArrayElement { public static var postgresArrayType: PostgresType { .dateArray } }
extension PGTime: PostgresArrayElement { public static var postgresArrayType: PostgresType { .timeArray } }
extension PGTimestamp: PostgresArrayElement { public static var postgresArrayType: PostgresType { .timestampArray } }
extension PGTimestampTZ: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { .timestamptzArray }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
}
