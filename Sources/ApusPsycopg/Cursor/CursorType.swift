import ApusPython
import ApusSessions
import CApusPsycopg

/// `psycopg2.extensions.cursor`
enum CursorType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.cursor", in: owner, size: MemoryLayout<apus_cursor>.size,
            flags: [.subclassable, .collected],
            signature: "(conn, name=None)",
            doc: """
                Executes statements and fetches their rows. `connection.cursor()` creates cursors.

                - conn: the connection.
                - name: a str makes a named cursor, whose rows stay on the server until they are fetched; None an
                  ordinary one.

                Iterating over a cursor yields its remaining rows. Threads must not share a cursor. Subclasses can
                be passed to `connection.cursor()` as `cursor_factory`.
                """,
            [
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
                "arraysize", "Number of rows that `fetchmany()` returns by default; 1 unless changed.",
                \apus_cursor.arraysize, type: .long,
                writable: true),
            .field(
                "itersize", "Number of rows that iterating over a named cursor fetches at a time; 2000 unless changed.",
                \apus_cursor.itersize,
                type: .long, writable: true),
            .field(
                "rowcount",
                """
                Rows returned or affected by the last statement; -1 if there is none or the number is unknown.

                For a named cursor, the rows of the last fetch.
                """,
                \apus_cursor.rowcount, type: .long),
            .field("connection", "The connection of the cursor.", \apus_cursor.connection),
            .field("name", "Name of a named cursor, a str; None for an ordinary cursor.", \apus_cursor.name),
            .field(
                "row_factory",
                """
                Callable that creates the rows; None, the default, for tuples.

                It is called with the cursor and returns an object, whose items are then set by their number.
                """,
                \apus_cursor.row_factory, writable: true),
            .field(
                "tzinfo_factory",
                """
                Callable that creates the `tzinfo` of a `timestamptz`; `datetime.timezone` by default.

                It is called with the offset from UTC, a timedelta. None makes datetimes without a time zone.
                """,
                \apus_cursor.tzinfo_factory,
                writable: true),
            .field("typecaster", "Unused; always None.", \apus_cursor.typecaster),
            .field("__weaklistoffset__", "", \apus_cursor.weak_references, type: .offset),
        ])

    private static let properties = Properties(
        [
            .computed(
                "string_types", "Typecasters of this cursor only: a dict from OID to typecaster, or None.",
                set: { me, value, _ in setTypes(me, value, isBinary: false) }
            ) { me, _ in
                (me?.fields(apus_cursor.self).pointee.string_types ?? Python.none).retained()
            },
            .computed(
                "binary_types",
                """
                Typecasters of this cursor only, for results in binary format: a dict from OID to typecaster, or
                None.
                """,
                set: { me, value, _ in setTypes(me, value, isBinary: true) }
            ) { me, _ in
                (me?.fields(apus_cursor.self).pointee.binary_types ?? Python.none).retained()
            },
            .computed(
                "description", "Columns of the last result, a tuple of Column; None if the statement returned no rows."
            ) { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).description() ?? PyRef.none }
            },
            .computed("query", "Last statement that was sent, with its values merged; bytes, None if there is none.") {
                me, _ in
                returningObject { () throws(PythonError) in
                    guard let query = try Cursor(me).fields.pointee.query else { return PyRef.none }
                    return try query.isBytes ? PyRef(retaining: query) : query.encodedAsUTF8()
                }
            },
            .computed(
                "statusmessage",
                "Command tag of the last statement, such as \"INSERT 0 1\"; a str, None if there is none."
            ) { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).statusMessage() }
            },
            .computed("rownumber", "Index of the next row of the result, from 0; an int.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Cursor(me).fields.pointee.row) }
            },
            .computed(
                "lastrowid", "OID of the last inserted row, an int; 0 if there is none, as in all current servers."
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Int(Cursor(me).fields.pointee.lastoid)) }
            },
            .computed("closed", "True if the cursor or its connection is closed.") { me, _ in
                returningObject { () throws(PythonError) in
                    if try receiver(me).fields(apus_cursor.self).pointee.connection == nil { return PyRef(true) }
                    let cursor = try Cursor(me)
                    let connection = try Connection(cursor.fields.pointee.connection)
                    return PyRef(cursor.fields.pointee.closed != 0 || connection.core.closed != .open)
                }
            },
            .computed(
                "withhold",
                """
                True if a named cursor outlives its transaction (WITH HOLD), else False.

                Raises ProgrammingError when set on a cursor without a name.
                """,
                set: setWithhold
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Cursor(me).fields.pointee.withhold != 0) }
            },
            .computed(
                "scrollable",
                """
                True if a named cursor can move backwards (SCROLL), False if not; None, the default, leaves it to
                the server.

                Raises ProgrammingError when set on a cursor without a name.
                """,
                set: setScrollable
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let scrollable = try Cursor(me).fields.pointee.scrollable
                    return scrollable < 0 ? PyRef.none : PyRef(scrollable != 0)
                }
            },
            .computed("pgresult_ptr", "Address of the `PGresult` of libpq, an int; None if there is no result.") {
                me, _ in
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

    private static func setTypes(_ me: PyObj?, _ value: PyObj?, isBinary: Bool) -> Int32 {
        returningStatus { () throws(PythonError) in
            let fields = try receiver(me).fields(apus_cursor.self)
            // To delete it is to have none.
            let types = value.flatMap { $0.isNone ? nil : $0 }
            if let types, !types.isDict {
                let shown = try types.repr()
                throw try raiseTypeError(
                    "\(isBinary ? "binary" : "string")_types must be a dict of typecasters by OID, or None, not \(text(of: shown.object))"
                )
            }
            let new = types.map { PyRef(retaining: $0) }
            if isBinary {
                replace(&fields.pointee.binary_types, with: new)
            } else {
                replace(&fields.pointee.string_types, with: new)
            }
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
            .plain(
                "close",
                """
                Close the cursor, also on the server if it is a named cursor.

                A closed cursor raises InterfaceError if it is used. Closing a closed cursor does nothing.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    // One that a subclass never initialized has nothing to close.
                    if try receiver(me).fields(apus_cursor.self).pointee.connection != nil { try Cursor(me).close() }
                    return PyRef.none
                }
            },
            .fast(
                "execute", "(query, vars=None)",
                """
                Execute a statement, and make its result the result of the cursor.

                - query: str, bytes or an object of `psycopg2.sql`. Its placeholders are %s, or %(name)s if `vars`
                  is a mapping; %% stands for a percent sign.
                - vars: a sequence or a mapping of values, which are merged into the statement as literals. None,
                  the default, sends the statement as it is; then %% is not replaced.

                If no transaction is open, one is begun, except in autocommit. Raises ProgrammingError if the values
                do not fit the placeholders or a value has no adapter, and the class of `psycopg2.errors` for the
                SQLSTATE if the server reports an error.

                    cursor.execute("SELECT * FROM item WHERE name = %s", ("pen",))
                """
            ) { me, positional, count, keywords in
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
            .fast(
                "executemany", "(query, vars_list)",
                """
                Execute a statement once for each element of an iterable.

                - query: as in `execute()`.
                - vars_list: an iterable of sequences or mappings, as `vars` in `execute()`.

                `rowcount` is the total of all executions; results are dropped. Within a transaction, many INSERT,
                UPDATE and DELETE statements are sent in one message. Raises the same errors as `execute()`.

                    cursor.executemany("INSERT INTO item VALUES (%s, %s)", [(1, "pen"), (2, "ink")])
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "executemany", ["query", "vars_list"], required: 2, positional, count, keywords)
                    try Cursor(me).executeMany(given.required(0), given.required(1))
                    return PyRef.none
                }
            },
            .fast(
                "mogrify", "(query, vars=None)",
                """
                Return the statement that `execute()` would send, as bytes, without sending it.

                - query, vars: as in `execute()`.

                Raises the same errors as `execute()` for values that do not fit.

                    cursor.mogrify("SELECT %s", ("it's",))  # b"SELECT 'it''s'"
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("mogrify", ["query", "vars"], required: 1, positional, count, keywords)
                    return try Cursor(me).mogrify(given.required(0), given[1])
                }
            },
            .plain(
                "fetchone",
                """
                Return the next row of the result, or None if there is none.

                Raises ProgrammingError if the last statement returned no rows.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).fetchOne() ?? PyRef.none }
            },
            .fast(
                "fetchmany", "(size=None)",
                """
                Return the next rows of the result as a list, which is empty if there are none left.

                - size: the maximum number of rows, an int; None, the default, for `cursor.arraysize`. A negative
                  number stands for all rows.

                Raises ProgrammingError if the last statement returned no rows.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("fetchmany", ["size"], positional, count, keywords)
                    let cursor = try Cursor(me)
                    let size =
                        given.unlessNone(0) == nil ? cursor.fields.pointee.arraysize : try given.integer(0, default: 1)
                    return try cursor.fetchMany(size)
                }
            },
            .plain(
                "fetchall",
                """
                Return all remaining rows of the result as a list, which is empty if there are none left.

                Raises ProgrammingError if the last statement returned no rows.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).fetchAll() }
            },
            .fast(
                "callproc", "(procname, parameters=None)",
                """
                Call a function of the server: execute `SELECT * FROM procname(...)`.

                - procname: the name of the function, a str or bytes. It is not quoted.
                - parameters: a sequence, or a dict for arguments with names; None for no arguments.

                Returns `parameters`, or None if it is a dict with items. Fetch the result as that of `execute()`,
                whose errors it raises.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "callproc", ["procname", "parameters"], required: 1, positional, count, keywords)
                    return try Cursor(me).callProcedure(given.required(0), given[1])
                }
            },
            .plain("nextset", "Raise NotSupportedError, because PostgreSQL does not return several result sets.") {
                me, _ in
                returningObject { () throws(PythonError) in
                    let cursor = try Cursor(me)
                    try cursor.checkOpen()
                    throw cursor.naming(raise(module.pointee.notSupportedError, "not supported by PostgreSQL"))
                }
            },
            .one(
                "setinputsizes", "(sizes, /)",
                "Do nothing, as PEP 249 allows. Raises InterfaceError if the cursor is closed."
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    try Cursor(me).checkOpen()
                    return PyRef.none
                }
            },
            .fast(
                "setoutputsize", "(size, column=None, /)",
                "Do nothing, as PEP 249 allows. Raises InterfaceError if the cursor is closed."
            ) { me, _, _, _ in
                returningObject { () throws(PythonError) in
                    try Cursor(me).checkOpen()
                    return PyRef.none
                }
            },
            .fast(
                "scroll", "(value, mode='relative')",
                """
                Move to another row of the result, which the next fetch returns.

                - value: an int, the number of rows to move, or the index of a row if `mode` is "absolute".
                - mode: "relative", the default, or "absolute".

                Raises ProgrammingError beyond the ends of the result, and leaves the position unchanged. A named
                cursor moves on the server, where going beyond the ends is not an error.
                """
            ) { me, positional, count, keywords in
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
            .fast(
                "cast", "(oid, s)",
                """
                Convert a text with the typecaster registered for a type, and return the object.

                - oid: the OID of the type, an int.
                - s: the text as the server would send it, a str or bytes; None stands for NULL.

                    cursor.cast(23, "42")  # 42
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("cast", ["oid", "s"], required: 2, positional, count, keywords)
                    let cursor = try Cursor(me)
                    let cast = try cursor.cast(given.required(0), Connection(cursor.fields.pointee.connection))
                    return try Typecaster.call(cast.object, given.required(1), cursor.object)
                }
            },
            .plain("__enter__", "Begin a `with` block, at whose end the cursor is closed, and return the cursor.") {
                me, _ in
                returningObject { () throws(PythonError) in try PyRef(retaining: receiver(me)) }
            },
            .fast("__exit__", "(type, value, traceback, /)", "End a `with` block: call `close()`.") { me, _, _, _ in
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
