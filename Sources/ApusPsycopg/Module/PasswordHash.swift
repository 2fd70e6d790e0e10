import ApusPQ
import ApusPython
import ApusSessions

/// `psycopg2.extensions.encrypt_password`: hashes a password for ALTER USER, so that no statement contains the password
/// itself.
enum PasswordHash {
    static func make(_ given: Arguments) throws(PythonError) -> PyRef {
        // C code would read only up to a NUL, and hash another password.
        let password = try text(of: given.required(0), withoutNUL: "a password")
        let user = try text(of: given.required(1), withoutNUL: "the name of a user")
        let algorithm = try given.unlessNone(3).map { (name) throws(PythonError) in
            try text(of: name, withoutNUL: "the name of an algorithm")
        }
        guard let scope = given.unlessNone(2) else {
            guard algorithm == "md5" else {
                throw raise(
                    module.pointee.programmingError,
                    "password encryption (other than 'md5' algorithm) requires a connection or cursor")
            }
            let hash: String
            do { hash = try PQLibrary.md5Hash(of: password, user: user) } catch { throw raise(error) }
            return try PyRef(hash)
        }
        let connection = try connection(of: scope)
        let chosen: String
        if let algorithm { chosen = algorithm } else { chosen = try serversAlgorithm(connection) }
        return try PyRef(connection.hash(of: password, user: user, algorithm: chosen))
    }

    private static func connection(of scope: PyObj) throws(PythonError) -> Connection {
        if scope.isInstance(of: module.pointee.cursor) { return try Cursor(scope).openConnection() }
        guard scope.isInstance(of: module.pointee.connection) else {
            throw raiseTypeError("the scope must be a connection or a cursor")
        }
        let connection = try Connection(scope)
        try connection.checkOpen()
        return connection
    }

    private static func serversAlgorithm(_ connection: Connection) throws(PythonError) -> String {
        let exchange = try connection.perform(Exchange(Statement("SHOW password_encryption")), mayBegin: false)
        try connection.checkSuccess(exchange, cursor: nil)
        let value = exchange.result?.text(0, 0) ?? "md5"
        // Before PostgreSQL 14, the parameter could also be a boolean, which means md5.
        return value == "on" || value == "off" ? "md5" : value
    }
}

extension Connection {
    fileprivate func hash(of password: String, user: String, algorithm: String) throws(PythonError) -> String {
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
