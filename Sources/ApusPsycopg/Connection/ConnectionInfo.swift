import ApusPQ
import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.ConnectionInfo`: what libpq knows of a connection. It answers for closed connections too.
enum ConnectionInfo {
    static func makeType(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.ConnectionInfo", in: owner, size: MemoryLayout<apus_connection_info>.size,
            flags: [.subclassable, .collected],
            signature: "(conn)",
            doc: """
                Details of a connection, as libpq knows them. Use the attribute `connection.info` to get them.

                - conn: the connection. Unless it says otherwise, an attribute is available for a closed connection
                  too.

                Raises TypeError if `conn` is not a connection.
                """,
            [
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
                .properties(properties), .methods(methods),
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

    private static let properties = Properties(
        [
            .computed("dbname", "Name of the database; a str, None if the connection is closed.") { me, _ in
                string(me) { $0.session?.database }
            },
            .computed("user", "Name of the user; a str, None if the connection is closed.") { me, _ in
                string(me) { $0.session?.user }
            },
            .computed("password", "Password that was given; a str, None if the connection is closed.") { me, _ in
                string(me) { $0.session?.password }
            },
            .computed(
                "host", "Host of the server, or the directory of its socket; a str, None if the connection is closed."
            ) { me, _ in string(me) { $0.session?.host } },
            .computed(
                "host_addr", "IP address that the connection was made to; a str, None if the connection is closed."
            ) {
                me, _ in string(me) { $0.session?.hostAddress }
            },
            .computed("port", "Port of the server; an int, None if the connection is closed.") { me, _ in
                returningObject { () throws(PythonError) in
                    guard let port = try connection(me).core.session?.port.flatMap({ Int($0) }) else {
                        return PyRef.none
                    }
                    return try PyRef(port)
                }
            },
            .computed(
                "options",
                "Command-line options given in the connection request; a str, None if the connection is closed."
            ) { me, _ in
                string(me) { $0.session?.commandLineOptions }
            },
            .computed(
                "dsn_parameters",
                """
                Connection parameters in effect, without the password; a dict of str.

                Raises InterfaceError if the connection is closed.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in
                    let connection = try connection(me)
                    try connection.checkOpen()
                    return try connection.parameters()
                }
            },
            .computed(
                "status",
                "Status of the connection in libpq: 0 (CONNECTION_OK) or 1 (CONNECTION_BAD) once it is established."
            ) { me, _ in
                number(me) { $0.session?.connectionStatus ?? PQConnection.badStatus }
            },
            .computed(
                "transaction_status",
                "Transaction status of the session: a constant TRANSACTION_STATUS_* of `extensions`."
            ) { me, _ in
                number(me) { Int(($0.session?.transactionStatus ?? .unknown).rawValue) }
            },
            .computed(
                "protocol_version",
                "Version of the protocol between client and server: 3; 0 if the connection is closed."
            ) { me, _ in
                number(me) { $0.session?.protocolVersion ?? 0 }
            },
            .computed(
                "server_version",
                "Version of the server as an int, such as 150018 for 15.18; 0 if the connection is closed."
            ) { me, _ in
                number(me) { $0.session?.serverVersion ?? 0 }
            },
            .computed(
                "error_message", "Last error message of libpq on this connection; a str, None if there was no error."
            ) { me, _ in
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
            .computed(
                "socket", "File descriptor of the connection to the server; an int, -1 if the connection is closed."
            ) { me, _ in number(me) { Int($0.session?.descriptor ?? -1) }
            },
            .computed("backend_pid", "Process ID of the server process; an int, 0 if the connection is closed.") {
                me, _ in
                number(me) { Int($0.session?.backendPID ?? 0) }
            },
            .computed("needs_password", "True if the server asked for a password and none was given.") { me, _ in
                returningObject { () throws(PythonError) in
                    try PyRef(connection(me).core.session?.needsPassword ?? false)
                }
            },
            .computed("used_password", "True if a password was used to authenticate.") { me, _ in
                returningObject { () throws(PythonError) in
                    try PyRef(connection(me).core.session?.usedPassword ?? false)
                }
            },
            .computed("ssl_in_use", "True if the connection is encrypted with TLS.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(connection(me).core.session?.isEncrypted ?? false)
                }
            },
            .computed("ssl_attribute_names", "Names that `ssl_attribute()` accepts; a list of str.") { me, _ in
                returningObject { () throws(PythonError) in
                    let list = try PyRef(listOf: 0)
                    for name in try connection(me).core.session?.tlsAttributeNames ?? [] {
                        try list.object.append(PyRef(name))
                    }
                    return list
                }
            },
        ])

    private static let methods = Methods(
        [
            .one(
                "parameter_status", "(name, /)",
                """
                Return the current value of a parameter that the server reports, as a str; None for any other
                parameter.

                - name: a str, such as "server_version" or "TimeZone".
                """
            ) { me, name in
                returningObject { () throws(PythonError) in
                    try connection(me).parameterStatus(receiver(name))
                }
            },
            .one(
                "ssl_attribute", "(name, /)",
                """
                Return a property of the TLS encryption, as a str; None if it is unknown or the connection is not
                encrypted.

                - name: a str, such as "protocol" or "cipher": see `ssl_attribute_names`.
                """
            ) { me, name in
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
        ])
}
