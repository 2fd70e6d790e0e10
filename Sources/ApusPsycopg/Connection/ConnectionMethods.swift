import ApusPQ
import ApusPython
import ApusSessions

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

    static func run(_ me: PyObj?, _ body: (Connection) throws(PythonError) -> Void) -> PyObj? {
        returningObject { () throws(PythonError) in
            try body(Connection(me))
            return PyRef.none
        }
    }
}
