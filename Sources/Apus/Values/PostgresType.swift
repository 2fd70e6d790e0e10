/// A data type of PostgreSQL, identified by its OID. Source of the built-in types: `pg_type.dat`.
public struct PostgresType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The OID.
    public let rawValue: UInt32
    /// Makes a type from its OID.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    private init(_ oid: UInt32) { rawValue = oid }

    /// No type, so that the server infers it from the statement.
    public static let unspecified = PostgresType(0)
    public static let bool = PostgresType(16)
    public static let bytea = PostgresType(17)
    public static let char = PostgresType(18)
    public static let name = PostgresType(19)
    public static let int8 = PostgresType(20)
    public static let int2 = PostgresType(21)
    public static let int4 = PostgresType(23)
    public static let text = PostgresType(25)
    public static let oid = PostgresType(26)
    public static let json = PostgresType(114)
    public static let xml = PostgresType(142)
    public static let float4 = PostgresType(700)
    public static let float8 = PostgresType(701)
    public static let unknown = PostgresType(705)
    public static let bpchar = PostgresType(1042)
    public static let varchar = PostgresType(1043)
    public static let date = PostgresType(1082)
    public static let time = PostgresType(1083)
    public static let timestamp = PostgresType(1114)
    public static let timestamptz = PostgresType(1184)
    public static let interval = PostgresType(1186)
    public static let numeric = PostgresType(1700)
    public static let void = PostgresType(2278)
    public static let uuid = PostgresType(2950)
    public static let jsonb = PostgresType(3802)

    public static let boolArray = PostgresType(1000)
    public static let byteaArray = PostgresType(1001)
    public static let int2Array = PostgresType(1005)
    public static let int4Array = PostgresType(1007)
    public static let textArray = PostgresType(1009)
    public static let int8Array = PostgresType(1016)
    public static let float4Array = PostgresType(1021)
    public static let float8Array = PostgresType(1022)
    public static let timestampArray = PostgresType(1115)
    public static let dateArray = PostgresType(1182)
    public static let timeArray = PostgresType(1183)
    public static let timestamptzArray = PostgresType(1185)
    public static let intervalArray = PostgresType(1187)
    public static let numericArray = PostgresType(1231)
    public static let uuidArray = PostgresType(2951)
    public static let jsonbArray = PostgresType(3807)

    /// Whether the binary format of the type is its text.
    var isText: Bool {
        switch self {
        case .text, .varchar, .bpchar, .name, .char, .unknown, .json, .xml: true
        default: false
        }
    }

    /// Whether the type was created in this database, for example an enumeration. Source: `FirstNormalObjectId`.
    var isUserDefined: Bool { rawValue >= 16384 }

    /// The name of a built-in type; `type` and the OID for others.
    public var description: String { Self.names[self] ?? "type \(rawValue)" }

    private static let names: [PostgresType: String] = [
        .bool: "bool", .bytea: "bytea", .char: "\"char\"", .name: "name", .int8: "int8", .int2: "int2", .int4: "int4",
        .text: "text", .oid: "oid", .json: "json", .xml: "xml", .float4: "float4", .float8: "float8",
        .unknown: "unknown", .bpchar: "bpchar", .varchar: "varchar", .date: "date", .time: "time",
        .timestamp: "timestamp", .timestamptz: "timestamptz", .interval: "interval", .numeric: "numeric",
        .void: "void", .uuid: "uuid", .jsonb: "jsonb", .boolArray: "bool[]", .byteaArray: "bytea[]",
        .int2Array: "int2[]", .int4Array: "int4[]", .textArray: "text[]", .int8Array: "int8[]",
        .float4Array: "float4[]", .float8Array: "float8[]", .timestampArray: "timestamp[]", .dateArray: "date[]",
        .timeArray: "time[]", .timestamptzArray: "timestamptz[]", .intervalArray: "interval[]",
        .numericArray: "numeric[]", .uuidArray: "uuid[]", .jsonbArray: "jsonb[]",
    ]
}
