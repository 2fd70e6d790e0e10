import ApusPQ
import CApusLibPQ
import CApusPython

/// `psycopg2.extensions.encrypt_password`: a password's hash, as ALTER USER takes it, so that the password itself is
/// never in a statement.
enum PasswordHash {
    static func make(_ given: Arguments) throws(Raised) -> PyObj {
        // What stands behind a NUL would not count: the hash would be that of another password.
        let password = try text(of: given.required(0), withoutNUL: "a password")
        let user = try text(of: given.required(1), withoutNUL: "the name of a user")
        let algorithm = try given.unlessNone(3).map { (name) throws(Raised) in
            try text(of: name, withoutNUL: "the name of an algorithm")
        }
        guard let scope = given.unlessNone(2) else {
            guard algorithm == "md5" else {
                throw raise(
                    module.pointee.programmingError,
                    "password encryption (other than 'md5' algorithm) requires a connection or cursor")
            }
            guard let hash = PQencryptPassword(password, user) else {
                PyErr_NoMemory()
                throw Raised()
            }
            defer { PQfreemem(hash) }
            return try python(c: hash)
        }
        let connection = try connection(of: scope)
        let chosen: String
        if let algorithm { chosen = algorithm } else { chosen = try serversAlgorithm(connection) }
        return try python(connection.hash(of: password, user: user, algorithm: chosen))
    }

    private static func connection(of scope: PyObj) throws(Raised) -> Connection {
        if apus_is_instance(scope, module.pointee.cursor) != 0 { return try Cursor(scope).openConnection() }
        guard apus_is_instance(scope, module.pointee.connection) != 0 else {
            throw raiseTypeError("the scope must be a connection or a cursor")
        }
        let connection = try Connection(scope)
        try connection.checkOpen()
        return connection
    }

    private static func serversAlgorithm(_ connection: Connection) throws(Raised) -> String {
        let exchange = try connection.perform(Exchange(Statement("SHOW password_encryption")), mayBegin: false)
        try connection.checkSuccess(exchange, cursor: nil)
        let value = exchange.result.flatMap { PQgetvalue($0, 0, 0) }.map { String(cString: $0) } ?? "md5"
        // Servers before 14 had a switch.
        return value == "on" || value == "off" ? "md5" : value
    }
}

extension Connection {
    fileprivate func hash(of password: String, user: String, algorithm: String) throws(Raised) -> String {
        let core = self.core
        var failure: PQError?
        let hash = try accessing { () -> String? in
            do throws(PQError) {
                return try core.session?.encrypted(password: password, user: user, algorithm: algorithm)
            } catch {
                failure = error
                return nil
            }
        }
        guard let hash else {
            throw raise(module.pointee.programmingError, failure?.message ?? "connection already closed")
        }
        return hash
    }
}
