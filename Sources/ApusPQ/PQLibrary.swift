import CApusLibPQ

/// What libpq can do without a connection.
public enum PQLibrary {
    /// libpq's version, as 150018 for 15.18.
    public static var version: Int { Int(PQlibVersion()) }

    /// Bytes in the escape format of `bytea`, with backslashes doubled as the last connection of the process needs it.
    /// See <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQESCAPEBYTEA>.
    /// - Parameter body: gets the text without quotes, which lives as long as the call.
    /// - Throws: ``PQError`` of kind `memory`.
    public static func withEscapedBytea(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(PQError) {
        var count = 0
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let text = PQescapeBytea(start, bytes.count, &count) else { throw PQError(.memory, "out of memory") }
        defer { PQfreemem(text) }
        // The count has the zero byte at the end.
        body(UnsafeRawBufferPointer(start: text, count: max(0, count - 1)))
    }

    /// A password's MD5 hash, as servers before PostgreSQL 14 kept it.
    /// - Throws: ``PQError`` of kind `memory`.
    public static func md5Hash(of password: String, user: String) throws(PQError) -> String {
        guard let hash = PQencryptPassword(password, user) else { throw PQError(.memory, "out of memory") }
        defer { PQfreemem(hash) }
        return String(cString: hash)
    }
}
