import ApusValues

/// Where values are written in PostgreSQL's formats.
public typealias ByteWriter = ApusValues.ByteWriter

/// The two forms in which a value travels.
public enum PostgresFormat: Sendable {
    case text
    case binary
}

/// A value that can be bound to a statement.
///
/// A type of your own conforms most easily by way of one that does:
///
///     extension Celsius: PostgresEncodable {
///         static var postgresType: PostgresType { .float8 }
///         func encode(to writer: inout ByteWriter) throws { try degrees.encode(to: &writer) }
///     }
public protocol PostgresEncodable {
    /// The type as which the value is sent; ``PostgresType/unspecified`` lets the server infer it, and then the format
    /// must be text.
    static var postgresType: PostgresType { get }
    /// The format that ``encode(to:)`` writes; binary unless told otherwise.
    static var postgresFormat: PostgresFormat { get }
    /// Whether the value is NULL, and is not encoded.
    var isPostgresNull: Bool { get }
    /// Appends the value, without a length.
    func encode(to writer: inout ByteWriter) throws
}

extension PostgresEncodable {
    public static var postgresFormat: PostgresFormat { .binary }
    public var isPostgresNull: Bool { false }
}

/// `nil` is NULL.
extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public static var postgresFormat: PostgresFormat { Wrapped.postgresFormat }
    public var isPostgresNull: Bool { self?.isPostgresNull ?? true }

    public func encode(to writer: inout ByteWriter) throws { try self?.encode(to: &writer) }
}

/// An enumeration over text, numbers and the like is sent as its raw value.
extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    public static var postgresType: PostgresType { RawValue.postgresType }
    public static var postgresFormat: PostgresFormat { RawValue.postgresFormat }
    public func encode(to writer: inout ByteWriter) throws { try rawValue.encode(to: &writer) }
}
