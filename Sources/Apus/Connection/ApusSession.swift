/// An object that executes statements: a connection, or a transaction on one.
public protocol ApusSession: AnyObject, Sendable {
    /// Executes a statement, and returns its rows as they are received.
    ///
    ///     let rows = try await connection.query("SELECT id, name FROM person WHERE born < \(date)")
    ///     for try await (id, name) in rows.decode((Int, String).self) { … }
    ///
    /// - Parameters:
    ///   - sql: the statement and its values.
    ///   - timeout: how long the statement may take, from this call to the last row; `nil` for no limit.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Returns: the rows, which can be read once; no rows for a statement that returns none.
    /// - Throws: ``ApusError/Code/server``, ``ApusError/Code/cancelled``, ``ApusError/Code/timeout``,
    ///   ``ApusError/Code/connectionLost``, ``ApusError/Code/connectionClosed``, ``ApusError/Code/encoding`` or
    ///   ``ApusError/Code/usage``. An error after the first rows is thrown where the rows are read.
    func query(_ sql: SQL, timeout: Duration?, file: String, line: Int) async throws(ApusError) -> ApusRows

    /// Executes a statement, and drops its rows, if it returns any.
    ///
    ///     let tag = try await connection.execute("DELETE FROM person WHERE id = \(id)")
    ///     print(tag.affectedRows ?? 0)
    ///
    /// - Parameters:
    ///   - sql: the statement and its values.
    ///   - timeout: how long the statement may take; `nil` for no limit.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Returns: the server's command tag, with the number of affected rows.
    /// - Throws: ``ApusError``, as ``query(_:timeout:file:line:)`` does.
    @discardableResult
    func execute(_ sql: SQL, timeout: Duration?, file: String, line: Int) async throws(ApusError) -> CommandTag

    /// Executes several statements in one text, separated by semicolons. Unless the text has `BEGIN` and `COMMIT`, they
    /// are one transaction, so that an error undoes those before it. Rows are dropped, and no values can be bound.
    ///
    /// Source: <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT>
    /// - Parameters:
    ///   - text: the statements. Text from outside the program must not be part of them.
    ///   - timeout: how long all of them may take together; `nil` for no limit.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Throws: ``ApusError``, as ``query(_:timeout:file:line:)`` does.
    func executeScript(_ text: String, timeout: Duration?, file: String, line: Int) async throws(ApusError)
}

extension ApusSession {
    /// Executes a statement without a time-out, and returns its rows. See ``query(_:timeout:file:line:)``.
    public func query(_ sql: SQL, file: String = #fileID, line: Int = #line) async throws(ApusError) -> ApusRows {
        try await query(sql, timeout: nil, file: file, line: line)
    }

    /// Executes a statement without a time-out, and drops its rows. See ``execute(_:timeout:file:line:)``.
    @discardableResult
    public func execute(
        _ sql: SQL, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> CommandTag {
        try await execute(sql, timeout: nil, file: file, line: line)
    }

    /// Executes several statements in one text, without a time-out. See ``executeScript(_:timeout:file:line:)``.
    public func executeScript(
        _ text: String, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) {
        try await executeScript(text, timeout: nil, file: file, line: line)
    }

    /// Executes a statement, and returns its first row as a tuple. The statement is executed to its end, and an error
    /// after the first row is thrown. The other rows are sent and dropped; `LIMIT 1` avoids that.
    ///
    ///     let person = try await connection.first(
    ///         "SELECT name, born FROM person WHERE id = \(id)", as: (String, Date?).self)
    ///
    /// - Parameters:
    ///   - sql: the statement and its values.
    ///   - type: the type of the tuple, with one element per column.
    ///   - timeout: how long the statement may take; `nil` for no limit.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Returns: `nil` if there is no row.
    /// - Throws: ``ApusError/Code/decoding``, and what ``query(_:timeout:file:line:)`` throws.
    public func first<each Column: PostgresDecodable>(
        _ sql: SQL, as type: (repeat each Column).Type, timeout: Duration? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> (repeat each Column)? {
        guard let first = try await query(sql, timeout: timeout, file: file, line: line).first() else { return nil }
        let site = CallSite(file: file, line: line)
        let tuple: (repeat each Column) = try first.decode(repeat (each Column).self, site: site)
        return tuple
    }

    /// Executes a statement, and returns all rows as tuples.
    ///
    ///     let people = try await connection.all("SELECT id, name FROM person", as: (Int, String).self)
    ///
    /// The parameters and errors are those of ``first(_:as:timeout:file:line:)``.
    public func all<each Column: PostgresDecodable>(
        _ sql: SQL, as type: (repeat each Column).Type, timeout: Duration? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> [(repeat each Column)] {
        let rows = try await query(sql, timeout: timeout, file: file, line: line)
        let site = CallSite(file: file, line: line)
        return try await DecodedRows<repeat each Column>(rows: rows, site: site).collect()
    }

    // These two overloads are needed because for the compiler a pack of one type is a tuple, not the type itself.

    /// Executes a statement, and returns the only column of its first row; `nil` if there is no row. The statement is
    /// executed to its end, as for a tuple.
    ///
    ///     let balance = try await connection.first("SELECT balance FROM account WHERE id = \(id)", as: Int.self)
    ///
    /// The parameters and errors are those of ``first(_:as:timeout:file:line:)``.
    public func first<Value: PostgresDecodable>(
        _ sql: SQL, as type: Value.Type, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> Value? {
        let row = try await query(sql, timeout: timeout, file: file, line: line).first()
        return try row?.decode(type, site: CallSite(file: file, line: line))
    }

    /// Executes a statement, and returns the only column of all rows.
    ///
    ///     let names = try await connection.all("SELECT name FROM person", as: String.self)
    ///
    /// The parameters and errors are those of ``first(_:as:timeout:file:line:)``.
    public func all<Value: PostgresDecodable>(
        _ sql: SQL, as type: Value.Type, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> [Value] {
        let rows = try await query(sql, timeout: timeout, file: file, line: line)
        let site = CallSite(file: file, line: line)
        var values: [Value] = []
        // Not by collect(), because rows in an array would keep the memory of their batches.
        var iterator = rows.makeAsyncIterator()
        while let row = try await iterator.next() { values.append(try row.decode(type, site: site)) }
        return values
    }
}
