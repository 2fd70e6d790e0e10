import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

/// The methods of `psycopg2.extensions.connection`.
enum ConnectionMethods {
    static let table = Methods(
        [
            .fast("cursor", "cursor(name=None, cursor_factory=None, withhold=False, scrollable=None) -> a new cursor") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    try Connection(me).makeCursor(
                        Arguments(
                            "cursor", ["name", "cursor_factory", "withhold", "scrollable"], positional, count, keywords)
                    )
                }
            },
            .plain("close", "Closes the connection.") { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.close() }
            },
            .plain("commit", "Commits the transaction.") { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.commit() }
            },
            .plain("rollback", "Rolls the transaction back.") { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.rollback() }
            },
            .plain("__enter__", "Begins a block that commits, or rolls back when it raises.") { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.enterBlock()
                    return PyRef(retaining: connection.object)
                }
            },
            .fast("__exit__", "Commits, or rolls back after an exception.") { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let raised = count > 0 && positional?[0]?.isNone == false
                    try Connection(me).leaveBlock(raised: raised)
                    return PyRef.none
                }
            },
            .fast(
                "set_session",
                "set_session(isolation_level, readonly, deferrable, autocommit): settings of transactions."
            ) {
                me, positional, count, keywords in
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
            .fast("set_isolation_level", "set_isolation_level(level): 0 for autocommit, None for the default, 1 to 4.")
            {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "set_isolation_level", ["level"], required: 1, positional, count, keywords)
                    try Connection(me).setIsolationLevel(given.required(0))
                    return PyRef.none
                }
            },
            .one("set_client_encoding", "set_client_encoding(encoding): sets the client encoding.") { me, name in
                returningObject { () throws(PythonError) in
                    try Connection(me).setClientEncoding(text(of: receiver(name)))
                    return PyRef.none
                }
            },
            .plain("get_transaction_status", "The status of the transaction on the server.") { me, _ in
                returningObject { () throws(PythonError) in
                    let status = try Connection(me).core.session?.transactionStatus ?? .unknown
                    return try PyRef(Int(status.rawValue))
                }
            },
            .one("get_parameter_status", "get_parameter_status(name): a parameter that the server reports, or None.") {
                me, name in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try connection.parameterStatus(receiver(name))
                }
            },
            .plain("get_dsn_parameters", "The connection's parameters, without the password.") { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try connection.parameters()
                }
            },
            .plain("get_backend_pid", "The number of the server process.") { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try PyRef(Int(connection.core.session?.backendPID ?? 0))
                }
            },
            .plain("reset", "Brings the session back to what it was when opened.") { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.reset() }
            },
            .plain("cancel", "Cancels the statement that runs.") { me, _ in
                run(me) { (connection) throws(PythonError) in try connection.cancel() }
            },
            .plain("poll", "Goes on with an asynchronous operation: POLL_OK, POLL_READ or POLL_WRITE.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).poll()) }
            },
            .plain("fileno", "The descriptor to wait for.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).descriptor()) }
            },
            .plain("isexecuting", "Whether an asynchronous operation is under way.") { me, _ in
                returningObject { () throws(PythonError) in
                    let core = try Connection(me).core
                    return PyRef(core.exchange != nil || core.opening != nil)
                }
            },
        ] + twoPhase + native)

    private static let twoPhase: [Method] = [
        .fast("xid", "xid(format_id, gtrid, bqual) -> Xid: an identifier for a two-phase transaction.") {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "xid", ["format_id", "gtrid", "bqual"], required: 3, positional, count, keywords)
                let connection = try Connection(me)
                try connection.checkOpen()
                return try connection.makeXid(given)
            }
        },
        .fast("tpc_begin", "tpc_begin(xid): begins a two-phase transaction.") { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("tpc_begin", ["xid"], required: 1, positional, count, keywords)
                try Connection(me).beginTwoPhase(given.required(0))
                return PyRef.none
            }
        },
        .plain("tpc_prepare", "The first phase: the transaction can be committed from here on, come what may.") {
            me, _ in
            run(me) { (connection) throws(PythonError) in try connection.prepareTwoPhase() }
        },
        .fast("tpc_commit", "tpc_commit([xid]): commits the two-phase transaction, or a prepared one.") {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("tpc_commit", ["xid"], positional, count, keywords)
                try Connection(me).endTwoPhase("tpc_commit", by: .commit, given[0])
                return PyRef.none
            }
        },
        .fast("tpc_rollback", "tpc_rollback([xid]): rolls the two-phase transaction back, or a prepared one.") {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("tpc_rollback", ["xid"], positional, count, keywords)
                try Connection(me).endTwoPhase("tpc_rollback", by: .rollback, given[0])
                return PyRef.none
            }
        },
        .plain("tpc_recover", "The Xids of the transactions that are prepared on the server.") { me, _ in
            returningObject { () throws(PythonError) in try Connection(me).recoverTwoPhase() }
        },
    ]

    private static let native: [Method] = [
        .fast("lobject", "lobject(oid=0, mode='', new_oid=0, new_file=None, lobject_factory=None) -> a large object") {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                try Connection(me).makeLargeObject(
                    Arguments(
                        "lobject", ["oid", "mode", "new_oid", "new_file", "lobject_factory"], positional, count,
                        keywords))
            }
        },
        .plain("get_native_connection", "A capsule with libpq's PGconn, for C extensions.") { me, _ in
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
