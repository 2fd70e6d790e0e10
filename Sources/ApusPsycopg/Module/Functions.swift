import ApusPQ
import ApusPython

extension Module {
    static let functions = Methods(
        functions: DateConstructors.functions + [
            .fast(
                "adapt", "(obj, proto=..., alt=None)",
                """
                Return the adapter of an object, an object whose `getquoted()` returns an SQL literal.

                - obj: the object.
                - proto: the protocol; `extensions.ISQLQuote` by default.
                - alt: what to return if there is no adapter; None, the default, to raise.

                Raises ProgrammingError if there is no adapter.

                    adapt("it's").getquoted()  # b"'it''s'"
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "adapt", ["obj", "proto", "alt"], required: 1, positional, count, keywords)
                    return try AdapterRegistry.adapt(
                        given.required(0), to: given[1] ?? module.pointee.isqlQuote, or: given.unlessNone(2))
                }
            },
            .fast(
                "new_type", "(values, name, castobj=None)",
                """
                Create a typecaster, which converts the text of a result to an object, and return it.

                - values: the OIDs of the types, a tuple of int.
                - name: the name of the typecaster, a str.
                - castobj: called with the text, a str or None for NULL, and the cursor; returns the object. None
                  returns the text.

                Raises TypeError for arguments of other types. `register_type()` puts the typecaster into use.

                    MONEY = new_type((790,), "MONEY", lambda text, cursor: text and Decimal(text.strip("$")))
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try Typecaster.makeNew(
                        Arguments("new_type", ["values", "name", "castobj"], required: 2, positional, count, keywords))
                }
            },
            .fast(
                "new_array_type", "(values, name, baseobj)",
                """
                Create a typecaster of arrays, which returns lists, and return it.

                - values: the OIDs of the array types, a tuple of int.
                - name: the name of the typecaster, a str.
                - baseobj: the typecaster of the elements.

                Raises TypeError for arguments of other types. `register_type()` puts the typecaster into use.
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try Typecaster.makeNewArray(
                        Arguments(
                            "new_array_type", ["values", "name", "baseobj"], required: 3, positional, count, keywords))
                }
            },
            .fast(
                "register_type", "(obj, conn_or_curs=None)",
                """
                Use a typecaster for the columns whose type has one of its OIDs.

                - obj: the typecaster.
                - conn_or_curs: a connection or a cursor to use it for; None, the default, for all connections.

                Raises TypeError for arguments of other types.
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "register_type", ["obj", "conn_or_curs"], required: 1, positional, count, keywords)
                    try Typecaster.register(given.required(0), for: given.unlessNone(1))
                    return PyRef.none
                }
            },
            .fast(
                "parse_dsn", "(dsn)",
                """
                Return the parameters of a connection string or URI as a dict of str.

                - dsn: a str.

                Raises ProgrammingError if it is not valid.

                    parse_dsn("dbname=shop user=me")  # {'dbname': 'shop', 'user': 'me'}
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("parse_dsn", ["dsn"], required: 1, positional, count, keywords)
                    return try DSN.dictionary(of: text(of: given.required(0), withoutNUL: "a connection string"))
                }
            },
            .one("_format_dsn", "(settings, /)", "Return a connection string with the parameters in a dict of str.") {
                _, settings in
                returningObject { () throws(PythonError) in try DSN.format(receiver(settings)) }
            },
            .fast(
                "quote_ident", "(ident, scope)",
                """
                Return an identifier in double quotes, as a str.

                - ident: the identifier, a str.
                - scope: a connection or a cursor, whose encoding is used.

                Raises TypeError for another scope, and InterfaceError if the connection is closed.

                    quote_ident("order", connection)  # '"order"'
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "quote_ident", ["ident", "scope"], required: 2, positional, count, keywords)
                    let name = try given.required(0)
                    let scope = try given.required(1)
                    let connection: Connection
                    if scope.isInstance(of: module.pointee.cursor) {
                        connection = try Cursor(scope).openConnection()
                    } else if scope.isInstance(of: module.pointee.connection) {
                        connection = try Connection(scope)
                    } else {
                        throw raiseTypeError("argument 2 must be a connection or a cursor")
                    }
                    return try PyRef(connection.identifier(text(of: name)))
                }
            },
            .fast(
                "encrypt_password", "(password, user, scope=None, algorithm=None)",
                """
                Return the hash of a password, a str, for ALTER USER, so that the statement does not contain the
                password.

                - password: the password, a str.
                - user: the name of the user, a str.
                - scope: a connection or a cursor of the server; None only if the algorithm is "md5".
                - algorithm: "md5" or "scram-sha-256"; None for the setting `password_encryption` of the server.

                Raises ProgrammingError for another algorithm.
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try PasswordHash.make(
                        Arguments(
                            "encrypt_password", ["password", "user", "scope", "algorithm"], required: 2, positional,
                            count,
                            keywords))
                }
            },
            .plain("libpq_version", "Return the version of the libpq in use as an int, such as 150018 for 15.18.") {
                _, _ in
                returningObject { () throws(PythonError) in try PyRef(PQLibrary.version) }
            },
            .one(
                "set_wait_callback", "(f, /)",
                """
                Wait for servers with a callback instead of blocking, on all connections. gevent and eventlet need
                it.

                - f: called with the connection, it calls `connection.poll()` until that returns POLL_OK; None to
                  block again.

                Raises TypeError if `f` is not callable.
                """
            ) { _, callback in
                returningObject { () throws(PythonError) in
                    let callback = try receiver(callback)
                    if !callback.isNone, !callback.isCallable {
                        throw raiseTypeError("the wait callback must be callable or None")
                    }
                    let old = module.pointee.waitCallback
                    module.pointee.waitCallback = callback.retained()
                    old.release()
                    return PyRef.none
                }
            },
            .plain(
                "cluster_status",
                """
                Return the nodes of all clusters as a list of dict. `psycopg2.apus.cluster_status()` returns them as
                objects.
                """
            ) { _, _ in
                returningObject { () throws(PythonError) in try ClusterStatus.list() }
            },
            .fast(
                "ping", "(connection, timeout=5.0)",
                """
                Check that the server answers: see `psycopg2.apus.ping()`.

                - connection: the connection.
                - timeout: seconds to wait for the answer, a number; None for 5.

                Raises ValueError for a timeout that is not positive, CommandTimeout if the server does not answer,
                and OperationalError if the connection is lost.
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "ping", ["connection", "timeout"], required: 1, positional, count, keywords)
                    let connection = try given.required(0)
                    guard connection.isInstance(of: module.pointee.connection) else {
                        throw raiseTypeError("argument 1 must be a connection")
                    }
                    let timeout = try given.unlessNone(1).map(ConnectionType.seconds) ?? .seconds(5)
                    guard timeout > .zero else { throw raiseValueError("timeout must be more than 0 seconds") }
                    try Connection(connection).ping(within: timeout)
                    return PyRef.none
                }
            },
            .plain(
                "balance_policies",
                """
                Return the load-balancing policies that connections were opened with.

                They are a list of tuples (load_balance, topology_keys, fallback_to_topology_keys_only), of two str
                and a bool.
                """
            ) { _, _ in
                returningObject { () throws(PythonError) in try ClusterStatus.policies() }
            },
            .plain("get_wait_callback", "Return the callback that `set_wait_callback()` set, or None.") { _, _ in
                module.pointee.waitCallback.retained()
            },
            .fast(
                "_connect", "(dsn, connection_factory=None, async_=0)",
                """
                Open a connection and return it. `psycopg2.connect()` calls it with the complete connection string.

                - dsn: the connection string or URI, a str.
                - connection_factory: called with the connection string; None for `extensions.connection`.
                - async_: True to pass 1 to the factory as the second argument, which makes an asynchronous
                  connection.
                """
            ) { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "_connect", ["dsn", "connection_factory", "async", "async_"], required: 1, positional, count,
                        keywords)
                    let old = try given.truth(2, default: false)
                    let asynchronous = try given.truth(3, default: old)
                    let dsn = try given.required(0)
                    let factory = given.unlessNone(1) ?? module.pointee.connection
                    // Parsed here for other factories, because only the driver's own class is known to parse the string
                    // before it does anything else.
                    if factory != module.pointee.connection {
                        _ = try DSN.parse(text(of: dsn, withoutNUL: "a connection string"))
                    }
                    // A synchronous connection passes only the string, because factories written for psycopg2 may
                    // accept nothing else.
                    guard asynchronous else { return try factory.call(dsn) }
                    let one = try PyRef(1)
                    return try factory.call(dsn, one.object)
                }
            },
        ])
}
