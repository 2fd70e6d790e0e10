import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

/// The methods of `psycopg2.extensions.connection`.
enum ConnectionMethods {
    static let table = Methods(
        [
            .fast(
                "cursor", "(name=None, cursor_factory=None, withhold=False, scrollable=None)",
                """
                Create a cursor and return it.

                - name: a str makes a named cursor, whose rows stay on the server until they are fetched; None, the
                  default, an ordinary one.
                - cursor_factory: the class, or another callable, that creates the cursor; None for
                  `connection.cursor_factory`. It is called with the connection and the name.
                - withhold: True lets a named cursor outlive its transaction.
                - scrollable: whether a named cursor can move backwards; None leaves it to the server.

                Raises InterfaceError if the connection is closed, ProgrammingError for a named cursor of an
                asynchronous connection, and for `withhold` or `scrollable` without a name.

                    with connection.cursor() as cursor:
                        cursor.execute("SELECT 1")
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try Connection(me).makeCursor(
                        Arguments(
                            "cursor", ["name", "cursor_factory", "withhold", "scrollable"], positional, count, keywords)
                    )
                }
            },
            .plain(
                "close",
                """
                Close the connection. The server rolls back the transaction that is open.

                It waits for a statement that another thread is executing. Closing a closed connection does nothing.
                Every other use of a closed connection raises InterfaceError.
                """
            ) { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.close() }
            },
            .plain(
                "commit",
                """
                Commit the transaction. Without a transaction, do nothing.

                Raises InterfaceError if the connection is closed, ProgrammingError in asynchronous mode or during a
                two-phase transaction, and the error of the server if the transaction cannot be committed.
                """
            ) { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.commit() }
            },
            .plain(
                "rollback",
                """
                Roll back the transaction. Without a transaction, do nothing.

                Raises InterfaceError if the connection is closed, and ProgrammingError in asynchronous mode or
                during a two-phase transaction.
                """
            ) { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.rollback() }
            },
            .plain(
                "__enter__",
                """
                Begin a `with` block, which is a transaction, and return the connection.

                At the end of the block, the transaction is committed, or rolled back if the block raised. The
                connection stays open. Raises ProgrammingError if the connection is in a `with` block already, or if
                a transaction is open in autocommit.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.enterBlock()
                    return PyRef(retaining: connection.object)
                }
            },
            .fast(
                "__exit__", "(type, value, traceback, /)",
                "End a `with` block: call `commit()`, or `rollback()` if the block raised."
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let raised = count > 0 && positional?[0]?.isNone == false
                    try Connection(me).leaveBlock(raised: raised)
                    return PyRef.none
                }
            },
            .fast(
                "set_session", "(isolation_level=None, readonly=None, deferrable=None, autocommit=None)",
                """
                Set properties of the next transactions. None leaves a property unchanged.

                - isolation_level: a constant ISOLATION_LEVEL_* from 1 to 4, or a name: "SERIALIZABLE",
                  "REPEATABLE READ", "READ COMMITTED", "READ UNCOMMITTED", or "DEFAULT" for the default of the server.
                - readonly: True, False, or "DEFAULT".
                - deferrable: True, False, or "DEFAULT". It matters for transactions that are serializable and
                  read-only.
                - autocommit: True if each statement is to be a transaction of its own.

                In autocommit, the first three set the session defaults on the server instead. Raises
                ProgrammingError inside a transaction, and ValueError for an invalid value.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "set_session", ["isolation_level", "readonly", "deferrable", "autocommit"], positional, count,
                        keywords)
                    let connection = try Connection(me)
                    try connection.checkSettable("set_session")
                    var settings = connection.core.transaction
                    var named: TransactionSettings.Names = []
                    if let value = given.unlessNone(0) {
                        settings.isolation = try Connection.isolation(value)
                        named.insert(.isolation)
                    }
                    if let value = given.unlessNone(1) {
                        settings.readonly = try Connection.state(value)
                        named.insert(.readonly)
                    }
                    if let value = given.unlessNone(2) {
                        settings.deferrable = try Connection.state(value)
                        named.insert(.deferrable)
                    }
                    if given.unlessNone(3) != nil { settings.autocommit = try given.truth(3, default: false) }
                    try connection.set(settings, naming: named)
                    return PyRef.none
                }
            },
            .fast(
                "set_isolation_level", "(level)",
                """
                Roll back the transaction, and set the isolation level of the next ones.

                - level: a constant ISOLATION_LEVEL_*: 0 for autocommit, 1 to 4, or None for the default of the
                  server.

                Raises ValueError for another number. To set `isolation_level` or `autocommit` inside a transaction
                raises an error instead of rolling it back.
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "set_isolation_level", ["level"], required: 1, positional, count, keywords)
                    try Connection(me).setIsolationLevel(given.required(0))
                    return PyRef.none
                }
            },
            .one(
                "set_client_encoding", "(encoding, /)",
                """
                Roll back the transaction, and set the encoding of text between client and server.

                - encoding: a str, the name of the encoding for the server, such as "UTF8" or "LATIN1".

                If the encoding is in use already, nothing happens. Raises the error of the server for an unknown
                encoding, and OperationalError for one that Python has no codec for.
                """
            ) { me, name in
                returningObject { () throws(PythonError) in
                    try Connection(me).setClientEncoding(text(of: receiver(name)))
                    return PyRef.none
                }
            },
            .plain(
                "get_transaction_status",
                """
                Return the transaction status of the session: a constant TRANSACTION_STATUS_* of
                `psycopg2.extensions`.

                The status is the one that the server sent last; nothing is sent. It is TRANSACTION_STATUS_UNKNOWN
                if the connection is closed.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let status = try Connection(me).core.session?.transactionStatus ?? .unknown
                    return try PyRef(Int(status.rawValue))
                }
            },
            .one(
                "get_parameter_status", "(parameter, /)",
                """
                Return the current value of a parameter that the server reports, as a str; None for any other
                parameter.

                - parameter: a str, such as "server_version", "TimeZone" or "standard_conforming_strings".

                Nothing is sent. Raises InterfaceError if the connection is closed.
                """
            ) { me, name in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try connection.parameterStatus(receiver(name))
                }
            },
            .plain(
                "get_dsn_parameters",
                """
                Return the connection parameters in effect, without the password, as a dict of str.

                Raises InterfaceError if the connection is closed.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try connection.parameters()
                }
            },
            .plain(
                "get_backend_pid",
                """
                Return the process ID of the server process of this session, an int.

                Raises InterfaceError if the connection is closed.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try PyRef(Int(connection.core.session?.backendPID ?? 0))
                }
            },
            .plain(
                "reset",
                """
                Roll back and return the session to its state after connecting.

                It executes DISCARD ALL, which resets settings and the role, and drops prepared statements,
                temporary tables, advisory locks and LISTENs. The properties of transactions get their defaults, so
                autocommit is off.
                """
            ) { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.reset() }
            },
            .plain(
                "cancel",
                """
                Ask the server to cancel the running statement. Any thread may call it, also while another one
                waits.

                The canceled statement raises QueryCanceledError where it was executed. Without a running statement,
                nothing happens. Raises OperationalError if the request cannot be delivered within 10 seconds.
                """
            ) { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.cancel() }
            },
            .plain(
                "poll",
                """
                Advance the asynchronous operation: opening the connection, or executing a statement.

                Returns POLL_OK if it is complete, else POLL_READ or POLL_WRITE: wait until `fileno()` is ready for
                reading or writing, then call `poll()` again. Raises the error of the operation if it failed.
                Without an operation, it reads the notifications that have arrived, and returns POLL_OK.

                    while (state := connection.poll()) != extensions.POLL_OK:
                        if state == extensions.POLL_READ:
                            select.select([connection], [], [])
                        else:
                            select.select([], [connection], [])
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).poll()) }
            },
            .plain(
                "fileno",
                """
                Return the file descriptor to wait for, an int, so that `select()` and event loops accept the
                connection.

                Raises InterfaceError if the connection is closed.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).descriptor()) }
            },
            .plain("isexecuting", "Return True while an asynchronous operation is in progress, else False.") { me, _ in
                returningObject { () throws(PythonError) in
                    let core = try Connection(me).core
                    return PyRef(core.exchange != nil || core.opening != nil)
                }
            },
        ] + twoPhase + native)

    private static let twoPhase: [Method] = [
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

    private static let native: [Method] = [
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

    private static func run(_ me: PyObj?, _ body: (Connection) throws(PythonError) -> Void) -> PyObj? {
        returningObject { () throws(PythonError) in
            try body(Connection(me))
            return PyRef.none
        }
    }
}

extension Connection {
    func makeCursor(_ given: Arguments) throws(PythonError) -> PyRef {
        try checkOpen()
        let state = module
        if core.opening != nil {
            throw raise(state.pointee.operationalError, "asynchronous connection attempt underway")
        }
        let own = fields.pointee.cursor_factory.flatMap { $0.isNone ? nil : $0 }
        // It may put another factory in its place.
        let factory = PyRef(retaining: given.unlessNone(1) ?? own ?? state.pointee.cursor)
        let name = given.unlessNone(0)
        if name != nil, core.isAsynchronous {
            throw raise(state.pointee.programmingError, "asynchronous connections cannot produce named cursors")
        }
        // A factory gets the name in any case, None where there is none: its signature need not have a default.
        let made = try factory.object.call(object, name ?? Python.none)
        guard made.object.isInstance(of: state.pointee.cursor) else {
            throw raiseTypeError("cursor factory must be subclass of psycopg2.extensions.cursor")
        }
        let cursor = made.object.fields(apus_cursor.self)
        // As in psycopg2: only False itself is what an unnamed cursor has already.
        if let withhold = given[2], !withhold.isFalseObject {
            guard name != nil else {
                throw raise(state.pointee.programmingError, "'withhold' can be specified only for named cursors")
            }
            let truth = try withhold.truth
            cursor.pointee.withhold = truth ? 1 : 0
        }
        if let scrollable = given.unlessNone(3) {
            guard name != nil else {
                throw raise(state.pointee.programmingError, "'scrollable' can be specified only for named cursors")
            }
            let truth = try scrollable.truth
            cursor.pointee.scrollable = truth ? 1 : 0
        }
        return made
    }

    func setIsolationLevel(_ value: PyObj) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("set_isolation_level")
        try checkNotPrepared("set_isolation_level")
        var settings = core.transaction
        if value.isNone {
            settings.isolation = nil
            settings.autocommit = false
        } else {
            let level = try value.integer
            guard (0...4).contains(level) else { throw raiseValueError("isolation level must be between 0 and 4") }
            settings.autocommit = level == 0
            // In autocommit the level stays for the transactions that come after it.
            if level != 0 { settings.isolation = TransactionSettings.Isolation(rawValue: level) }
        }
        // Unlike the properties, this call ends the transaction that is open.
        try endTransaction(by: .rollback)
        try set(settings, naming: [])
    }

    func setClientEncoding(_ name: String) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("set_client_encoding")
        try checkNotPrepared("set_client_encoding")
        // As psycopg2: what is so already ends no transaction.
        let name = ConnectionCore.Facts.shown(encoding: name)
        if name == core.session?.clientEncoding.map(ConnectionCore.Facts.shown) { return }
        try endTransaction(by: .rollback)
        let settings = core.transaction
        core.transaction.autocommit = true
        defer { core.transaction = settings }
        let before = core.session?.clientEncoding ?? "UTF8"
        // The server knows best which names there are; one that Python has no codec for is of no use all the same.
        do throws(PythonError) {
            try command("SET client_encoding TO \(literal(name))")
            try publishMessages()
        } catch {
            let exception = PendingException.take()
            if core.closed == .open, core.session?.clientEncoding != before {
                do throws(PythonError) { try command("SET client_encoding TO \(literal(before))") } catch {
                    PendingException.clear()
                }
            }
            if let exception { PendingException.restore(exception) }
            throw error
        }
    }

    /// The connection's parameters as a dict; no password.
    func parameters() throws(PythonError) -> PyRef {
        let result = try PyRef.dict()
        for parameter in core.session?.parameters ?? [] where parameter.keyword != "password" {
            let value = try PyRef(parameter.value)
            try result.object.set(parameter.keyword, to: value.object)
        }
        return result
    }
}
