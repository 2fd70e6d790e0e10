import ApusPython

/// How a typecaster converts the text of a cell to a Python object. It is looked up once per column.
enum Decoder: Int32 {
    /// Calls a Python callable: `cast(text, cursor)`.
    case python
    case integer, float, decimal, boolean, text, bytes, binary, date, time, timestamp, timestamptz, interval
    /// Makes a list, with the elements' typecaster.
    case array

    /// True if its objects cannot be part of a reference cycle, so the collector need not track rows that hold only
    /// such objects.
    @inline(__always)
    var isAcyclic: Bool { rawValue >= Decoder.integer.rawValue && rawValue <= Decoder.interval.rawValue }
}

/// A typecaster that the module defines.
struct BuiltinTypecaster {
    let name: StaticString
    let decoder: Decoder
    /// The OIDs of its types; see `pg_type.dat` in PostgreSQL's source.
    let oids: [UInt32]
    /// For arrays, the typecaster of the elements.
    var element: StaticString?
    /// True if it decodes columns of these types by default.
    var isRegistered = true

    private static let strings: [UInt32] = [19, 18, 25, 1042, 1043]
    private static let stringArrays: [UInt32] = [1002, 1003, 1009, 1014, 1015]

    /// In the order of registration, elements before arrays.
    static let all: [BuiltinTypecaster] = [
        .init(name: "NUMBER", decoder: .float, oids: [20, 23, 21, 701, 700, 1700], isRegistered: false),
        .init(name: "LONGINTEGER", decoder: .integer, oids: [20]),
        .init(name: "INTEGER", decoder: .integer, oids: [23, 21]),
        .init(name: "FLOAT", decoder: .float, oids: [701, 700]),
        .init(name: "DECIMAL", decoder: .decimal, oids: [1700]),
        .init(name: "STRING", decoder: .text, oids: strings),
        .init(name: "UNICODE", decoder: .text, oids: strings, isRegistered: false),
        .init(name: "BYTES", decoder: .bytes, oids: strings, isRegistered: false),
        .init(name: "BOOLEAN", decoder: .boolean, oids: [16]),
        .init(name: "DATETIME", decoder: .timestamp, oids: [1114]),
        .init(name: "DATETIMETZ", decoder: .timestamptz, oids: [1184]),
        .init(name: "TIME", decoder: .time, oids: [1083, 1266]),
        .init(name: "DATE", decoder: .date, oids: [1082]),
        .init(name: "INTERVAL", decoder: .interval, oids: [704, 1186]),
        .init(name: "BINARY", decoder: .binary, oids: [17]),
        .init(name: "ROWID", decoder: .integer, oids: [26]),
        .init(name: "PYDATETIME", decoder: .timestamp, oids: [1114], isRegistered: false),
        .init(name: "PYDATETIMETZ", decoder: .timestamptz, oids: [1184], isRegistered: false),
        .init(name: "PYTIME", decoder: .time, oids: [1083, 1266], isRegistered: false),
        .init(name: "PYDATE", decoder: .date, oids: [1082], isRegistered: false),
        .init(name: "PYINTERVAL", decoder: .interval, oids: [704, 1186], isRegistered: false),
        .init(name: "UNKNOWN", decoder: .text, oids: [705]),
        .init(name: "LONGINTEGERARRAY", decoder: .array, oids: [1016], element: "LONGINTEGER"),
        .init(name: "INTEGERARRAY", decoder: .array, oids: [1005, 1006, 1007], element: "INTEGER"),
        .init(name: "FLOATARRAY", decoder: .array, oids: [1021, 1022], element: "FLOAT"),
        .init(name: "DECIMALARRAY", decoder: .array, oids: [1231], element: "DECIMAL"),
        .init(name: "STRINGARRAY", decoder: .array, oids: stringArrays, element: "STRING"),
        .init(name: "UNICODEARRAY", decoder: .array, oids: stringArrays, element: "UNICODE", isRegistered: false),
        .init(name: "BYTESARRAY", decoder: .array, oids: stringArrays, element: "BYTES", isRegistered: false),
        .init(name: "BOOLEANARRAY", decoder: .array, oids: [1000], element: "BOOLEAN"),
        .init(name: "DATETIMEARRAY", decoder: .array, oids: [1115], element: "DATETIME"),
        .init(name: "DATETIMETZARRAY", decoder: .array, oids: [1185], element: "DATETIMETZ"),
        .init(name: "TIMEARRAY", decoder: .array, oids: [1183, 1270], element: "TIME"),
        .init(name: "DATEARRAY", decoder: .array, oids: [1182], element: "DATE"),
        .init(name: "INTERVALARRAY", decoder: .array, oids: [1187], element: "INTERVAL"),
        .init(name: "BINARYARRAY", decoder: .array, oids: [1001], element: "BINARY"),
        .init(name: "ROWIDARRAY", decoder: .array, oids: [1028, 1013], element: "ROWID"),
        .init(name: "PYDATETIMEARRAY", decoder: .array, oids: [1115], element: "PYDATETIME", isRegistered: false),
        .init(name: "PYDATETIMETZARRAY", decoder: .array, oids: [1185], element: "PYDATETIMETZ", isRegistered: false),
        .init(name: "PYTIMEARRAY", decoder: .array, oids: [1183, 1270], element: "PYTIME", isRegistered: false),
        .init(name: "PYDATEARRAY", decoder: .array, oids: [1182], element: "PYDATE", isRegistered: false),
        .init(name: "PYINTERVALARRAY", decoder: .array, oids: [1187], element: "PYINTERVAL", isRegistered: false),
        .init(name: "INETARRAY", decoder: .array, oids: [1041], element: "STRING"),
        .init(name: "CIDRARRAY", decoder: .array, oids: [651], element: "STRING"),
        .init(name: "MACADDRARRAY", decoder: .array, oids: [1040], element: "STRING"),
    ]
}
