import ApusPQ
import ApusPython
import ApusValues
import CApusPsycopg

/// The adapters that wrap one object: `psycopg2.extensions.AsIs`, `QuotedString`, `Binary` and so on.
enum AdapterKind: Int32, CaseIterable {
    case asIs, quotedString, binary, boolean, int, float, decimal, list, sequence, null
    case time, date, timestamp, interval

    /// Chooses the kind of a new object by the adapter type that its type is or inherits from.
    init(of type: PyObj) {
        let state = module.pointee
        let kinds: [(PyObj, AdapterKind)] = [
            (state.quotedString, .quotedString), (state.binary, .binary), (state.asIs, .asIs),
            (state.boolean, .boolean), (state.int, .int), (state.float, .float), (state.decimalAdapter, .decimal),
            (state.list, .list), (state.sqlIn, .sequence), (state.noneAdapter, .null),
            (state.datetimeAdapter, .timestamp),
        ]
        self = kinds.first { type.isSubtype(of: $0.0) }?.1 ?? .asIs
    }
}

/// An adapter object, borrowed.
struct Adapter {
    let object: PyObj
    private var fields: UnsafeMutablePointer<apus_adapter> { object.fields(apus_adapter.self) }

    var kind: AdapterKind { AdapterKind(rawValue: fields.pointee.kind) ?? .asIs }

    /// Returns the literal as new bytes.
    func quoted() throws(PythonError) -> PyRef {
        var writer = ByteWriter()
        try append(to: &writer)
        let bytes = try writer.withUnsafeBytes { (bytes) throws(PythonError) in try PyRef(bytes: bytes) }
        switch kind {
        case .binary, .quotedString: replace(&fields.pointee.buffer, with: PyRef(retaining: bytes.object))
        default: break
        }
        return bytes
    }

    /// Stores the connection that the value is quoted for.
    func prepare(_ connection: PyObj) throws(PythonError) {
        guard connection.isInstance(of: module.pointee.connection) else {
            throw raiseTypeError("argument 1 must be a psycopg2 connection, not \(connection.typeName)")
        }
        replace(&fields.pointee.connection, with: PyRef(retaining: connection))
    }

    private func append(to writer: inout ByteWriter) throws(PythonError) {
        // Retained, because Python code that runs meanwhile may replace the adapter's value, connection or encoding.
        guard let adapted = fields.pointee.adapted.map({ PyRef(retaining: $0) }) else { return }
        let connection = PyRef(retaining: fields.pointee.connection ?? Python.none)
        let encoding = PyRef(retaining: fields.pointee.encoding ?? Python.none)
        let value = adapted.object
        var quoting = try context(connection.object, encoding.object)
        switch kind {
        case .asIs:
            if value.isNone {
                writer.append("NULL")
                return
            }
            let text = try value.str()
            writer.append(try text.object.utf8)
        case .null: writer.append("NULL")
        case .quotedString: try append(string: value, quoting, to: &writer)
        case .binary: try append(binary: value, quoting, isPrepared: !connection.object.isNone, to: &writer)
        case .boolean:
            writer.append(try value.truth ? "true" : "false")
        case .int:
            let integer = try Python.int.call(value)
            try quoting.append(integer: integer.object, to: &writer)
        case .float where value.isInt && !value.isBool:
            try quoting.append(integer: value, to: &writer)
        case .float:
            try quoting.append(float: value.double, to: &writer)
        case .decimal: try quoting.append(decimal: value, to: &writer)
        case .list:
            // A list in a list is always quoted as a list, even if the program registered another adapter for lists;
            // other elements use their registered adapters.
            quoting.direct.insert(.list)
            guard value.isList else { throw raiseTypeError("expected a list, not \(value.typeName)") }
            try quoting.append(list: value, to: &writer)
        case .sequence: try quoting.append(sequence: value, to: &writer)
        case .date:
            try Self.expect(value, is: quoting.state.pointee.date)
            quoting.append(date: value, to: &writer)
        case .time:
            try Self.expect(value, is: quoting.state.pointee.time)
            try quoting.append(time: value, to: &writer)
        case .timestamp:
            try Self.expect(value, is: quoting.state.pointee.datetime)
            try quoting.append(timestamp: value, to: &writer)
        case .interval:
            try Self.expect(value, is: quoting.state.pointee.timedelta)
            quoting.append(interval: value, to: &writer)
        }
    }

    /// Raises TypeError for a value of another type, whose fields could not be read: a second `__init__()` may replace
    /// the value by any object.
    private static func expect(_ value: PyObj, is type: PyObj) throws(PythonError) {
        if value.isInstance(of: type) { return }
        throw try raiseTypeError("can't adapt \(value.shownRepr): expected a \(type.nameAsType)")
    }

    /// Returns how to quote: for the connection that the adapter was prepared with, otherwise in the encoding that the
    /// program set.
    /// - Parameters:
    ///   - connection: None if the adapter was not prepared.
    ///   - encoding: None if the program set none.
    private func context(_ connection: PyObj, _ encoding: PyObj) throws(PythonError) -> Quoting {
        if !connection.isNone { return try quoting(for: connection) }
        guard kind == .quotedString, !encoding.isNone else { return Quoting() }
        return Quoting(encoding: try ClientEncoding(codec: encoding))
    }

    private func append(string value: PyObj, _ quoting: Quoting, to writer: inout ByteWriter) throws(PythonError) {
        if value.isStr {
            try quoting.append(text: value, to: &writer)
        } else if value.isBytes {
            try quoting.append(literal: value.bytes, to: &writer)
        } else {
            throw raiseTypeError("can't quote non-string object")
        }
    }

    private func append(
        binary value: PyObj, _ quoting: Quoting, isPrepared: Bool, to writer: inout ByteWriter
    ) throws(PythonError) {
        if value.isNone {
            writer.append("NULL")
            return
        }
        var failure: PQError?
        do throws(PythonError) {
            try value.withBuffer { bytes in
                if isPrepared {
                    quoting.append(binary: bytes, to: &writer)
                } else {
                    failure = Self.append(escaped: bytes, to: &writer)
                }
            }
        } catch {
            PendingException.clear()
            throw raiseTypeError("can't escape \(value.typeName) to binary")
        }
        if let failure { throw raise(failure) }
    }

    /// Without a connection, uses the escape format, because every server version can read it.
    private static func append(escaped bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) -> PQError? {
        writer.append("'")
        do throws(PQError) { try PQLibrary.withEscapedBytea(bytes) { writer.append($0) } } catch { return error }
        writer.append("'::bytea")
        return nil
    }

    // MARK: Making

    static func make(_ type: PyObj, _ kind: AdapterKind, adapting value: PyObj) throws(PythonError) -> PyRef {
        let object = try PyRef(instanceOf: type)
        let fields = object.object.fields(apus_adapter.self)
        fields.pointee.kind = kind.rawValue
        fields.pointee.adapted = value.retained()
        return object
    }
}

/// Makes the adapter types and registers them for the built-in types.
func makeAdapters(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(PythonError) {
    state.pointee.encodings = try ClientEncoding.makeTable().take()
    try owner.add(state.pointee.encodings, as: "encodings")
    state.pointee.isqlQuote = try makeISQLQuoteType(in: owner).take()
    try owner.add(state.pointee.isqlQuote, as: "ISQLQuote")

    state.pointee.asIs = try adapterType(
        "AsIs", "psycopg2.extensions.AsIs",
        doc: """
            Writes `str(obj)` into the statement as it is, without quotes.

            - obj: any object; None is written as NULL. Do not use it with text from outside the program.
            """, in: owner
    ).take()
    state.pointee.quotedString = try adapterType(
        "QuotedString", "psycopg2.extensions.QuotedString", isPrepared: true,
        doc: """
            Writes text as a quoted literal, for example 'it''s'.

            - obj: a str or bytes.
            """, extra: [bufferMember], properties: [encodingProperty], in: owner
    ).take()
    state.pointee.binary = try adapterType(
        "Binary", "psycopg2.extensions.Binary", isPrepared: true,
        doc: """
            Writes bytes as a `bytea` literal.

            - obj: bytes, bytearray, memoryview, or another object with a buffer; None is written as NULL.
            """, extra: [bufferMember], in: owner
    ).take()
    state.pointee.boolean = try adapterType(
        "Boolean", "psycopg2.extensions.Boolean",
        doc: """
            Writes true or false.

            - obj: any object, of which the truth value counts.
            """, in: owner
    ).take()
    state.pointee.int = try adapterType(
        "Int", "psycopg2.extensions.Int",
        doc: """
            Writes an integer.

            - obj: an int, or an object that `int()` converts.
            """, in: owner
    ).take()
    state.pointee.float = try adapterType(
        "Float", "psycopg2.extensions.Float",
        doc: """
            Writes a number in floating point, also 'NaN' and 'Infinity'.

            - obj: a float, an int, or another object with `__float__()`.
            """, in: owner
    ).take()
    state.pointee.decimalAdapter = try adapterType(
        "Decimal", "psycopg2._psycopg.Decimal",
        doc: """
            Writes a decimal number; infinite ones are written as 'NaN'.

            - obj: a `decimal.Decimal`.
            """, in: owner
    ).take()
    state.pointee.list = try adapterType(
        "List", "psycopg2._psycopg.List", isPrepared: true,
        doc: """
            Writes a list as an array, for example ARRAY[1,2], and its elements by their adapters.

            - obj: a list.
            """, in: owner
    ).take()
    state.pointee.datetimeAdapter = try adapterType(
        "datetime", "psycopg2._psycopg.datetime",
        doc: """
            Writes an object of the module `datetime`. `extensions.DateFromPy()` and its relatives create the adapters.

            - obj: a `datetime.datetime`.
            """, extra: [kindMember], in: owner
    ).take()
    state.pointee.sqlIn = try adapterType(
        "SQL_IN", "psycopg2.extensions.SQL_IN", isPrepared: true,
        doc: """
            Writes a sequence as a list for the operator IN, for example (1, 2), and its elements by their adapters.

            - obj: a tuple, or another sequence.
            """, in: owner
    ).take()
    state.pointee.noneAdapter = try adapterType(
        "NoneAdapter", "psycopg2.extensions.NoneAdapter",
        doc: """
            Writes NULL.

            - obj: None, which is not looked at.
            """, in: owner
    ).take()

    state.pointee.dateFromPy = try owner.attribute("DateFromPy").take()
    state.pointee.timeFromPy = try owner.attribute("TimeFromPy").take()
    state.pointee.timestampFromPy = try owner.attribute("TimestampFromPy").take()
    state.pointee.intervalFromPy = try owner.attribute("IntervalFromPy").take()

    state.pointee.adapterRegistry = try makeAdapterRegistryType(in: owner).take()
    state.pointee.adapters = try state.pointee.adapterRegistry.call().take()
    try owner.add(state.pointee.adapters, as: "adapters")
    for (type, adapter, _) in AdapterRegistry.builtin(state) {
        let key = try PyRef(tuple: type, state.pointee.isqlQuote)
        try state.pointee.adapters.setItem(key.object, to: adapter)
    }
}

private var bufferMember: Member {
    .field("buffer", "The literal that `getquoted()` returned last, bytes; None before.", \apus_adapter.buffer)
}
/// Python's name of the encoding: that of the connection, otherwise the one that the program set, otherwise latin1.
private var encodingProperty: Property {
    .computed(
        "encoding", "Encoding of the literal, by the name of Python's codec; a str, \"latin1\" by default.",
        set: { me, value, _ in
            returningStatus { () throws(PythonError) in
                let fields = try receiver(me).fields(apus_adapter.self)
                let name = try receiver(value)
                guard name.isStr else { throw raiseTypeError("the encoding must be str") }
                replace(&fields.pointee.encoding, with: PyRef(retaining: name))
            }
        },
        get: { me, _ in
            returningObject { () throws(PythonError) in
                let fields = try receiver(me).fields(apus_adapter.self)
                if let connection = fields.pointee.connection {
                    return try PyRef(cString: Connection(connection).core.encoding.codec)
                }
                if let encoding = fields.pointee.encoding { return PyRef(retaining: encoding) }
                return try PyRef(interned: "latin1")
            }
        })
}
private var kindMember: Member {
    .field("type", "Number of the kind of object: time, date, timestamp or interval.", \apus_adapter.kind, type: .int)
}

private let adapterMethods: [Method] = [
    .plain(
        "getquoted",
        """
        Return the object as an SQL literal, bytes.

        Raises TypeError for an object of a wrong type, and UnicodeEncodeError for text that the encoding lacks.
        """
    ) { me, _ in
        returningObject { () throws(PythonError) in try Adapter(object: receiver(me)).quoted() }
    },
    .one("__conform__", "(protocol, /)", "Return the adapter itself if `protocol` is ISQLQuote, else None.") {
        me, proto in
        returningObject { () throws(PythonError) in
            try PyRef(retaining: proto == module.pointee.isqlQuote ? receiver(me) : Python.none)
        }
    },
]

private let plainAdapterMethods = Methods(adapterMethods)
private let preparedAdapterMethods = Methods(
    adapterMethods + [
        .one(
            "prepare", "(conn, /)",
            """
            Write the literal for a connection, with its encoding and settings.

            - conn: the connection. Raises TypeError for another object.
            """
        ) { me, connection in
            returningObject { () throws(PythonError) in
                try Adapter(object: receiver(me)).prepare(receiver(connection))
                return PyRef.none
            }
        }
    ])

/// - Parameter isPrepared: whether its literals depend on the connection, so that it has `prepare()`.
private func adapterType(
    _ name: StaticString, _ qualifiedName: StaticString, isPrepared: Bool = false, doc: StaticString,
    extra: [Member] = [], properties: [Property] = [], in owner: PyObj
) throws(PythonError) -> PyRef {
    let type = try PyRef(
        typeNamed: qualifiedName, in: owner, size: MemoryLayout<apus_adapter>.size,
        flags: [.subclassable, .collected], signature: "(obj)", doc: doc,
        [
            .new { type, arguments, keywords in
                returningObject { () throws(PythonError) in
                    let object = try PyRef(instanceOf: receiver(type))
                    let kind = AdapterKind(of: object.object.type)
                    object.object.fields(apus_adapter.self).pointee.kind = kind.rawValue
                    return object
                }
            },
            .initialize { me, arguments, keywords in
                returningStatus { () throws(PythonError) in
                    let given = try Arguments("adapter", ["obj"], required: 1, tuple: arguments, dict: keywords)
                    let fields = try receiver(me).fields(apus_adapter.self)
                    try replace(&fields.pointee.adapted, with: PyRef(retaining: given.required(0)))
                }
            },
            .str { me in
                returningObject { () throws(PythonError) in
                    let bytes = try Adapter(object: receiver(me)).quoted()
                    return try PyRef(replacingInUTF8: bytes.object.bytes)
                }
            },
            .traverse(apus_adapter_traverse), .clear(apus_adapter_clear), .dealloc(apus_adapter_dealloc),
            .members(Members([.field("adapted", "The object that is adapted.", \apus_adapter.adapted)] + extra)),
            .methods(isPrepared ? preparedAdapterMethods : plainAdapterMethods), .properties(Properties(properties)),
        ])
    try owner.add(type.object, as: name)
    return type
}

private func makeISQLQuoteType(in owner: PyObj) throws(PythonError) -> PyRef {
    let nothing: PlainFunction = { _, _ in PyRef.none.take() }
    return try PyRef(
        typeNamed: "psycopg2.extensions.ISQLQuote", in: owner, size: MemoryLayout<apus_adapter>.size,
        flags: [.subclassable, .collected], signature: "(wrapped)",
        doc: """
            The protocol of adapters: `getquoted()` returns an SQL literal as bytes.

            - wrapped: the object to adapt.

            It is a base class and a key of `extensions.adapters`; its methods return None.
            """,
        [
            .initialize { me, arguments, keywords in
                returningStatus { () throws(PythonError) in
                    let given = try Arguments("ISQLQuote", ["wrapped"], required: 1, tuple: arguments, dict: keywords)
                    let fields = try receiver(me).fields(apus_adapter.self)
                    try replace(&fields.pointee.adapted, with: PyRef(retaining: given.required(0)))
                }
            },
            .traverse(apus_adapter_traverse), .clear(apus_adapter_clear), .dealloc(apus_adapter_dealloc),
            .members(Members([.field("_wrapped", "The object to adapt.", \apus_adapter.adapted)])),
            .methods(
                Methods([
                    .plain(
                        "getquoted", "Return None; an adapter returns the object as an SQL literal, bytes.", nothing),
                    .plain("getbinary", "Return None; an adapter may return the object in binary format.", nothing),
                    .plain("getbuffer", "Return None; an adapter may return the object as a buffer.", nothing),
                ])),
        ])
}
