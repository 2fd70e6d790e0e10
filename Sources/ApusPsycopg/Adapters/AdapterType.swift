import ApusValues
import CApusLibPQ
import CApusPython

/// The adapters that wrap one object: `psycopg2.extensions.AsIs`, `QuotedString`, `Binary` and so on.
enum AdapterKind: Int32, CaseIterable {
    case asIs, quotedString, binary, boolean, int, float, decimal, list, sequence, null
    case time, date, timestamp, interval

    /// The kind of a new object, from the adapter type that its own type is or inherits from.
    init(of type: PyObj) {
        let state = module.pointee
        let kinds: [(PyObj, AdapterKind)] = [
            (state.quotedString, .quotedString), (state.binary, .binary), (state.asIs, .asIs),
            (state.boolean, .boolean), (state.int, .int), (state.float, .float), (state.decimalAdapter, .decimal),
            (state.list, .list), (state.sqlIn, .sequence), (state.noneAdapter, .null),
            (state.datetimeAdapter, .timestamp),
        ]
        self = kinds.first { PyType_IsSubtype(type.asType, $0.0.asType) != 0 }?.1 ?? .asIs
    }
}

/// An adapter object, borrowed.
struct Adapter {
    let object: PyObj
    private var fields: UnsafeMutablePointer<apus_adapter> { object.fields(apus_adapter.self) }

    var kind: AdapterKind { AdapterKind(rawValue: fields.pointee.kind) ?? .asIs }

    /// The literal, as new bytes.
    func quoted() throws(Raised) -> PyObj {
        var writer = ByteWriter()
        try append(to: &writer)
        let bytes = try writer.withUnsafeBytes { (bytes) throws(Raised) in try pythonBytes(bytes) }
        switch kind {
        case .binary, .quotedString: replace(&fields.pointee.buffer, with: bytes.retained())
        default: break
        }
        return bytes
    }

    /// Remembers the connection that the literal is for.
    func prepare(_ connection: PyObj) throws(Raised) {
        guard apus_is_instance(connection, module.pointee.connection) != 0 else {
            throw raiseTypeError("argument 1 must be a psycopg2 connection, not \(connection.typeName)")
        }
        replace(&fields.pointee.connection, with: connection.retained())
    }

    private func append(to writer: inout ByteWriter) throws(Raised) {
        // Python code that runs meanwhile may give the adapter another value, connection or encoding.
        let (adapted, connection) = (fields.pointee.adapted?.retained(), fields.pointee.connection?.retained())
        let encoding = fields.pointee.encoding?.retained()
        defer {
            adapted?.release()
            connection?.release()
            encoding?.release()
        }
        guard let value = adapted else { return }
        var quoting = try context(connection, encoding)
        switch kind {
        case .asIs:
            if value.isNone {
                writer.append("NULL")
                return
            }
            let text = try Owned(owned(PyObject_Str(value)))
            let (bytes, owner) = try ClientEncoding.utf8.encode(text.object)
            writer.append(bytes)
            owner.release()
        case .null: writer.append("NULL")
        case .quotedString: try append(string: value, quoting, to: &writer)
        case .binary: try append(binary: value, quoting, isPrepared: connection != nil, to: &writer)
        case .boolean:
            let truth = PyObject_IsTrue(value)
            try check(truth)
            writer.append(truth != 0 ? "true" : "false")
        case .int:
            let integer = try Owned(owned(apus_call1(apus_type_int(), value)))
            try quoting.append(integer: integer.object, to: &writer)
        case .float where apus_is_int(value) != 0 && apus_is_bool(value) == 0:
            try quoting.append(integer: value, to: &writer)
        case .float:
            let number = PyFloat_AsDouble(value)
            if number == -1 && PyErr_Occurred() != nil { throw Raised() }
            try quoting.append(float: number, to: &writer)
        case .decimal: try quoting.append(decimal: value, to: &writer)
        case .list:
            // The element's adapters decide, also for lists when "list" itself is adapted otherwise.
            quoting.direct.insert(.list)
            guard apus_is_list(value) != 0 else { throw raiseTypeError("expected a list, not \(value.typeName)") }
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

    /// Raises TypeError for a value without the fields that are read: a second `__init__()` puts any object in the
    /// first one's place.
    private static func expect(_ value: PyObj, is type: PyObj) throws(Raised) {
        if apus_is_instance(value, type) != 0 { return }
        let wanted = String(cString: apus_type_name(type.asType))
        let shown = try Owned(owned(PyObject_Repr(value)))
        throw try raiseTypeError("can't adapt \(text(of: shown.object)): expected a \(wanted)")
    }

    /// How to quote: as the connection does if the adapter was prepared with one.
    private func context(_ connection: PyObj?, _ encoding: PyObj?) throws(Raised) -> Quoting {
        if let connection { return try quoting(for: connection) }
        guard kind == .quotedString, let encoding else { return Quoting() }
        return Quoting(encoding: try ClientEncoding(codec: encoding))
    }

    private func append(string value: PyObj, _ quoting: Quoting, to writer: inout ByteWriter) throws(Raised) {
        if apus_is_str(value) != 0 {
            try quoting.append(text: value, to: &writer)
        } else if apus_is_bytes(value) != 0 {
            try quoting.append(
                literal: UnsafeRawBufferPointer(start: apus_bytes_data(value), count: apus_bytes_size(value)),
                to: &writer)
        } else {
            throw raiseTypeError("can't quote non-string object")
        }
    }

    private func append(
        binary value: PyObj, _ quoting: Quoting, isPrepared: Bool, to writer: inout ByteWriter
    ) throws(Raised) {
        if value.isNone {
            writer.append("NULL")
            return
        }
        var view = Py_buffer()
        guard PyObject_GetBuffer(value, &view, PyBUF_SIMPLE) == 0 else {
            PyErr_Clear()
            throw raiseTypeError("can't escape \(value.typeName) to binary")
        }
        defer { PyBuffer_Release(&view) }
        if isPrepared {
            quoting.append(binary: UnsafeRawBufferPointer(start: view.buf, count: view.len), to: &writer)
            return
        }
        // Without a connection the server may be any: the escape format is read by all of them.
        var count = 0
        guard let text = PQescapeBytea(view.buf?.assumingMemoryBound(to: UInt8.self), view.len, &count) else {
            PyErr_NoMemory()
            throw Raised()
        }
        defer { PQfreemem(text) }
        writer.append("'")
        writer.append(UnsafeRawBufferPointer(start: text, count: max(0, count - 1)))
        writer.append("'::bytea")
    }

    // MARK: Making

    static func make(_ type: PyObj, _ kind: AdapterKind, adapting value: PyObj) throws(Raised) -> PyObj {
        let object = try owned(apus_allocate(type.asType))
        let fields = object.fields(apus_adapter.self)
        fields.pointee.kind = kind.rawValue
        fields.pointee.adapted = value.retained()
        return object
    }
}

/// Makes the adapter types and registers them for the built-in types.
func makeAdapters(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(Raised) {
    state.pointee.encodings = try ClientEncoding.makeTable()
    try add(state.pointee.encodings, as: "encodings", to: owner)
    state.pointee.isqlQuote = try makeISQLQuoteType(in: owner)
    try add(state.pointee.isqlQuote, as: "ISQLQuote", to: owner)

    state.pointee.asIs = try adapterType("AsIs", "psycopg2.extensions.AsIs", in: owner)
    state.pointee.quotedString = try adapterType(
        "QuotedString", "psycopg2.extensions.QuotedString", prepared: true, extra: [bufferMember],
        properties: [encodingProperty], in: owner)
    state.pointee.binary = try adapterType(
        "Binary", "psycopg2.extensions.Binary", prepared: true, extra: [bufferMember], in: owner)
    state.pointee.boolean = try adapterType("Boolean", "psycopg2.extensions.Boolean", in: owner)
    state.pointee.int = try adapterType("Int", "psycopg2.extensions.Int", in: owner)
    state.pointee.float = try adapterType("Float", "psycopg2.extensions.Float", in: owner)
    state.pointee.decimalAdapter = try adapterType("Decimal", "psycopg2._psycopg.Decimal", in: owner)
    state.pointee.list = try adapterType("List", "psycopg2._psycopg.List", prepared: true, in: owner)
    state.pointee.datetimeAdapter = try adapterType(
        "datetime", "psycopg2._psycopg.datetime", extra: [kindMember], in: owner)
    state.pointee.sqlIn = try adapterType("SQL_IN", "psycopg2.extensions.SQL_IN", prepared: true, in: owner)
    state.pointee.noneAdapter = try adapterType("NoneAdapter", "psycopg2.extensions.NoneAdapter", in: owner)

    state.pointee.dateFromPy = try attribute("DateFromPy", of: owner)
    state.pointee.timeFromPy = try attribute("TimeFromPy", of: owner)
    state.pointee.timestampFromPy = try attribute("TimestampFromPy", of: owner)
    state.pointee.intervalFromPy = try attribute("IntervalFromPy", of: owner)

    state.pointee.adapterRegistry = try makeAdapterRegistryType(in: owner)
    state.pointee.adapters = try owned(apus_call0(state.pointee.adapterRegistry))
    try add(state.pointee.adapters, as: "adapters", to: owner)
    for (type, adapter, _) in AdapterRegistry.builtin(state) {
        let key = try Owned(owned(apus_tuple2(type, state.pointee.isqlQuote)))
        try check(PyObject_SetItem(state.pointee.adapters, key.object, adapter))
    }
}

private var bufferMember: PyMemberDef { .field("buffer", "The quoted bytes, once asked for.", \apus_adapter.buffer) }
/// Python's name of the encoding: the connection's, else what the program set, else latin1.
private var encodingProperty: PyGetSetDef {
    .computed(
        "encoding", "Python's name of the encoding.",
        set: { me, value, _ in
            succeed { () throws(Raised) in
                let fields = try receiver(me).fields(apus_adapter.self)
                let name = try receiver(value)
                guard apus_is_str(name) != 0 else { throw raiseTypeError("the encoding must be str") }
                replace(&fields.pointee.encoding, with: name.retained())
            }
        },
        get: { me, _ in
            answer { () throws(Raised) in
                let fields = try receiver(me).fields(apus_adapter.self)
                if let connection = fields.pointee.connection {
                    return try python(c: Connection(connection).core.encoding.codec)
                }
                if let encoding = fields.pointee.encoding { return encoding.retained() }
                return try interned("latin1")
            }
        })
}
private var kindMember: PyMemberDef { .field("type", "What is adapted.", \apus_adapter.kind, type: apus_member_int) }

private func adapterType(
    _ name: StaticString, _ qualifiedName: StaticString, prepared: Bool = false, extra: [PyMemberDef] = [],
    properties: [PyGetSetDef] = [],
    in owner: PyObj
) throws(Raised) -> PyObj {
    var methods: [PyMethodDef] = [
        .plain("getquoted", "getquoted() -> bytes: the object as SQL.") { me, _ in
            answer { () throws(Raised) in try Adapter(object: receiver(me)).quoted() }
        },
        .one("__conform__", "__conform__(protocol) -> the adapter itself if it has the protocol, else None.") {
            me, proto in
            answer { () throws(Raised) in
                try proto == module.pointee.isqlQuote ? receiver(me).retained() : none()
            }
        },
    ]
    if prepared {
        methods.append(
            .one("prepare", "prepare(connection): quote for this connection.") { me, connection in
                answer { () throws(Raised) in
                    try Adapter(object: receiver(me)).prepare(receiver(connection))
                    return none()
                }
            })
    }
    let type = try makeType(
        qualifiedName, in: owner, size: MemoryLayout<apus_adapter>.size,
        flags: apus_flag_subclass | apus_flag_collected,
        [
            .doc("Adapts an object to SQL."),
            .new { type, arguments, keywords in
                answer { () throws(Raised) in
                    guard let type else { throw Raised() }
                    let object = try owned(apus_allocate(type))
                    object.fields(apus_adapter.self).pointee.kind = AdapterKind(of: apus_type_object(object)).rawValue
                    return object
                }
            },
            .initialize { me, arguments, keywords in
                succeed { () throws(Raised) in
                    let given = try Arguments("adapter", ["obj"], required: 1, tuple: arguments, dict: keywords)
                    let fields = try receiver(me).fields(apus_adapter.self)
                    try replace(&fields.pointee.adapted, with: given.required(0).retained())
                }
            },
            .str { me in
                answer { () throws(Raised) in
                    let bytes = try Owned(Adapter(object: receiver(me)).quoted())
                    return try owned(
                        PyUnicode_DecodeUTF8(apus_bytes_data(bytes.object), apus_bytes_size(bytes.object), "replace"))
                }
            },
            .traverse(apus_adapter_traverse), .clear(apus_adapter_clear), .dealloc(apus_adapter_dealloc),
            .members(
                permanent(
                    [.field("adapted", "The object that is adapted.", \apus_adapter.adapted)] + extra, end: .end)),
            .methods(permanent(methods, end: .end)), .properties(permanent(properties, end: .end)),
        ])
    try add(type, as: name, to: owner)
    return type
}

private func makeISQLQuoteType(in owner: PyObj) throws(Raised) -> PyObj {
    let nothing: PlainFunction = { _, _ in none() }
    return try makeType(
        "psycopg2.extensions.ISQLQuote", in: owner, size: MemoryLayout<apus_adapter>.size,
        flags: apus_flag_subclass | apus_flag_collected,
        [
            .doc("Abstract protocol of adapters to SQL."),
            .initialize { me, arguments, keywords in
                succeed { () throws(Raised) in
                    let given = try Arguments("ISQLQuote", ["wrapped"], required: 1, tuple: arguments, dict: keywords)
                    let fields = try receiver(me).fields(apus_adapter.self)
                    try replace(&fields.pointee.adapted, with: given.required(0).retained())
                }
            },
            .traverse(apus_adapter_traverse), .clear(apus_adapter_clear), .dealloc(apus_adapter_dealloc),
            .members(permanent([.field("_wrapped", "The wrapped object.", \apus_adapter.adapted)], end: .end)),
            .methods(
                permanent(
                    [
                        .plain("getquoted", "The object as SQL.", nothing),
                        .plain("getbinary", "The object in binary form.", nothing),
                        .plain("getbuffer", "The object as a buffer.", nothing),
                    ], end: .end)),
        ])
}
