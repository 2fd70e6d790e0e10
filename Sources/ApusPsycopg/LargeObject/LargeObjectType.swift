import CApusPython

/// `psycopg2.extensions.lobject`
enum LargeObjectType {
    static func make(in owner: PyObj) throws(Raised) -> PyObj {
        try makeType(
            "psycopg2.extensions.lobject", in: owner, size: MemoryLayout<apus_lobject>.size,
            flags: apus_flag_subclass | apus_flag_collected,
            [
                .doc("lobject(conn, oid=0, mode='', new_oid=0, new_file=None): a large object."),
                .initialize { me, arguments, keywords in
                    succeed { () throws(Raised) in
                        try LargeObjectType.initialize(
                            receiver(me),
                            Arguments(
                                "lobject", ["conn", "oid", "mode", "new_oid", "new_file"], required: 1,
                                tuple: arguments, dict: keywords))
                    }
                },
                .repr { me in
                    answer { () throws(Raised) in
                        let large = try LargeObject(me)
                        let address = String(UInt(bitPattern: large.object), radix: 16)
                        return try python("<lobject object at 0x\(address); closed: \(large.isClosed ? 1 : 0)>")
                    }
                },
                .traverse(apus_lobject_fields_traverse), .clear(apus_lobject_fields_clear),
                .dealloc { me in
                    guard let me else { return }
                    PyObject_GC_UnTrack(me)
                    if me.fields(apus_lobject.self).pointee.weak_references != nil { PyObject_ClearWeakRefs(me) }
                    // The descriptor goes with its transaction; a destructor must not talk to the server.
                    _ = apus_lobject_fields_clear(me)
                    apus_free(me)
                },
                .members(members), .properties(properties), .methods(methods),
            ])
    }

    private static func initialize(_ me: PyObj, _ given: Arguments) throws(Raised) {
        let connection = try given.required(0)
        guard apus_is_instance(connection, module.pointee.connection) != 0 else {
            throw raiseTypeError("argument 1 must be psycopg2.extensions.connection, not \(connection.typeName)")
        }
        let oid = try oid(given, 1)
        let wish = try given.unlessNone(2).map(text) ?? ""
        // What is new is there to be written: all that can be chosen is text or bytes.
        guard let asked = LargeObjectMode(wish),
            let mode = oid != 0 ? asked : LargeObjectMode(asked.isText ? "w" : "wb")
        else {
            throw raiseValueError("bad mode for lobject: '\(wish)'")
        }
        let fields = me.fields(apus_lobject.self)
        replace(&fields.pointee.connection, with: connection.retained())
        try replace(&fields.pointee.mode, with: python(mode.shown))
        try LargeObject(me).open(oid: oid, mode: mode, newOID: Self.oid(given, 3), file: given.unlessNone(4))
    }

    private static func oid(_ given: Arguments, _ index: Int) throws(Raised) -> UInt32 {
        let number = given.unlessNone(index) == nil ? 0 : try given.integer(index, default: 0)
        guard let oid = UInt32(exactly: number) else {
            throw raise(apus_exc_overflow(), "\(number) is no OID: those are 0 to \(UInt32.max)")
        }
        return oid
    }

    nonisolated(unsafe) private static let members = permanent(
        [
            .field("oid", "The OID of the large object.", \apus_lobject.oid, type: apus_member_unsigned),
            .field("mode", "What it was opened for.", \apus_lobject.mode),
            .field("__weaklistoffset__", "", \apus_lobject.weak_references, type: apus_member_offset),
        ] as [PyMemberDef], end: .end)

    nonisolated(unsafe) private static let properties = permanent(
        [
            .computed("closed", "Whether it is closed.") { me, _ in
                answer { () throws(Raised) in try python(LargeObject(me).isClosed) }
            }
        ] as [PyGetSetDef], end: .end)

    nonisolated(unsafe) private static let methods = permanent(
        [
            .fast("read", "read(size=-1): bytes or text, by the mode; to the end if size is negative.") {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments("read", ["size"], positional, count, keywords)
                    return try LargeObject(me).read(given.unlessNone(0) == nil ? -1 : given.integer(0, default: -1))
                }
            },
            .one("write", "write(data) -> int: writes bytes or text; returns how many bytes.") { me, data in
                answer { () throws(Raised) in try python(LargeObject(me).write(receiver(data))) }
            },
            .fast("seek", "seek(offset, whence=0) -> int: moves; returns the new position.") {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments("seek", ["offset", "whence"], required: 1, positional, count, keywords)
                    return try python(
                        LargeObject(me).seek(given.integer(0, default: 0), whence: given.integer(1, default: 0)))
                }
            },
            .plain("tell", "tell() -> int: the position.") { me, _ in
                answer { () throws(Raised) in try python(LargeObject(me).tell()) }
            },
            .fast("truncate", "truncate(len=0): cuts the content, or extends it with zeros.") {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments("truncate", ["len"], positional, count, keywords)
                    try LargeObject(me).truncate(given.integer(0, default: 0))
                    return none()
                }
            },
            .one("export", "export(filename): writes the content into a file on the client.") { me, path in
                answer { () throws(Raised) in
                    try LargeObject(me).export(receiver(path))
                    return none()
                }
            },
            .plain("close", "Closes it.") { me, _ in
                answer { () throws(Raised) in
                    try LargeObject(me).close()
                    return none()
                }
            },
            .plain("unlink", "Closes and deletes it.") { me, _ in
                answer { () throws(Raised) in
                    try LargeObject(me).unlink()
                    return none()
                }
            },
        ] as [PyMethodDef], end: .end)
}

extension Connection {
    /// `connection.lobject(…)`
    func makeLargeObject(_ given: Arguments) throws(Raised) -> PyObj {
        try checkOpen()
        try checkSynchronous("lobject")
        try checkNotPrepared("lobject")
        let factory = given.unlessNone(4) ?? module.pointee.lobject
        let arguments = try Owned(owned(PyTuple_New(5)))
        apus_tuple_set(arguments.object, 0, object.retained())
        for index in 0..<4 { apus_tuple_set(arguments.object, index + 1, (given[index] ?? apus_none()).retained()) }
        let made = try Owned(owned(PyObject_CallObject(factory, arguments.object)))
        guard apus_is_instance(made.object, module.pointee.lobject) != 0 else {
            throw raiseTypeError("lobject factory must be subclass of psycopg2.extensions.lobject")
        }
        return made.take()
    }
}
