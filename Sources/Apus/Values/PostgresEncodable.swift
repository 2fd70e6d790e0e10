import ApusValues

/// A buffer that values are written into.
public typealias ByteWriter = ApusValues.ByteWriter

/// The formats in which values are sent.
public enum PostgresFormat: Sendable {
    /// The type's text format, such as `2024-01-31`.
    case text
    /// The type's binary format.
    case binary
}

/// A type whose values can be bound to statements.
///
/// A type of your own conforms most easily by means of one that does:
///
///     extension Celsius: PostgresEncodable {
///         static var postgresType: PostgresType { .float8 }
///         func encode(to writer: inout ByteWriter) throws { try degrees.encode(to: &writer) }
///     }
public protocol PostgresEncodable {
    /// The type as which values are sent. If it is ``PostgresType/unspecified``, the server infers the type, and the
    /// format must be text.
    static var postgresType: PostgresType { get }
    /// The format that ``encode(to:)`` writes. The default is binary.
    static var postgresFormat: PostgresFormat { get }
    /// Whether the value is sent as NULL; ``encode(to:)`` is not called then. The default is `false`.
    var isPostgresNull: Bool { get }
    /// Appends the value, without its length.
    /// - Throws: ``ApusError/Code/encoding`` if PostgreSQL has no such value.
    func encode(to writer: inout ByteWriter) throws
}

extension PostgresEncodable {
    /// Binary.
    public static var postgresFormat: PostgresFormat { .binary }
    /// `false`.
    public var isPostgresNull: Bool { false }
}

/// `nil` is sent as NULL.
extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public static var postgresFormat: PostgresFormat { Wrapped.postgresFormat }
    public var isPostgresNull: Bool { self?.isPostgresNull ?? true }

    public func encode(to writer: inout ByteWriter) throws { try self?.encode(to: &writer) }
}

/// An enumeration with raw values is sent as its raw value.
extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    public static var postgresType: PostgresType { RawValue.postgresType }
    public static var postgresFormat: PostgresFormat { RawValue.postgresFormat }
    public func encode(to writer: inout ByteWriter) throws { try rawValue.encode(to: &writer) }
}
