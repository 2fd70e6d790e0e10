import CApusLibPQ

/// Quoting by libpq, which knows the connection's encoding and `standard_conforming_strings`.
extension PQConnection {
    /// A string literal, quotes included, as `PQescapeLiteral` writes it.
    public func literal(_ text: String) throws(PQError) -> String {
        var text = text
        return try owned(text.withUTF8 { Self.characters($0) { PQescapeLiteral(pointer, $0, $1) } })
    }

    /// An identifier, quotes included, as `PQescapeIdentifier` writes it.
    public func identifier(_ name: String) throws(PQError) -> String {
        var name = name
        return try owned(name.withUTF8 { Self.characters($0) { PQescapeIdentifier(pointer, $0, $1) } })
    }

    /// The hash of a password by the server's `password_encryption` or a named algorithm, as `ALTER USER` takes it.
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
