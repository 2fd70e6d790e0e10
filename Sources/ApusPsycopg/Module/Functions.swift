import ApusPQ
import ApusPython

extension Module {
    static let functions = Methods(
        DateConstructors.functions + [
            .fast("adapt", "adapt(obj, protocol=ISQLQuote, alternate=None) -> an adapter of obj to the protocol") {
                _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "adapt", ["obj", "proto", "alt"], required: 1, positional, count, keywords)
                    return try AdapterRegistry.adapt(
                        given.required(0), to: given[1] ?? module.pointee.isqlQuote, or: given.unlessNone(2))
                }
            },
            .fast("new_type", "new_type(oids, name, castobj) -> a new typecaster") { _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try Typecaster.makeNew(
                        Arguments("new_type", ["values", "name", "castobj"], required: 2, positional, count, keywords))
                }
            },
            .fast("new_array_type", "new_array_type(oids, name, baseobj) -> a new typecaster of arrays") {
                _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try Typecaster.makeNewArray(
                        Arguments(
                            "new_array_type", ["values", "name", "baseobj"], required: 3, positional, count, keywords))
                }
            },
            .fast("register_type", "register_type(obj, conn_or_curs=None): uses a typecaster for its OIDs") {
                _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "register_type", ["obj", "conn_or_curs"], required: 1, positional, count, keywords)
                    try Typecaster.register(given.required(0), for: given.unlessNone(1))
                    return PyRef.none
                }
            },
            .fast("parse_dsn", "parse_dsn(dsn) -> dict of the parameters of a connection string") {
                _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("parse_dsn", ["dsn"], required: 1, positional, count, keywords)
                    return try DSN.dictionary(of: text(of: given.required(0), withoutNUL: "a connection string"))
                }
            },
            .one("_format_dsn", "_format_dsn(settings) -> str: a connection string of a dict of strings") {
                _, settings in
                returningObject { () throws(PythonError) in try DSN.format(receiver(settings)) }
            },
            .fast("quote_ident", "quote_ident(ident, conn_or_curs) -> str: an identifier in quotes") {
                _, positional, count, keywords in
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
                "encrypt_password",
                "encrypt_password(password, user, scope=None, algorithm=None) -> str: as ALTER USER takes it"
            ) {
                _, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try PasswordHash.make(
                        Arguments(
                            "encrypt_password", ["password", "user", "scope", "algorithm"], required: 2, positional,
                            count,
                            keywords))
                }
            },
            .plain("libpq_version", "libpq_version() -> int: the version of libpq") { _, _ in
                returningObject { () throws(PythonError) in try PyRef(PQLibrary.version) }
            },
            .one("set_wait_callback", "set_wait_callback(f): f(conn) waits for connections, in place of blocking") {
                _, callback in
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
            .plain("cluster_status", "cluster_status() -> list of dict: see psycopg2.apus") { _, _ in
                returningObject { () throws(PythonError) in try ClusterStatus.list() }
            },
            .fast("ping", "ping(connection, timeout=5.0): see psycopg2.apus") { _, positional, count, keywords in
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
            .plain("balance_policies", "balance_policies() -> list of tuple: see psycopg2.loadbalanceproperties") {
                _, _ in
                returningObject { () throws(PythonError) in try ClusterStatus.policies() }
            },
            .plain("get_wait_callback", "get_wait_callback() -> the wait callback, or None") { _, _ in
                module.pointee.waitCallback.retained()
            },
            .fast("_connect", "_connect(dsn, connection_factory=None, async_=0) -> a new connection") {
                _, positional, count, keywords in
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
