import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting
import CApusPsycopg

/// `psycopg2.extensions.connection`
enum ConnectionType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.connection", in: owner, size: MemoryLayout<apus_connection>.size,
            flags: [.subclassable, .collected],
            signature: "(dsn, async_=0, lb_key='')",
            doc: """
                A session on a server, which `psycopg2.connect()` opens and returns.

                - dsn: the connection string or URI.
                - async_: True for an asynchronous connection, which is open when `poll()` returns POLL_OK.
                - lb_key: ignored, for programs written for psycopg2-yugabytedb.

                Subclasses can be passed to `connect()` as `connection_factory`. Threads may share a connection.
                Raises OperationalError if no server can be connected to, and ProgrammingError for an invalid
                connection string.
                """,
            [
                .new { type, _, _ in
                    returningObject { () throws(PythonError) in
                        let me = try PyRef(instanceOf: receiver(type))
                        let core = Unmanaged.passRetained(ConnectionCore())
                        me.object.fields(apus_connection.self).pointee.core = core.toOpaque()
                        return me
                    }
                },
                .initialize { me, arguments, keywords in
                    returningStatus { () throws(PythonError) in
                        try ConnectionType.initialize(receiver(me), arguments, keywords)
                    }
                },
                .repr { me in
                    returningObject { () throws(PythonError) in
                        let connection = try Connection(me)
                        let dsn = try connection.fields.pointee.dsn.map(text) ?? "<unintialized>"
                        let address = String(UInt(bitPattern: connection.object), radix: 16)
                        return try PyRef(
                            "<connection object at 0x\(address); dsn: '\(dsn)', closed: \(connection.core.closed.rawValue)>"
                        )
                    }
                },
                .traverse(apus_connection_fields_traverse), .clear(apus_connection_fields_clear),
                .dealloc { me in
                    guard let me else { return }
                    CycleCollector.forget(me)
                    let fields = me.fields(apus_connection.self)
                    if fields.pointee.weak_references != nil { me.clearWeakReferences() }
                    if let core = fields.pointee.core {
                        fields.pointee.core = nil
                        // The session ends here, unless close() ended it, and gives its count back.
                        Unmanaged<ConnectionCore>.fromOpaque(core).release()
                    }
                    _ = apus_connection_fields_clear(me)
                    me.free()
                },
                .members(members), .properties(properties),
                .methods(ConnectionMethods.table),
            ])
    }

    /// `__init__(dsn, async_=0)`. A second string is ignored: psycopg2-yugabytedb gave its factories one.
    private static func initialize(_ me: PyObj, _ arguments: PyObj?, _ keywords: PyObj?) throws(PythonError) {
        let connection = try Connection(me)
        let given = try Arguments(
            "connection", ["dsn", "async", "async_", "lb_key"], required: 1, tuple: arguments, dict: keywords)
        var asynchronous = false
        for index in 1...2 {
            guard let value = given.unlessNone(index), !value.isStr else { continue }
            let truth = try value.truth
            if truth { asynchronous = true }
        }
        try connection.checkNotOpened()
        let fields = connection.fields
        try replace(&fields.pointee.notices, with: PyRef(listOf: 0))
        try replace(&fields.pointee.notifies, with: PyRef(listOf: 0))
        try replace(&fields.pointee.string_types, with: PyRef.dict())
        try replace(&fields.pointee.binary_types, with: PyRef.dict())
        try connection.open(given.required(0), asynchronous: asynchronous)
    }

    private static let members = Members(
        [
            .field("dsn", "Connection string, with the password masked; a str.", \apus_connection.dsn),
            .field(
                "cursor_factory",
                "Class or callable that creates the cursors of `cursor()`; None for `extensions.cursor`.",
                \apus_connection.cursor_factory,
                writable: true),
            .field(
                "notices", "Most recent notices and warnings from the server, oldest first; a list of at most 50 str.",
                \apus_connection.notices, writable: true),
            .field(
                "notifies",
                "Notifications that have arrived, as Notify objects, oldest first; the program removes them.",
                \apus_connection.notifies, writable: true),
            .field(
                "string_types", "Typecasters of this connection only: a dict from OID to typecaster.",
                \apus_connection.string_types),
            .field(
                "binary_types",
                "Typecasters of this connection only, for results in binary format: a dict from OID to typecaster.",
                \apus_connection.binary_types),
            .field("__weaklistoffset__", "", \apus_connection.weak_references, type: .offset),
        ])

    private static let properties = Properties(
        [
            .computed("closed", "0 if the connection is open, 1 if it was closed, 2 if it broke.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).core.closed.rawValue) }
            },
            .computed("encoding", "Current client encoding, by the name that the server has for it; a str.") { me, _ in
                returningObject { () throws(PythonError) in
                    let core = try Connection(me).core
                    // What libpq says is newer, unless the connection broke and this was not noticed yet.
                    if core.closed == .open, let current = core.session?.clientEncoding, !current.isEmpty {
                        return try PyRef(ConnectionCore.Facts.shown(encoding: current))
                    }
                    return try core.facts.encoding.map(PyRef.init) ?? PyRef.none
                }
            },
            .computed(
                "status",
                """
                Status of the connection: STATUS_READY, STATUS_BEGIN inside a transaction, STATUS_PREPARED, and
                others.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).core.status.rawValue) }
            },
            .computed("async", "1 if the connection is asynchronous, else 0.", get: isAsynchronous),
            .computed("async_", "1 if the connection is asynchronous, else 0.", get: isAsynchronous),
            .computed(
                "command_timeout",
                """
                Time limit of each statement in seconds, a float; None, the default, for no limit.

                After that time the statement is canceled and CommandTimeout is raised. It applies to connections
                that block, and can be set to a number or a str. Raises ValueError for a number that is not
                positive.
                """,
                set: setCommandTimeout
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    guard let timeout = try Connection(me).core.commandTimeout else { return PyRef.none }
                    return try PyRef(Double(timeout.clampedNanoseconds) / 1e9)
                }
            },
            .computed(
                "cancellation_timeout",
                """
                Seconds to wait for the server to honour a cancel request, a float; 10 by default.

                After that time the connection is closed. Raises ValueError for a negative number.
                """,
                set: setCancellationTimeout
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let timeout = try Connection(me).core.cancellationTimeout
                    return try PyRef(Double(timeout.clampedNanoseconds) / 1e9)
                }
            },
            .computed("protocol_version", "Version of the protocol between client and server: 3.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).core.facts.protocolVersion) }
            },
            .computed("server_version", "Version of the server as an int, such as 150018 for 15.18.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).core.facts.serverVersion) }
            },
            .computed("info", "Details of the connection, as a ConnectionInfo.") { me, _ in
                returningObject { () throws(PythonError) in try module.pointee.connectionInfo.call(receiver(me)) }
            },
            .computed("pgconn_ptr", "Address of the `PGconn` of libpq, an int; None if the connection is closed.") {
                me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try Connection(me)
                    guard let pointer = connection.libpq else { return PyRef.none }
                    connection.core.isShared = true
                    return try PyRef(address: UnsafeMutableRawPointer(pointer))
                }
            },
            .computed(
                "autocommit",
                """
                True if each statement is a transaction of its own, else False, the default.

                Raises ProgrammingError when set inside a transaction.
                """,
                set: setAutocommit
            ) { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Connection(me).core.transaction.autocommit) }
            },
            .computed(
                "isolation_level",
                """
                Isolation level of new transactions: a constant ISOLATION_LEVEL_*; None for the default of the
                server.

                It can be set to a constant from 1 to 4, None, or a name such as "SERIALIZABLE". Raises
                ProgrammingError when set inside a transaction, and ValueError for an invalid level.
                """,
                set: setIsolation
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    guard let level = try Connection(me).core.transaction.isolation else { return PyRef.none }
                    return try PyRef(level.rawValue)
                }
            },
            .computed(
                "readonly",
                """
                True if new transactions are read-only, False if not, None for the default of the server.

                Raises ProgrammingError when set inside a transaction.
                """,
                set: setReadonly
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    try Connection(me).core.transaction.readonly.map(PyRef.init) ?? PyRef.none
                }
            },
            .computed(
                "deferrable",
                """
                True if new transactions are deferrable, False if not, None for the default of the server.

                Raises ProgrammingError when set inside a transaction.
                """,
                set: setDeferrable
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    try Connection(me).core.transaction.deferrable.map(PyRef.init) ?? PyRef.none
                }
            },
        ] + exceptions)

    private static let isAsynchronous: Getter = { me, _ in
        returningObject { () throws(PythonError) in try PyRef(Connection(me).core.isAsynchronous ? 1 : 0) }
    }

    /// PEP 249's optional extension: the exceptions as attributes.
    private static var exceptions: [Property] {
        [
            .computed("Warning", "The class `psycopg2.Warning`.") { _, _ in module.pointee.warning.retained() },
            .computed("Error", "The class `psycopg2.Error`.") { _, _ in module.pointee.error.retained() },
            .computed("InterfaceError", "The class `psycopg2.InterfaceError`.") { _, _ in
                module.pointee.interfaceError.retained()
            },
            .computed("DatabaseError", "The class `psycopg2.DatabaseError`.") { _, _ in
                module.pointee.databaseError.retained()
            },
            .computed("DataError", "The class `psycopg2.DataError`.") { _, _ in module.pointee.dataError.retained() },
            .computed("OperationalError", "The class `psycopg2.OperationalError`.") { _, _ in
                module.pointee.operationalError.retained()
            },
            .computed("IntegrityError", "The class `psycopg2.IntegrityError`.") { _, _ in
                module.pointee.integrityError.retained()
            },
            .computed("InternalError", "The class `psycopg2.InternalError`.") { _, _ in
                module.pointee.internalError.retained()
            },
            .computed("ProgrammingError", "The class `psycopg2.ProgrammingError`.") { _, _ in
                module.pointee.programmingError.retained()
            },
            .computed("NotSupportedError", "The class `psycopg2.NotSupportedError`.") { _, _ in
                module.pointee.notSupportedError.retained()
            },
        ]
    }

    // MARK: Settings

    private static func set(
        _ name: TransactionSettings.Names, _ me: PyObj?, _ value: PyObj?,
        _ change: (inout TransactionSettings, PyObj) throws(PythonError) -> Void
    ) -> Int32 {
        returningStatus { () throws(PythonError) in
            let connection = try Connection(me)
            guard let value else { throw raise(Python.attributeError, "the attribute cannot be deleted") }
            try connection.checkSettable("set_session")
            var settings = connection.core.transaction
            try change(&settings, value)
            try connection.set(settings, naming: name)
        }
    }

    private static let setCommandTimeout: Setter = { me, value, _ in
        returningStatus { () throws(PythonError) in
            let connection = try Connection(me)
            guard let value else { throw raise(Python.attributeError, "the attribute cannot be deleted") }
            if value.isNone {
                connection.core.commandTimeout = nil
                return
            }
            try connection.checkSynchronous("command_timeout")
            let timeout = try seconds(value)
            guard timeout > .zero else { throw raiseValueError("command_timeout must be more than 0 seconds, or None") }
            connection.core.commandTimeout = timeout
        }
    }
    private static let setCancellationTimeout: Setter = { me, value, _ in
        returningStatus { () throws(PythonError) in
            let connection = try Connection(me)
            guard let value else { throw raise(Python.attributeError, "the attribute cannot be deleted") }
            let timeout = try seconds(value)
            guard timeout >= .zero else { throw raiseValueError("cancellation_timeout must not be negative") }
            connection.core.cancellationTimeout = timeout
        }
    }

    /// Reads a number of seconds, or what `float()` makes one of; infinity is more than a life.
    static func seconds(_ value: PyObj) throws(PythonError) -> Duration {
        let number = try value.asFloat()
        let seconds = number.object.floatValue
        guard !seconds.isNaN else { throw raiseValueError("not a number of seconds") }
        return .nanoseconds(Int64(max(-1, min(seconds, 4e9)) * 1e9))
    }

    private static let setAutocommit: Setter = { me, value, _ in
        set([], me, value) { (settings, value) throws(PythonError) in
            let truth = try value.truth
            settings.autocommit = truth
        }
    }
    private static let setIsolation: Setter = { me, value, _ in
        set(.isolation, me, value) { (settings, value) throws(PythonError) in
            settings.isolation = try Connection.isolation(value)
        }
    }
    private static let setReadonly: Setter = { me, value, _ in
        set(.readonly, me, value) { (settings, value) throws(PythonError) in
            settings.readonly = try Connection.state(value)
        }
    }
    private static let setDeferrable: Setter = { me, value, _ in
        set(.deferrable, me, value) { (settings, value) throws(PythonError) in
            settings.deferrable = try Connection.state(value)
        }
    }
}

extension Connection {
    /// What a change of the transactions' settings demands.
    func checkSettable(_ call: StaticString) throws(PythonError) {
        try checkOpen()
        try checkSynchronous(call)
        try checkNotPrepared(call)
        try checkNoTransaction(call)
    }
}
