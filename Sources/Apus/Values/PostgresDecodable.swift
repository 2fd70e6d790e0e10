/// The bytes of one value of a row, in binary format. They are only valid while the value is being decoded.
public struct PostgresCell {
    /// The type of the column, or of the array's element.
    public let type: PostgresType
    public let bytes: UnsafeRawBufferPointer

    @inlinable
    public init(type: PostgresType, bytes: UnsafeRawBufferPointer) {
        self.type = type
        self.bytes = bytes
    }

    /// The error for a column of a type that `wanted` cannot be read from.
    public func mismatch(_ wanted: Any.Type) -> ApusError {
        ApusError(.decoding, "a value of PostgreSQL's \(type) cannot be read as Swift's \(wanted)")
    }
}

/// A value that a column can be read as.
///
/// A column of another type is an error, never a guess; numbers are converted only where every digit fits.
public protocol PostgresDecodable {
    /// Reads a value that is not NULL.
    init(decoding cell: PostgresCell) throws
    /// What NULL is read as. Throws unless the type has a value for it, as an optional has.
    static func decodeNull() throws -> Self
}

extension PostgresDecodable {
    public static func decodeNull() throws -> Self {
        throw ApusError(.decoding, "NULL cannot be read as Swift's \(Self.self): read it as an optional")
    }
}

/// A value that can be bound and read.
public typealias PostgresCodable = PostgresEncodable & PostgresDecodable

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    @inlinable public init(decoding cell: PostgresCell) throws { self = try Wrapped(decoding: cell) }
    @inlinable public static func decodeNull() throws -> Self { .none }
}

/// An enumeration over text, numbers and the like is read from its raw value.
extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    public init(decoding cell: PostgresCell) throws {
        let raw = try RawValue(decoding: cell)
        guard let value = Self(rawValue: raw) else {
            throw ApusError(.decoding, "\(raw) is no \(Self.self)")
        }
        self = value
    }
}
