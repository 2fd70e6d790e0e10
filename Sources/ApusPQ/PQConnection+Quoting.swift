import ApusWaiting
import CApusLibPQ

/// Quoting by libpq, which follows the connection's encoding and `standard_conforming_strings`.
extension PQConnection {
    /// Quotes text as a string literal of SQL.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQESCAPELITERAL>
    /// - Returns: the literal with its quotes; it begins with ` E` where the text holds backslashes.
    /// - Throws: ``PQError/Kind/usage`` for text that is invalid in the client encoding.
    public func literal(_ text: String) throws(PQError) -> String {
        var text = text
        return try owned(text.withUTF8 { Self.characters($0) { PQescapeLiteral(pointer, $0, $1) } })
    }

    /// Quotes a name as an identifier of SQL.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQESCAPEIDENTIFIER>
    /// - Returns: the name between double quotes.
    /// - Throws: ``PQError/Kind/usage`` for a name that is invalid in the client encoding.
    public func identifier(_ name: String) throws(PQError) -> String {
        var name = name
        return try owned(name.withUTF8 { Self.characters($0) { PQescapeIdentifier(pointer, $0, $1) } })
    }

    /// Escapes text for a string literal, by libpq's own rules for the client encoding.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQESCAPESTRINGCONN>
    /// - Parameters:
    ///   - text: in the client encoding, without a zero byte.
    ///   - target: has room for twice as many bytes and one more.
    /// - Returns: the number of bytes written; a zero byte follows them.
    public func escape(_ text: UnsafeRawBufferPointer, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let source = text.baseAddress?.assumingMemoryBound(to: CChar.self)
        let target = UnsafeMutableRawPointer(target).assumingMemoryBound(to: CChar.self)
        return PQescapeStringConn(pointer, target, source, text.count, nil)
    }

    /// Whether a backslash in a plain string literal is an escape, because `standard_conforming_strings` is off.
    public var doublesBackslashes: Bool {
        if PQerrorMessage(pointer)?.pointee == 0 {
            // The quicker way. It makes libpq forget its last error, of which there is none.
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4) { target in
                PQescapeStringConn(pointer, target.baseAddress, "\\", 1, nil) == 2
            }
        }
        // After an error, which the caller may still ask for. For a server that does not report it, libpq assumes "off".
        return PQparameterStatus(pointer, "standard_conforming_strings").map { strcmp($0, "on") != 0 } ?? true
    }

    /// Hashes a password for `ALTER USER … PASSWORD`, so that the password itself is not sent.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN>
    /// - Parameters:
    ///   - password: the password in clear text.
    ///   - user: the name of the user that the password is for.
    ///   - algorithm: `scram-sha-256` or `md5`.
    /// - Throws: ``PQError/Kind/usage`` for another algorithm.
    public func encrypted(password: String, user: String, algorithm: String) throws(PQError) -> String {
        try owned(PQencryptPasswordConn(pointer, password, user, algorithm))
    }

    private static func characters<Result>(
        _ bytes: UnsafeBufferPointer<UInt8>, _ body: (UnsafePointer<CChar>?, Int) -> Result
    ) -> Result {
        bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress, $0.count) }
    }

    private func owned(_ text: UnsafeMutablePointer<CChar>?) throws(PQError) -> String {
        guard let text else { throw PQError(.usage, errorMessage) }
        defer { PQfreemem(text) }
        return String(cString: text)
    }
}
