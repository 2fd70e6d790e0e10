import ApusPQ
import CApusLibPQ
import CApusPython

/// `psycopg2.extensions.ConnectionInfo`: what libpq knows of a connection. It answers for closed connections too.
enum ConnectionInfo {
    static func makeType(in owner: PyObj) throws(Raised) -> PyObj {
        try ApusPsycopg.makeType(
            "psycopg2.extensions.ConnectionInfo", in: owner, size: MemoryLayout<apus_connection_info>.size,
            flags: apus_flag_subclass | apus_flag_collected,
            [
                .doc("Details about the native PostgreSQL connection."),
                .initialize { me, arguments, keywords in
                    succeed { () throws(Raised) in
                        let given = try Arguments(
                            "ConnectionInfo", ["conn"], required: 1, tuple: arguments, dict: keywords)
                        let connection = try given.required(0)
                        guard apus_is_instance(connection, module.pointee.connection) != 0 else {
                            throw raiseTypeError("The argument must be a psycopg2 connection")
                        }
                        let fields = try receiver(me).fields(apus_connection_info.self)
                        replace(&fields.pointee.connection, with: connection.retained())
                    }
                },
                .traverse(apus_connection_info_traverse), .clear(apus_connection_info_clear),
                .dealloc(apus_connection_info_dealloc),
                .properties(permanent(properties, end: .end)), .methods(permanent(methods, end: .end)),
            ])
    }

    /// The connection, of which only the Swift side is used: a second `__init__` may let go of the object meanwhile.
    private static func connection(_ me: PyObj?) throws(Raised) -> Connection {
        try Connection(receiver(me).fields(apus_connection_info.self).pointee.connection)
    }

    private static func string(_ me: PyObj?, _ read: (ConnectionCore) -> String?) -> PyObj? {
        answer { () throws(Raised) in
            guard let value = try read(connection(me).core) else { return none() }
            return try python(value)
        }
    }

    private static func number(_ me: PyObj?, _ read: (ConnectionCore) -> Int) -> PyObj? {
        answer { () throws(Raised) in try python(read(connection(me).core)) }
    }

    nonisolated(unsafe) private static let properties: [PyGetSetDef] = [
        .computed("dbname", "The database.") { me, _ in string(me) { $0.session?.database } },
        .computed("user", "The user.") { me, _ in string(me) { $0.session?.user } },
        .computed("password", "The password.") { me, _ in string(me) { $0.session?.password } },
        .computed("host", "The server's host.") { me, _ in string(me) { $0.session?.host } },
        .computed("host_addr", "The address that was reached.") { me, _ in string(me) { $0.session?.hostAddress } },
        .computed("port", "The server's port.") { me, _ in
            answer { () throws(Raised) in
                guard let port = try connection(me).core.session?.port.flatMap({ Int($0) }) else { return none() }
                return try python(port)
            }
        },
        .computed("options", "The command-line options of the connection.") { me, _ in
            string(me) { $0.session?.commandLineOptions }
        },
        .computed("dsn_parameters", "The parameters of the connection, without the password.") { me, _ in
            answer { () throws(Raised) in
                let connection = try connection(me)
                try connection.checkOpen()
                return try connection.parameters()
            }
        },
        .computed("status", "libpq's status of the connection.") { me, _ in
            number(me) { core in Int((core.libpq.map { PQstatus($0) } ?? CONNECTION_BAD).rawValue) }
        },
        .computed("transaction_status", "libpq's status of the transaction.") { me, _ in
            number(me) { Int(($0.session?.transactionStatus ?? .unknown).rawValue) }
        },
        .computed("protocol_version", "The version of the protocol.") { me, _ in
            number(me) { $0.session?.protocolVersion ?? 0 }
        },
        .computed("server_version", "The version of the server.") { me, _ in
            number(me) { $0.session?.serverVersion ?? 0 }
        },
        .computed("error_message", "libpq's last error message, or None.") { me, _ in
            answer { () throws(Raised) in
                let connection = try connection(me)
                let core = connection.core
                guard let said = try connection.accessing({ core.session?.errorText }) else {
                    return try python("connection pointer is NULL\n")
                }
                var message = said
                if let shifted = core.shiftedError, said.starts(with: shifted.said) {
                    message.replaceSubrange(..<shifted.said.count, with: shifted.shown)
                }
                return try message.isEmpty ? none() : core.encoding.decode(message)
            }
        },
        .computed("socket", "The descriptor of the socket.") { me, _ in number(me) { Int($0.session?.descriptor ?? -1) }
        },
        .computed("backend_pid", "The number of the server process.") { me, _ in
            number(me) { Int($0.session?.backendPID ?? 0) }
        },
        .computed("needs_password", "Whether a password was asked for and none was there.") { me, _ in
            answer { () throws(Raised) in try python(connection(me).core.session?.needsPassword ?? false) }
        },
        .computed("used_password", "Whether a password was used.") { me, _ in
            answer { () throws(Raised) in try python(connection(me).core.session?.usedPassword ?? false) }
        },
        .computed("ssl_in_use", "Whether the connection is encrypted.") { me, _ in
            answer { () throws(Raised) in try python(connection(me).core.session?.isEncrypted ?? false) }
        },
        .computed("ssl_attribute_names", "The names that ssl_attribute() knows.") { me, _ in
            answer { () throws(Raised) in
                let list = try Owned(owned(PyList_New(0)))
                var names = try connection(me).libpq.flatMap { PQsslAttributeNames($0) }
                while let current = names, let name = current.pointee {
                    let text = try Owned(python(c: name))
                    try check(PyList_Append(list.object, text.object))
                    names = current + 1
                }
                return list.take()
            }
        },
    ]

    nonisolated(unsafe) private static let methods: [PyMethodDef] = [
        .one("parameter_status", "parameter_status(name): a parameter that the server reports, or None.") { me, name in
            answer { () throws(Raised) in
                try connection(me).parameterStatus(receiver(name))
            }
        },
        .one("ssl_attribute", "ssl_attribute(name): a fact about the encryption, or None.") { me, name in
            answer { () throws(Raised) in
                let name = try text(of: receiver(name), withoutNUL: "the name of an attribute")
                let connection = try connection(me)
                let core = connection.core
                // TLS ends where another thread finds that the server has gone.
                let value = try connection.accessing {
                    core.libpq.flatMap { PQsslAttribute($0, name) }.map { String(cString: $0) }
                }
                return try value.map(python) ?? none()
            }
        },
    ]
}

extension ConnectionCore {
    /// libpq's connection, for looking; nil when closed.
    var libpq: OpaquePointer? { session?.pointer }
}

/// Makes the types of connections and what belongs to them.
func makeConnections(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(Raised) {
    state.pointee.connection = try ConnectionType.make(in: owner)
    try add(state.pointee.connection, as: "connection", to: owner)
    state.pointee.cursor = try CursorType.make(in: owner)
    try add(state.pointee.cursor, as: "cursor", to: owner)
    state.pointee.lobject = try LargeObjectType.make(in: owner)
    try add(state.pointee.lobject, as: "lobject", to: owner)
    state.pointee.replicationMessage = try ReplicationMessage.makeType(in: owner)
    try add(state.pointee.replicationMessage, as: "ReplicationMessage", to: owner)
    state.pointee.replicationCursor = try ReplicationCursorType.make(in: owner)
    try add(state.pointee.replicationCursor, as: "ReplicationCursor", to: owner)
    state.pointee.column = try Column.makeType(in: owner)
    try add(state.pointee.column, as: "Column", to: owner)
    state.pointee.notify = try makeNotifyType(in: owner)
    try add(state.pointee.notify, as: "Notify", to: owner)
    state.pointee.connectionInfo = try ConnectionInfo.makeType(in: owner)
    try add(state.pointee.connectionInfo, as: "ConnectionInfo", to: owner)
}
