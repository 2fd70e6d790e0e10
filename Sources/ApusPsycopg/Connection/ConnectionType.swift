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
            [
                .doc("connection(dsn, async_=0): a connection to a database."),
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
                .members(members), .properties(Properties(properties + exceptions)),
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
            .field("dsn", "The connection string, without a password.", \apus_connection.dsn),
            .field(
                "cursor_factory", "Makes the cursors that cursor() returns.", \apus_connection.cursor_factory,
                writable: true),
            .field(
                "notices", "The last messages that the server sent unasked.", \apus_connection.notices, writable: true),
            .field("notifies", "The notifications received.", \apus_connection.notifies, writable: true),
            .field("string_types", "Typecasters of this connection alone.", \apus_connection.string_types),
            .field(
                "binary_types", "Typecasters of this connection alone, for binary results.",
                \apus_connection.binary_types),
            .field("__weaklistoffset__", "", \apus_connection.weak_references, type: .offset),
        ])

    private static let properties: [Property] = [
        .computed("closed", "0 if open, 1 if closed, 2 if broken.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(Connection(me).core.closed.rawValue) }
        },
        .computed("encoding", "The client encoding.") { me, _ in
            returningObject { () throws(PythonError) in
                let core = try Connection(me).core
                // What libpq says is newer, unless the connection broke and this was not noticed yet.
                if core.closed == .open, let current = core.session?.clientEncoding, !current.isEmpty {
                    return try PyRef(ConnectionCore.Facts.shown(encoding: current))
                }
                return try core.facts.encoding.map(PyRef.init) ?? PyRef.none
            }
        },
        .computed("status", "The status of the transaction, as STATUS_READY, STATUS_BEGIN and so on.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(Connection(me).core.status.rawValue) }
        },
        .computed("async", "Whether the connection is asynchronous.", get: isAsynchronous),
        .computed("async_", "Whether the connection is asynchronous.", get: isAsynchronous),
        .computed(
            "command_timeout",
            "Seconds to wait for an answer before the statement is canceled, and CommandTimeout raised; None for ever.",
            set: setCommandTimeout
        ) { me, _ in
            returningObject { () throws(PythonError) in
                guard let timeout = try Connection(me).core.commandTimeout else { return PyRef.none }
                return try PyRef(Double(timeout.clampedNanoseconds) / 1e9)
            }
        },
        .computed(
            "cancellation_timeout",
            "Seconds to wait for the answer to a statement that was canceled before the connection is closed.",
            set: setCancellationTimeout
        ) { me, _ in
            returningObject { () throws(PythonError) in
                let timeout = try Connection(me).core.cancellationTimeout
                return try PyRef(Double(timeout.clampedNanoseconds) / 1e9)
            }
        },
        .computed("protocol_version", "The version of the protocol.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(Connection(me).core.facts.protocolVersion) }
        },
        .computed("server_version", "The version of the server, as 150018 for 15.18.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(Connection(me).core.facts.serverVersion) }
        },
        .computed("info", "What is known of the connection, as a ConnectionInfo.") { me, _ in
            returningObject { () throws(PythonError) in try module.pointee.connectionInfo.call(receiver(me)) }
        },
        .computed("pgconn_ptr", "The address of libpq's PGconn, or None.") { me, _ in
            returningObject { () throws(PythonError) in
                let connection = try Connection(me)
                guard let pointer = connection.libpq else { return PyRef.none }
                connection.core.isShared = true
                return try PyRef(address: UnsafeMutableRawPointer(pointer))
            }
        },
        .computed("autocommit", "Whether each statement is a transaction of its own.", set: setAutocommit) { me, _ in
            returningObject { () throws(PythonError) in try PyRef(Connection(me).core.transaction.autocommit) }
        },
        .computed(
            "isolation_level", "The isolation level of new transactions; None is the server's default.",
            set: setIsolation
        ) {
            me, _ in
            returningObject { () throws(PythonError) in
                guard let level = try Connection(me).core.transaction.isolation else { return PyRef.none }
                return try PyRef(level.rawValue)
            }
        },
        .computed("readonly", "Whether new transactions are read-only; None is the server's default.", set: setReadonly)
        { me, _ in
            returningObject { () throws(PythonError) in
                try Connection(me).core.transaction.readonly.map(PyRef.init) ?? PyRef.none
            }
        },
        .computed(
            "deferrable", "Whether new transactions are deferrable; None is the server's default.", set: setDeferrable
        ) {
            me, _ in
            returningObject { () throws(PythonError) in
                try Connection(me).core.transaction.deferrable.map(PyRef.init) ?? PyRef.none
            }
        },
    ]

    private static let isAsynchronous: Getter = { me, _ in
        returningObject { () throws(PythonError) in try PyRef(Connection(me).core.isAsynchronous ? 1 : 0) }
    }

    /// PEP 249's optional extension: the exceptions as attributes.
    private static let exceptions: [Property] = [
        .computed("Warning", "") { _, _ in module.pointee.warning.retained() },
        .computed("Error", "") { _, _ in module.pointee.error.retained() },
        .computed("InterfaceError", "") { _, _ in module.pointee.interfaceError.retained() },
        .computed("DatabaseError", "") { _, _ in module.pointee.databaseError.retained() },
        .computed("DataError", "") { _, _ in module.pointee.dataError.retained() },
        .computed("OperationalError", "") { _, _ in module.pointee.operationalError.retained() },
        .computed("IntegrityError", "") { _, _ in module.pointee.integrityError.retained() },
        .computed("InternalError", "") { _, _ in module.pointee.internalError.retained() },
        .computed("ProgrammingError", "") { _, _ in module.pointee.programmingError.retained() },
        .computed("NotSupportedError", "") { _, _ in module.pointee.notSupportedError.retained() },
    ]

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
