import ApusPython

/// The methods of two-phase commit, large objects, and C extensions.
extension ConnectionMethods {
    static let twoPhase: [Method] = [
        .fast(
            "xid", "(format_id, gtrid, bqual)",
            """
            Create a transaction identifier for `tpc_begin()`, and return it as an Xid.

            - format_id: an int from 0 to 2147483647.
            - gtrid: the global transaction identifier, a str of up to 64 printable ASCII characters.
            - bqual: the branch qualifier, a str of the same kind.

            Raises TypeError or ValueError for other values.
            """
        ) { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "xid", ["format_id", "gtrid", "bqual"], required: 3, positional, count, keywords)
                let connection = try Connection(me)
                try connection.checkOpen()
                return try connection.makeXid(given)
            }
        },
        .fast(
            "tpc_begin", "(xid)",
            """
            Begin a two-phase transaction.

            - xid: an Xid, or a str that identifies the transaction on the server.

            Raises ProgrammingError inside a transaction and in autocommit.

                connection.tpc_begin(connection.xid(1, "order-17", "stock"))
                cursor.execute("UPDATE stock SET amount = amount - 1")
                connection.tpc_prepare()
                connection.tpc_commit()
            """
        ) { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("tpc_begin", ["xid"], required: 1, positional, count, keywords)
                try Connection(me).beginTwoPhase(given.required(0))
                return PyRef.none
            }
        },
        .plain(
            "tpc_prepare",
            """
            Prepare the two-phase transaction, which is its first phase.

            A prepared transaction survives crashes and disconnects; only `tpc_commit()` and `tpc_rollback()`
            end it. Until then the connection executes no other statement. Raises ProgrammingError outside a
            two-phase transaction, and the error of the server if it cannot be prepared, in which case it is
            rolled back.
            """
        ) { me, _ in
            run(me) { (connection) throws(PythonError) in try connection.prepareTwoPhase() }
        },
        .fast(
            "tpc_commit", "(xid=...)",
            """
            Commit the two-phase transaction of this connection, prepared or not.

            - xid: an Xid or a str, to commit a transaction that any session prepared instead; it must be called
              outside a transaction.

            Raises ProgrammingError if there is no such transaction.
            """
        ) { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("tpc_commit", ["xid"], positional, count, keywords)
                try Connection(me).endTwoPhase("tpc_commit", by: .commit, given[0])
                return PyRef.none
            }
        },
        .fast(
            "tpc_rollback", "(xid=...)",
            """
            Roll back the two-phase transaction of this connection, prepared or not.

            - xid: an Xid or a str, to roll back a transaction that any session prepared instead; it must be
              called outside a transaction.

            Raises ProgrammingError if there is no such transaction.
            """
        ) { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("tpc_rollback", ["xid"], positional, count, keywords)
                try Connection(me).endTwoPhase("tpc_rollback", by: .rollback, given[0])
                return PyRef.none
            }
        },
        .plain("tpc_recover", "Return the transactions that are prepared on the server, as a list of Xid.") { me, _ in
            returningObject { () throws(PythonError) in try Connection(me).recoverTwoPhase() }
        },
    ]

    static let native: [Method] = [
        .fast(
            "lobject", "(oid=0, mode='', new_oid=0, new_file=None, lobject_factory=None)",
            """
            Open or create a large object, and return it as an lobject.

            - oid: the OID of the large object to open; 0, the default, creates one.
            - mode: a str: "r", "w" or "rw" for reading, writing or both, or "n" not to open it; followed by "t"
              for str, the default, or "b" for bytes. A new large object is opened for writing.
            - new_oid: the OID of a new large object; 0 lets the server choose one.
            - new_file: the path of a file on the client whose content becomes the content of a new large
              object.
            - lobject_factory: the class, or another callable, that creates the object; None for
              `extensions.lobject`.

            Raises ProgrammingError in autocommit, OperationalError if the server or the file refuses, and
            ValueError for an invalid mode.
            """
        ) { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                try Connection(me).makeLargeObject(
                    Arguments(
                        "lobject", ["oid", "mode", "new_oid", "new_file", "lobject_factory"], positional, count,
                        keywords))
            }
        },
        .plain(
            "get_native_connection",
            """
            Return a capsule with the `PGconn` of libpq, for C extensions.

            The capsule is named "psycopg2.connection.native_connection", and is valid until the connection is
            closed. Raises InterfaceError if the connection is closed.
            """
        ) { me, _ in
            returningObject { () throws(PythonError) in
                let connection = try Connection(me)
                try connection.checkOpen()
                connection.core.isShared = true
                let name: StaticString = "psycopg2.connection.native_connection"
                return try PyRef(capsule: connection.libpq.map { UnsafeMutableRawPointer($0) }, name: name)
            }
        },
    ]
}
