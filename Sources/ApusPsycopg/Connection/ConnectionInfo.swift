import ApusPQ
import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.ConnectionInfo`: what libpq knows of a connection. It answers for closed connections too.
enum ConnectionInfo {
    static func makeType(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.ConnectionInfo", in: owner, size: MemoryLayout<apus_connection_info>.size,
            flags: [.subclassable, .collected],
            [
                .doc("Details about the native PostgreSQL connection."),
                .initialize { me, arguments, keywords in
                    returningStatus { () throws(PythonError) in
                        let given = try Arguments(
                            "ConnectionInfo", ["conn"], required: 1, tuple: arguments, dict: keywords)
                        let connection = try given.required(0)
                        guard connection.isInstance(of: module.pointee.connection) else {
                            throw raiseTypeError("The argument must be a psycopg2 connection")
                        }
                        let fields = try receiver(me).fields(apus_connection_info.self)
                        replace(&fields.pointee.connection, with: PyRef(retaining: connection))
                    }
                },
                .traverse(apus_connection_info_traverse), .clear(apus_connection_info_clear),
                .dealloc(apus_connection_info_dealloc),
                .properties(Properties(properties)), .methods(Methods(methods)),
            ])
    }

    /// The connection, of which only the Swift side is used: a second `__init__` may let go of the object meanwhile.
    private static func connection(_ me: PyObj?) throws(PythonError) -> Connection {
        try Connection(receiver(me).fields(apus_connection_info.self).pointee.connection)
    }

    private static func string(_ me: PyObj?, _ read: (ConnectionCore) -> String?) -> PyObj? {
        returningObject { () throws(PythonError) in
            guard let value = try read(connection(me).core) else { return PyRef.none }
            return try PyRef(value)
        }
    }

    private static func number(_ me: PyObj?, _ read: (ConnectionCore) -> Int) -> PyObj? {
        returningObject { () throws(PythonError) in try PyRef(read(connection(me).core)) }
    }

    private static let properties: [Property] = [
        .computed("dbname", "The database.") { me, _ in string(me) { $0.session?.database } },
        .computed("user", "The user.") { me, _ in string(me) { $0.session?.user } },
        .computed("password", "The password.") { me, _ in string(me) { $0.session?.password } },
        .computed("host", "The server's host.") { me, _ in string(me) { $0.session?.host } },
        .computed("host_addr", "The address that was reached.") { me, _ in string(me) { $0.session?.hostAddress } },
        .computed("port", "The server's port.") { me, _ in
            returningObject { () throws(PythonError) in
                guard let port = try connection(me).core.session?.port.flatMap({ Int($0) }) else { return PyRef.none }
                return try PyRef(port)
            }
        },
        .computed("options", "The command-line options of the connection.") { me, _ in
            string(me) { $0.session?.commandLineOptions }
        },
        .computed("dsn_parameters", "The parameters of the connection, without the password.") { me, _ in
            returningObject { () throws(PythonError) in
                let connection = try connection(me)
                try connection.checkOpen()
                return try connection.parameters()
            }
        },
        .computed("status", "libpq's status of the connection.") { me, _ in
            number(me) { $0.session?.connectionStatus ?? PQConnection.badStatus }
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
            returningObject { () throws(PythonError) in
                let connection = try connection(me)
                let core = connection.core
                guard let said = try connection.accessing({ core.session?.errorText }) else {
                    return try PyRef("connection pointer is NULL\n")
                }
                var message = said
                if let shifted = core.shiftedError, said.starts(with: shifted.said) {
                    message.replaceSubrange(..<shifted.said.count, with: shifted.shown)
                }
                return try message.isEmpty ? PyRef.none : core.encoding.decode(message)
            }
        },
        .computed("socket", "The descriptor of the socket.") { me, _ in number(me) { Int($0.session?.descriptor ?? -1) }
        },
        .computed("backend_pid", "The number of the server process.") { me, _ in
            number(me) { Int($0.session?.backendPID ?? 0) }
        },
        .computed("needs_password", "Whether a password was asked for and none was there.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(connection(me).core.session?.needsPassword ?? false) }
        },
        .computed("used_password", "Whether a password was used.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(connection(me).core.session?.usedPassword ?? false) }
        },
        .computed("ssl_in_use", "Whether the connection is encrypted.") { me, _ in
            returningObject { () throws(PythonError) in try PyRef(connection(me).core.session?.isEncrypted ?? false) }
        },
        .computed("ssl_attribute_names", "The names that ssl_attribute() knows.") { me, _ in
            returningObject { () throws(PythonError) in
                let list = try PyRef(listOf: 0)
                for name in try connection(me).core.session?.tlsAttributeNames ?? [] {
                    try list.object.append(PyRef(name))
                }
                return list
            }
        },
    ]

    private static let methods: [Method] = [
        .one("parameter_status", "parameter_status(name): a parameter that the server reports, or None.") { me, name in
            returningObject { () throws(PythonError) in
                try connection(me).parameterStatus(receiver(name))
            }
        },
        .one("ssl_attribute", "ssl_attribute(name): a fact about the encryption, or None.") { me, name in
            returningObject { () throws(PythonError) in
                let name = try text(of: receiver(name), withoutNUL: "the name of an attribute")
                let connection = try connection(me)
                let core = connection.core
                // TLS ends where another thread finds that the server has gone.
                let value = try connection.accessing {
                    core.session?.tlsAttribute(name)
                }
                return try value.map(PyRef.init) ?? PyRef.none
            }
        },
    ]
}
