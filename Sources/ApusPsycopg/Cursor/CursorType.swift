import ApusPython
import ApusSessions
import CApusPsycopg

/// `psycopg2.extensions.cursor`
enum CursorType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.cursor", in: owner, size: MemoryLayout<apus_cursor>.size,
            flags: [.subclassable, .collected],
            [
                .doc("A database cursor."),
                .initialize { me, arguments, keywords in
                    returningStatus { () throws(PythonError) in
                        try CursorType.initialize(
                            receiver(me),
                            Arguments("cursor", ["conn", "name"], required: 1, tuple: arguments, dict: keywords))
                    }
                },
                .repr { me in
                    returningObject { () throws(PythonError) in
                        let me = try receiver(me)
                        let closed = me.fields(apus_cursor.self).pointee.closed != 0 ? -1 : 0
                        return try PyRef(
                            "<cursor object at 0x\(String(UInt(bitPattern: me), radix: 16)); closed: \(closed)>")
                    }
                },
                .iterator { me in
                    returningObject { () throws(PythonError) in
                        let cursor = try Cursor(me)
                        try cursor.checkOpen()
                        return PyRef(retaining: cursor.object)
                    }
                },
                .next { me in
                    // NULL is the end as well, where no exception is pending.
                    do throws(PythonError) { return try Cursor(me).iterate()?.take() } catch { return nil }
                },
                .traverse(apus_cursor_fields_traverse), .clear(apus_cursor_fields_clear),
                .dealloc(deallocate),
                .members(members), .properties(properties), .methods(methods),
            ])
    }

    static let deallocate: Deallocator = { me in
        guard let me else { return }
        CycleCollector.forget(me)
        let fields = me.fields(apus_cursor.self)
        if fields.pointee.weak_references != nil { me.clearWeakReferences() }
        Cursor.dropRows(fields)
        Cursor.dropColumns(fields)
        if let stream = fields.pointee.stream {
            Unmanaged<ReplicationStream>.fromOpaque(stream).release()
            fields.pointee.stream = nil
        }
        _ = apus_cursor_fields_clear(me)
        me.free()
    }

    private static func initialize(_ me: PyObj, _ given: Arguments) throws(PythonError) {
        let connection = try given.required(0)
        guard connection.isInstance(of: module.pointee.connection) else {
            throw raiseTypeError("argument 1 must be a subclass of psycopg2.extensions.connection")
        }
        let name = given.unlessNone(1)
        if let name, !name.isStr { throw raiseTypeError("the cursor's name must be str") }
        let fields = me.fields(apus_cursor.self)
        if fields.pointee.connection != nil { try forget(Cursor(me), for: connection) }
        if let name { replace(&fields.pointee.name, with: PyRef(retaining: name)) }
        replace(&fields.pointee.connection, with: PyRef(retaining: connection))
        replace(&fields.pointee.tzinfo_factory, with: PyRef(retaining: module.pointee.timezone))
        fields.pointee.arraysize = 1
        fields.pointee.itersize = 2000
        fields.pointee.rowcount = -1
        fields.pointee.scrollable = -1
        fields.pointee.missing = Cursor.Missing.rows
        fields.pointee.closed = 0
        fields.pointee.is_declared = 0
        replace(&fields.pointee.last_status, with: nil)
        fields.pointee.transaction = try Connection(connection).core.transactionNumber
    }

    /// Makes a cursor as good as new for a second `__init__`. Calls that are under way may still use the connection
    /// that it had: it is kept as long as the cursor.
    private static func forget(_ cursor: Cursor, for connection: PyObj) throws(PythonError) {
        try cursor.checkUnread()
        let fields = cursor.fields
        if let old = fields.pointee.connection, old != connection {
            if fields.pointee.former == nil { fields.pointee.former = try PyRef(listOf: 0).take() }
            if let former = fields.pointee.former { try former.append(old) }
        }
        fields.pointee.execution &+= 1
        cursor.setStream(nil)
        replace(&fields.pointee.query, with: nil)
        cursor.clearResult()
    }

    private static let members = Members(
        [
            .field(
                "arraysize", "Number of rows that fetchmany() fetches.", \apus_cursor.arraysize, type: .long,
                writable: true),
            .field(
                "itersize", "Rows that a named cursor fetches at once when iterated over.", \apus_cursor.itersize,
                type: .long, writable: true),
            .field(
                "rowcount", "Number of rows read or affected, or -1.", \apus_cursor.rowcount, type: .long),
            .field("connection", "The cursor's connection.", \apus_cursor.connection),
            .field("name", "The name of a named cursor, or None.", \apus_cursor.name),
            .field("row_factory", "Makes the rows; None for tuples.", \apus_cursor.row_factory, writable: true),
            .field(
                "tzinfo_factory", "Makes time zones of timestamps with time zone.", \apus_cursor.tzinfo_factory,
                writable: true),
            .field("typecaster", "Unused.", \apus_cursor.typecaster),
            .field("__weaklistoffset__", "", \apus_cursor.weak_references, type: .offset),
        ])

    private static let properties = Properties(
        [
            .computed(
                "string_types", "Typecasters of this cursor alone: a dict by OID, or None.",
                set: { me, value, _ in setTypes(me, value, "string_types", \.pointee.string_types) }
            ) { me, _ in
                (me?.fields(apus_cursor.self).pointee.string_types ?? Python.none).retained()
            },
            .computed(
                "binary_types", "Typecasters of this cursor alone, for binary results: a dict by OID, or None.",
                set: { me, value, _ in setTypes(me, value, "binary_types", \.pointee.binary_types) }
            ) { me, _ in
                (me?.fields(apus_cursor.self).pointee.binary_types ?? Python.none).retained()
            },
            .computed("description", "The columns of the last result, or None.") { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).description() ?? PyRef.none }
            },
            .computed("query", "The last statement sent, as bytes.") { me, _ in
                returningObject { () throws(PythonError) in
                    guard let query = try Cursor(me).fields.pointee.query else { return PyRef.none }
                    return try query.isBytes ? PyRef(retaining: query) : query.encodedAsUTF8()
                }
            },
            .computed("statusmessage", "The message of the last command.") { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).statusMessage() }
            },
            .computed("rownumber", "The number of rows fetched so far of the current result.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Cursor(me).fields.pointee.row) }
            },
            .computed("lastrowid", "The OID of the last inserted row, or 0.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Int(Cursor(me).fields.pointee.lastoid)) }
            },
            .computed("closed", "True if the cursor, or its connection, is closed.") { me, _ in
                returningObject { () throws(PythonError) in
                    if try receiver(me).fields(apus_cursor.self).pointee.connection == nil { return PyRef(true) }
                    let cursor = try Cursor(me)
                    let connection = try Connection(cursor.fields.pointee.connection)
                    return PyRef(cursor.fields.pointee.closed != 0 || connection.core.closed != .open)
                }
            },
            .computed("withhold", "Whether a named cursor outlives its transaction.", set: setWithhold) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Cursor(me).fields.pointee.withhold != 0) }
            },
            .computed("scrollable", "Whether a named cursor moves backwards; None if not said.", set: setScrollable) {
                me, _ in
                returningObject { () throws(PythonError) in
                    let scrollable = try Cursor(me).fields.pointee.scrollable
                    return scrollable < 0 ? PyRef.none : PyRef(scrollable != 0)
                }
            },
            .computed("pgresult_ptr", "The address of the result's PGresult, or None.") { me, _ in
                returningObject { () throws(PythonError) in
                    let cursor = try Cursor(me)
                    let fields = cursor.fields
                    guard fields.pointee.closed == 0, let result = fields.pointee.result, !cursor.hidesRows
                    else { return PyRef.none }
                    fields.pointee.is_pinned = 1
                    return try PyRef(address: result)
                }
            },
        ])

    private static func setTypes(
        _ me: PyObj?, _ value: PyObj?, _ name: StaticString,
        _ field: WritableKeyPath<UnsafeMutablePointer<apus_cursor>, PyObj?>
    ) -> Int32 {
        returningStatus { () throws(PythonError) in
            var fields = try receiver(me).fields(apus_cursor.self)
            // To delete it is to have none.
            let types = value.flatMap { $0.isNone ? nil : $0 }
            if let types, !types.isDict {
                let shown = try types.repr()
                throw try raiseTypeError(
                    "\(name) must be a dict of typecasters by OID, or None, not \(text(of: shown.object))")
            }
            replace(&fields[keyPath: field], with: types.map { PyRef(retaining: $0) })
        }
    }

    private static let setWithhold: Setter = { me, value, _ in
        returningStatus { () throws(PythonError) in
            let cursor = try Cursor(me)
            // Unnamed cursors have False already; psycopg2 accepts it.
            if value?.isFalseObject != true { try cursor.checkNamedSetting("withhold") }
            guard let value else { throw raiseTypeError("withhold cannot be deleted: set it to True or False") }
            cursor.fields.pointee.withhold = try value.truth ? 1 : 0
        }
    }

    private static let setScrollable: Setter = { me, value, _ in
        returningStatus { () throws(PythonError) in
            let cursor = try Cursor(me)
            if value?.isNone != true { try cursor.checkNamedSetting("scrollable") }
            guard let value else { throw raiseTypeError("scrollable cannot be deleted: set it to True, False or None") }
            cursor.fields.pointee.scrollable = try value.isNone ? -1 : value.truth ? 1 : 0
        }
    }

    private static let methods = Methods(
        [
            .plain("close", "Closes the cursor.") { me, _ in
                returningObject { () throws(PythonError) in
                    // One that a subclass never initialized has nothing to close.
                    if try receiver(me).fields(apus_cursor.self).pointee.connection != nil { try Cursor(me).close() }
                    return PyRef.none
                }
            },
            .fast("execute", "execute(query, vars=None): executes a statement.") { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let cursor = try Cursor(me)
                    if keywords == nil, let positional, count == 1 || count == 2, let query = positional[0] {
                        try cursor.execute(query, count == 2 ? positional[1] : nil)
                        return PyRef.none
                    }
                    let given = try Arguments("execute", ["query", "vars"], required: 1, positional, count, keywords)
                    try cursor.execute(given.required(0), given[1])
                    return PyRef.none
                }
            },
            .fast("executemany", "executemany(query, vars_list): executes a statement for each set of arguments.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "executemany", ["query", "vars_list"], required: 2, positional, count, keywords)
                    try Cursor(me).executeMany(given.required(0), given.required(1))
                    return PyRef.none
                }
            },
            .fast("mogrify", "mogrify(query, vars=None) -> bytes: the statement with its arguments.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("mogrify", ["query", "vars"], required: 1, positional, count, keywords)
                    return try Cursor(me).mogrify(given.required(0), given[1])
                }
            },
            .plain("fetchone", "The next row, or None.") { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).fetchOne() ?? PyRef.none }
            },
            .fast("fetchmany", "fetchmany(size=arraysize) -> list: the next rows.") { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("fetchmany", ["size"], positional, count, keywords)
                    let cursor = try Cursor(me)
                    let size =
                        given.unlessNone(0) == nil ? cursor.fields.pointee.arraysize : try given.integer(0, default: 1)
                    return try cursor.fetchMany(size)
                }
            },
            .plain("fetchall", "All remaining rows, as a list.") { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).fetchAll() }
            },
            .fast("callproc", "callproc(procname, parameters=None): calls a function of the server.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "callproc", ["procname", "parameters"], required: 1, positional, count, keywords)
                    return try Cursor(me).callProcedure(given.required(0), given[1])
                }
            },
            .plain("nextset", "Not supported: raises NotSupportedError.") { me, _ in
                returningObject { () throws(PythonError) in
                    let cursor = try Cursor(me)
                    try cursor.checkOpen()
                    throw cursor.naming(raise(module.pointee.notSupportedError, "not supported by PostgreSQL"))
                }
            },
            .one("setinputsizes", "Does nothing, as PEP 249 allows.") { me, _ in
                returningObject { () throws(PythonError) in
                    try Cursor(me).checkOpen()
                    return PyRef.none
                }
            },
            .fast("setoutputsize", "Does nothing, as PEP 249 allows.") { me, _, _, _ in
                returningObject { () throws(PythonError) in
                    try Cursor(me).checkOpen()
                    return PyRef.none
                }
            },
            .fast("scroll", "scroll(value, mode='relative'): moves in the result.") { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("scroll", ["value", "mode"], required: 1, positional, count, keywords)
                    let distance = try given.integer(0, default: 0)
                    let mode = try given.text(1, default: "relative")
                    let cursor = try Cursor(me)
                    guard mode == "relative" || mode == "absolute" else {
                        throw cursor.misuse("scroll mode must be 'relative' or 'absolute'")
                    }
                    try cursor.scroll(distance, absolute: mode == "absolute")
                    return PyRef.none
                }
            },
            .fast("cast", "cast(oid, s): what the typecaster for an OID makes of a text.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("cast", ["oid", "s"], required: 2, positional, count, keywords)
                    let cursor = try Cursor(me)
                    let cast = try cursor.cast(given.required(0), Connection(cursor.fields.pointee.connection))
                    return try Typecaster.call(cast.object, given.required(1), cursor.object)
                }
            },
            .plain("__enter__", "The cursor itself.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(retaining: receiver(me)) }
            },
            .fast("__exit__", "Closes the cursor.") { me, _, _, _ in
                returningObject { () throws(PythonError) in
                    // A subclass may have its own.
                    try receiver(me).callMethod(module.pointee.nameClose)
                }
            },
        ] + copyMethods)
}

extension Cursor {
    fileprivate func checkNamedSetting(_ setting: StaticString) throws(PythonError) {
        if !isNamed { throw misuse("trying to set .\(setting) on unnamed cursor") }
    }
}
