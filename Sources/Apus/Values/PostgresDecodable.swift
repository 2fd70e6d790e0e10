/// The type and the bytes of one value, while it is decoded.
public struct PostgresCell {
    /// The type of the column, or of the array's element.
    public let type: PostgresType
    /// The value in the type's binary format. The bytes are valid only while the value is decoded.
    public let bytes: UnsafeRawBufferPointer

    /// Makes a cell, for example for a part of another cell.
    @inlinable
    public init(type: PostgresType, bytes: UnsafeRawBufferPointer) {
        self.type = type
        self.bytes = bytes
    }

    /// The error for a column whose type cannot be read as a Swift type.
    /// - Parameter wanted: the Swift type.
    /// - Returns: an error of kind ``ApusError/Code/decoding``.
    public func mismatch(_ wanted: Any.Type) -> ApusError {
        ApusError(.decoding, "a value of PostgreSQL's \(type) cannot be read as Swift's \(wanted)")
    }
}

/// A type that a column can be read as.
///
/// A column whose type does not match is an error. Numbers are converted only without a loss of digits. A type of your
/// own conforms most easily by means of one that does:
///
///     extension Celsius: PostgresDecodable {
///         init(decoding cell: PostgresCell) throws { self.init(degrees: try Double(decoding: cell)) }
///     }
public protocol PostgresDecodable {
    /// Reads a value that is not NULL.
    /// - Throws: any error; the driver adds the column's name, and throws it as ``ApusError/Code/decoding``.
    init(decoding cell: PostgresCell) throws
    /// Returns the value for NULL. The default throws; an optional returns `nil`.
    static func decodeNull() throws -> Self
}

extension PostgresDecodable {
    /// Throws ``ApusError/Code/decoding``, because the type has no value for NULL.
    public static func decodeNull() throws -> Self {
        throw ApusError(.decoding, "NULL cannot be read as Swift's \(Self.self): read it as an optional")
    }
}

/// A type whose values can be bound to statements and read from columns.
public typealias PostgresCodable = PostgresEncodable & PostgresDecodable

/// NULL is read as `nil`.
extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    @inlinable public init(decoding cell: PostgresCell) throws { self = try Wrapped(decoding: cell) }
    @inlinable public static func decodeNull() throws -> Self { .none }
}

/// An enumeration with raw values is read from its raw value, for example from text or a number.
extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    public init(decoding cell: PostgresCell) throws {
        let raw = try RawValue(decoding: cell)
        guard let value = Self(rawValue: raw) else {
            throw ApusError(.decoding, "\(raw) is no \(Self.self)")
        }
        self = value
    }
}
