import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.lobject`
enum LargeObjectType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.lobject", in: owner, size: MemoryLayout<apus_lobject>.size,
            flags: [.subclassable, .collected],
            signature: "(conn, oid=0, mode='', new_oid=0, new_file=None)",
            doc: """
                A large object, which `connection.lobject()` opens or creates. It is valid until its transaction
                ends.

                - conn: the connection.
                - oid: the OID of the large object to open; 0, the default, creates one.
                - mode: a str: "r", "w" or "rw" for reading, writing or both, or "n" not to open it; followed by "t"
                  for str, the default, or "b" for bytes. A new large object is opened for writing.
                - new_oid: the OID of a new large object; 0 lets the server choose one.
                - new_file: the path of a file on the client whose content becomes the content of a new large
                  object.

                Raises ProgrammingError in autocommit, OperationalError if the server or the file refuses, and
                ValueError for an invalid mode.
                """,
            [
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
            .field("oid", "OID of the large object; an int.", \apus_lobject.oid, type: .unsigned),
            .field("mode", "Mode of access, such as \"rt\" or \"wb\"; a str.", \apus_lobject.mode),
            .field("__weaklistoffset__", "", \apus_lobject.weak_references, type: .offset),
        ])

    private static let properties = Properties(
        [
            .computed("closed", "True if the large object, or its connection, is closed.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(LargeObject(me).isClosed) }
            }
        ])

    private static let methods = Methods(
        [
            .fast(
                "read", "(size=-1)",
                """
                Read from the current position, and return a str, or bytes if the mode is binary.

                - size: the maximum number of bytes, an int; a negative number, or None, reads to the end.

                The result is empty at the end. Raises InterfaceError if it is closed, ProgrammingError if its
                transaction has ended, and OperationalError if the server refuses.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("read", ["size"], positional, count, keywords)
                    return try LargeObject(me).read(given.unlessNone(0) == nil ? -1 : given.integer(0, default: -1))
                }
            },
            .one(
                "write", "(data, /)",
                """
                Write at the current position, and return the number of bytes written.

                - data: a str, which is encoded with the client encoding, or bytes.

                Raises TypeError for other data, and the same errors as `read()`.
                """
            ) { me, data in
                returningObject { () throws(PythonError) in try PyRef(LargeObject(me).write(receiver(data))) }
            },
            .fast(
                "seek", "(offset, whence=0)",
                """
                Move to another position, and return it: the number of bytes from the beginning, an int.

                - offset: the number of bytes, an int.
                - whence: 0 to count from the beginning, 1 from the current position, 2 from the end.

                Raises the same errors as `read()`.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("seek", ["offset", "whence"], required: 1, positional, count, keywords)
                    return try PyRef(
                        LargeObject(me).seek(given.integer(0, default: 0), whence: given.integer(1, default: 0)))
                }
            },
            .plain(
                "tell",
                """
                Return the current position, the number of bytes from the beginning.

                Raises the same errors as `read()`.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(LargeObject(me).tell()) }
            },
            .fast(
                "truncate", "(len=0)",
                """
                Set the size of the large object, which must be open for writing.

                - len: the new size in bytes, an int. If it is larger than the current size, zero bytes are added.

                Raises the same errors as `read()`.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("truncate", ["len"], positional, count, keywords)
                    try LargeObject(me).truncate(given.integer(0, default: 0))
                    return PyRef.none
                }
            },
            .one(
                "export", "(filename, /)",
                """
                Write the content to a file on the client.

                - filename: the path of the file, a str. An existing file is replaced.

                Raises OperationalError if the file cannot be opened or the server refuses.
                """
            ) { me, path in
                returningObject { () throws(PythonError) in
                    try LargeObject(me).export(receiver(path))
                    return PyRef.none
                }
            },
            .plain(
                "close",
                "Close the large object. Closing it again does nothing; the end of the transaction closes it too."
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    try LargeObject(me).close()
                    return PyRef.none
                }
            },
            .plain(
                "unlink",
                """
                Close the large object and delete it from the database.

                Raises OperationalError if the server refuses.
                """
            ) { me, _ in
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
