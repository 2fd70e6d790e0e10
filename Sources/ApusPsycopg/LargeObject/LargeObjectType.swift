import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.lobject`
enum LargeObjectType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.lobject", in: owner, size: MemoryLayout<apus_lobject>.size,
            flags: [.subclassable, .collected],
            [
                .doc("lobject(conn, oid=0, mode='', new_oid=0, new_file=None): a large object."),
                .initialize { me, arguments, keywords in
                    returningStatus { () throws(PythonError) in
                        try LargeObjectType.initialize(
                            receiver(me),
                            Arguments(
                                "lobject", ["conn", "oid", "mode", "new_oid", "new_file"], required: 1,
                                tuple: arguments, dict: keywords))
                    }
                },
                .repr { me in
                    returningObject { () throws(PythonError) in
                        let large = try LargeObject(me)
                        let address = String(UInt(bitPattern: large.object), radix: 16)
                        return try PyRef("<lobject object at 0x\(address); closed: \(large.isClosed ? 1 : 0)>")
                    }
                },
                .traverse(apus_lobject_fields_traverse), .clear(apus_lobject_fields_clear),
                .dealloc { me in
                    guard let me else { return }
                    CycleCollector.forget(me)
                    if me.fields(apus_lobject.self).pointee.weak_references != nil { me.clearWeakReferences() }
                    // The descriptor ends with its transaction, because a destructor must not communicate with the
                    // server.
                    _ = apus_lobject_fields_clear(me)
                    me.free()
                },
                .members(members), .properties(properties), .methods(methods),
            ])
    }

    private static func initialize(_ me: PyObj, _ given: Arguments) throws(PythonError) {
        let connection = try given.required(0)
        guard connection.isInstance(of: module.pointee.connection) else {
            throw raiseTypeError("argument 1 must be psycopg2.extensions.connection, not \(connection.typeName)")
        }
        let oid = try oid(given, 1)
        let wish = try given.unlessNone(2).map(text) ?? ""
        // A new large object is opened for writing, whatever the mode says; only text or bytes can be chosen.
        guard let asked = LargeObjectMode(wish),
            let mode = oid != 0 ? asked : LargeObjectMode(asked.isText ? "w" : "wb")
        else {
            throw raiseValueError("bad mode for lobject: '\(wish)'")
        }
        let fields = me.fields(apus_lobject.self)
        replace(&fields.pointee.connection, with: PyRef(retaining: connection))
        try replace(&fields.pointee.mode, with: PyRef(mode.shown))
        try LargeObject(me).open(oid: oid, mode: mode, newOID: Self.oid(given, 3), file: given.unlessNone(4))
    }

    private static func oid(_ given: Arguments, _ index: Int) throws(PythonError) -> UInt32 {
        let number = given.unlessNone(index) == nil ? 0 : try given.integer(index, default: 0)
        guard let oid = UInt32(exactly: number) else {
            throw raise(Python.overflowError, "\(number) is no OID: those are 0 to \(UInt32.max)")
        }
        return oid
    }

    private static let members = Members(
        [
            .field("oid", "The OID of the large object.", \apus_lobject.oid, type: .unsigned),
            .field("mode", "What it was opened for.", \apus_lobject.mode),
            .field("__weaklistoffset__", "", \apus_lobject.weak_references, type: .offset),
        ])

    private static let properties = Properties(
        [
            .computed("closed", "Whether it is closed.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(LargeObject(me).isClosed) }
            }
        ])

    private static let methods = Methods(
        [
            .fast("read", "read(size=-1): bytes or text, by the mode; to the end if size is negative.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("read", ["size"], positional, count, keywords)
                    return try LargeObject(me).read(given.unlessNone(0) == nil ? -1 : given.integer(0, default: -1))
                }
            },
            .one("write", "write(data) -> int: writes bytes or text; returns how many bytes.") { me, data in
                returningObject { () throws(PythonError) in try PyRef(LargeObject(me).write(receiver(data))) }
            },
            .fast("seek", "seek(offset, whence=0) -> int: moves; returns the new position.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("seek", ["offset", "whence"], required: 1, positional, count, keywords)
                    return try PyRef(
                        LargeObject(me).seek(given.integer(0, default: 0), whence: given.integer(1, default: 0)))
                }
            },
            .plain("tell", "tell() -> int: the position.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(LargeObject(me).tell()) }
            },
            .fast("truncate", "truncate(len=0): cuts the content, or extends it with zeros.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("truncate", ["len"], positional, count, keywords)
                    try LargeObject(me).truncate(given.integer(0, default: 0))
                    return PyRef.none
                }
            },
            .one("export", "export(filename): writes the content into a file on the client.") { me, path in
                returningObject { () throws(PythonError) in
                    try LargeObject(me).export(receiver(path))
                    return PyRef.none
                }
            },
            .plain("close", "Closes it.") { me, _ in
                returningObject { () throws(PythonError) in
                    try LargeObject(me).close()
                    return PyRef.none
                }
            },
            .plain("unlink", "Closes and deletes it.") { me, _ in
                returningObject { () throws(PythonError) in
                    try LargeObject(me).unlink()
                    return PyRef.none
                }
            },
        ])
}

extension Connection {
    /// `connection.lobject(…)`
    func makeLargeObject(_ given: Arguments) throws(PythonError) -> PyRef {
        try checkOpen()
        try checkSynchronous("lobject")
        try checkNotPrepared("lobject")
        let factory = given.unlessNone(4) ?? module.pointee.lobject
        let arguments = try PyRef(tupleOf: 5)
        arguments.set(tupleItem: 0, to: PyRef(retaining: object))
        for index in 0..<4 { arguments.set(tupleItem: index + 1, to: PyRef(retaining: given[index] ?? Python.none)) }
        let made = try factory.call(arguments: arguments)
        guard made.object.isInstance(of: module.pointee.lobject) else {
            throw raiseTypeError("lobject factory must be subclass of psycopg2.extensions.lobject")
        }
        return made
    }
}
