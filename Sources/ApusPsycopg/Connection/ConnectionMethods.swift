import ApusPQ
import CApusLibPQ
import CApusPython

/// The methods of `psycopg2.extensions.connection`.
enum ConnectionMethods {
    nonisolated(unsafe) static let table = permanent(
        [
            .fast("cursor", "cursor(name=None, cursor_factory=None, withhold=False, scrollable=None) -> a new cursor") {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    try Connection(me).makeCursor(
                        Arguments(
                            "cursor", ["name", "cursor_factory", "withhold", "scrollable"], positional, count, keywords)
                    )
                }
            },
            .plain("close", "Closes the connection.") { me, _ in
                run(me) { (connection) throws(Raised) in try connection.close() }
            },
            .plain("commit", "Commits the transaction.") { me, _ in
                run(me) { (connection) throws(Raised) in try connection.commit() }
            },
            .plain("rollback", "Rolls the transaction back.") { me, _ in
                run(me) { (connection) throws(Raised) in try connection.rollback() }
            },
            .plain("__enter__", "Begins a block that commits, or rolls back when it raises.") { me, _ in
                answer { () throws(Raised) in
                    let connection = try Connection(me)
                    try connection.enterBlock()
                    return connection.object.retained()
                }
            },
            .fast("__exit__", "Commits, or rolls back after an exception.") { me, positional, count, keywords in
                answer { () throws(Raised) in
                    let raised = count > 0 && positional?[0]?.isNone == false
                    try Connection(me).leaveBlock(raised: raised)
                    return none()
                }
            },
            .fast(
                "set_session",
                "set_session(isolation_level, readonly, deferrable, autocommit): settings of transactions."
            ) {
                me, positional, count, keywords in
                answer { () throws(Raised) in
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
                    return none()
                }
            },
            .fast("set_isolation_level", "set_isolation_level(level): 0 for autocommit, None for the default, 1 to 4.")
            {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments(
                        "set_isolation_level", ["level"], required: 1, positional, count, keywords)
                    try Connection(me).setIsolationLevel(given.required(0))
                    return none()
                }
            },
            .one("set_client_encoding", "set_client_encoding(encoding): sets the client encoding.") { me, name in
                answer { () throws(Raised) in
                    try Connection(me).setClientEncoding(text(of: receiver(name)))
                    return none()
                }
            },
            .plain("get_transaction_status", "The status of the transaction on the server.") { me, _ in
                answer { () throws(Raised) in
                    let status = try Connection(me).core.session?.transactionStatus ?? .unknown
                    return try python(Int(status.rawValue))
                }
            },
            .one("get_parameter_status", "get_parameter_status(name): a parameter that the server reports, or None.") {
                me, name in
                answer { () throws(Raised) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try connection.parameterStatus(receiver(name))
                }
            },
            .plain("get_dsn_parameters", "The connection's parameters, without the password.") { me, _ in
                answer { () throws(Raised) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try connection.parameters()
                }
            },
            .plain("get_backend_pid", "The number of the server process.") { me, _ in
                answer { () throws(Raised) in
                    let connection = try Connection(me)
                    try connection.checkOpen()
                    return try python(Int(connection.core.session?.backendPID ?? 0))
                }
            },
            .plain("reset", "Brings the session back to what it was when opened.") { me, _ in
                run(me) { (connection) throws(Raised) in try connection.reset() }
            },
            .plain("cancel", "Cancels the statement that runs.") { me, _ in
                run(me) { (connection) throws(Raised) in try connection.cancel() }
            },
            .plain("poll", "Goes on with an asynchronous operation: POLL_OK, POLL_READ or POLL_WRITE.") { me, _ in
                answer { () throws(Raised) in try python(Connection(me).poll()) }
            },
            .plain("fileno", "The descriptor to wait for.") { me, _ in
                answer { () throws(Raised) in try python(Connection(me).descriptor()) }
            },
            .plain("isexecuting", "Whether an asynchronous operation is under way.") { me, _ in
                answer { () throws(Raised) in
                    let core = try Connection(me).core
                    return python(core.exchange != nil || core.opening != nil)
                }
            },
        ] as [PyMethodDef] + twoPhase + native, end: .end)

    nonisolated(unsafe) private static let twoPhase: [PyMethodDef] = [
        .fast("xid", "xid(format_id, gtrid, bqual) -> Xid: an identifier for a two-phase transaction.") {
            me, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments(
                    "xid", ["format_id", "gtrid", "bqual"], required: 3, positional, count, keywords)
                let connection = try Connection(me)
                try connection.checkOpen()
                return try connection.makeXid(given)
            }
        },
        .fast("tpc_begin", "tpc_begin(xid): begins a two-phase transaction.") { me, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments("tpc_begin", ["xid"], required: 1, positional, count, keywords)
                try Connection(me).beginTwoPhase(given.required(0))
                return none()
            }
        },
        .plain("tpc_prepare", "The first phase: the transaction can be committed from here on, come what may.") {
            me, _ in
            run(me) { (connection) throws(Raised) in try connection.prepareTwoPhase() }
        },
        .fast("tpc_commit", "tpc_commit([xid]): commits the two-phase transaction, or a prepared one.") {
            me, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments("tpc_commit", ["xid"], positional, count, keywords)
                try Connection(me).endTwoPhase("tpc_commit", by: .commit, given[0])
                return none()
            }
        },
        .fast("tpc_rollback", "tpc_rollback([xid]): rolls the two-phase transaction back, or a prepared one.") {
            me, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments("tpc_rollback", ["xid"], positional, count, keywords)
                try Connection(me).endTwoPhase("tpc_rollback", by: .rollback, given[0])
                return none()
            }
        },
        .plain("tpc_recover", "The Xids of the transactions that are prepared on the server.") { me, _ in
            answer { () throws(Raised) in try Connection(me).recoverTwoPhase() }
        },
    ]

    nonisolated(unsafe) private static let native: [PyMethodDef] = [
        .fast("lobject", "lobject(oid=0, mode='', new_oid=0, new_file=None, lobject_factory=None) -> a large object") {
            me, positional, count, keywords in
            answer { () throws(Raised) in
                try Connection(me).makeLargeObject(
                    Arguments(
                        "lobject", ["oid", "mode", "new_oid", "new_file", "lobject_factory"], positional, count,
                        keywords))
            }
        },
        .plain("get_native_connection", "A capsule with libpq's PGconn, for C extensions.") { me, _ in
            answer { () throws(Raised) in
                let connection = try Connection(me)
                try connection.checkOpen()
                connection.core.isShared = true
                let name: StaticString = "psycopg2.connection.native_connection"
                return try owned(PyCapsule_New(connection.libpq.map { UnsafeMutableRawPointer($0) }, name.c, nil))
            }
        },
    ]

    private static func run(_ me: PyObj?, _ body: (Connection) throws(Raised) -> Void) -> PyObj? {
        answer { () throws(Raised) in
            try body(Connection(me))
            return none()
        }
    }
}

extension Connection {
    func makeCursor(_ given: Arguments) throws(Raised) -> PyObj {
        try checkOpen()
        let state = module
        if core.opening != nil {
            throw raise(state.pointee.operationalError, "asynchronous connection attempt underway")
        }
        let own = fields.pointee.cursor_factory.flatMap { $0.isNone ? nil : $0 }
        // It may put another factory in its place.
        let factory = Owned((given.unlessNone(1) ?? own ?? state.pointee.cursor).retained())
        let name = given.unlessNone(0)
        if name != nil, core.isAsynchronous {
            throw raise(state.pointee.programmingError, "asynchronous connections cannot produce named cursors")
        }
        // A factory gets the name in any case, None where there is none: its signature need not have a default.
        let made = try Owned(owned(apus_call2(factory.object, object, name ?? apus_none())))
        guard apus_is_instance(made.object, state.pointee.cursor) != 0 else {
            throw raiseTypeError("cursor factory must be subclass of psycopg2.extensions.cursor")
        }
        let cursor = made.object.fields(apus_cursor.self)
        // As in psycopg2: only False itself is what an unnamed cursor has already.
        if let withhold = given[2], withhold != apus_false() {
            guard name != nil else {
                throw raise(state.pointee.programmingError, "'withhold' can be specified only for named cursors")
            }
            let truth = PyObject_IsTrue(withhold)
            try check(truth)
            cursor.pointee.withhold = Int8(truth)
        }
        if let scrollable = given.unlessNone(3) {
            guard name != nil else {
                throw raise(state.pointee.programmingError, "'scrollable' can be specified only for named cursors")
            }
            let truth = PyObject_IsTrue(scrollable)
            try check(truth)
            cursor.pointee.scrollable = Int8(truth)
        }
        return made.take()
    }

    func setIsolationLevel(_ value: PyObj) throws(Raised) {
        try checkOpen()
        try checkSynchronous("set_isolation_level")
        try checkNotPrepared("set_isolation_level")
        var settings = core.transaction
        if value.isNone {
            settings.isolation = nil
            settings.autocommit = false
        } else {
            let level = PyLong_AsLong(value)
            if level == -1 && PyErr_Occurred() != nil { throw Raised() }
            guard (0...4).contains(level) else { throw raiseValueError("isolation level must be between 0 and 4") }
            settings.autocommit = level == 0
            // In autocommit the level stays for the transactions that come after it.
            if level != 0 { settings.isolation = TransactionSettings.Isolation(rawValue: level) }
        }
        // Unlike the properties, this call ends the transaction that is open.
        try end(by: .rollback)
        try set(settings, naming: [])
    }

    func setClientEncoding(_ name: String) throws(Raised) {
        try checkOpen()
        try checkSynchronous("set_client_encoding")
        try checkNotPrepared("set_client_encoding")
        // As psycopg2: what is so already ends no transaction.
        let name = ConnectionCore.Facts.shown(encoding: name)
        if name == core.session?.clientEncoding.map(ConnectionCore.Facts.shown) { return }
        try end(by: .rollback)
        let settings = core.transaction
        core.transaction.autocommit = true
        defer { core.transaction = settings }
        let before = core.session?.clientEncoding ?? "UTF8"
        // The server knows best which names there are; one that Python has no codec for is of no use all the same.
        do throws(Raised) {
            try command("SET client_encoding TO \(literal(name))")
            try collect()
        } catch {
            let exception = apus_take_exception()
            if core.closed == .open, core.session?.clientEncoding != before {
                do throws(Raised) { try command("SET client_encoding TO \(literal(before))") } catch { PyErr_Clear() }
            }
            if let exception { apus_give_exception(exception) }
            throw error
        }
    }

    /// The connection's parameters as a dict; no password.
    func parameters() throws(Raised) -> PyObj {
        let result = try Owned(owned(PyDict_New()))
        for parameter in core.session?.parameters ?? [] where parameter.keyword != "password" {
            let value = try Owned(python(parameter.value))
            try check(PyDict_SetItemString(result.object, parameter.keyword, value.object))
        }
        return result.take()
    }
}
