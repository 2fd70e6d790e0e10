/// Where statements can be run: a connection, or a transaction on one.
public protocol ApusSession: AnyObject, Sendable {
    /// Runs a statement and returns its rows as they come.
    ///
    /// - Parameter timeout: how long the statement may take, from this call to the last row; `nil` for no limit.
    /// - Throws: ``ApusError``: the server's error, or ``ApusError/Code/cancelled``, ``ApusError/Code/timeout``,
    ///   ``ApusError/Code/connectionLost``, ``ApusError/Code/encoding``. An error that the server meets after the first
    ///   rows is thrown where the rows are read.
    func query(_ sql: SQL, timeout: Duration?, file: String, line: Int) async throws(ApusError) -> ApusRows

    /// Runs a statement whose rows, if it has any, are of no interest.
    ///
    /// - Parameter timeout: how long the statement may take; `nil` for no limit.
    /// - Returns: how the server says that it is done, with the number of rows it touched.
    /// - Throws: ``ApusError``, as ``query(_:timeout:file:line:)`` does.
    @discardableResult
    func execute(_ sql: SQL, timeout: Duration?, file: String, line: Int) async throws(ApusError) -> CommandTag

    /// Runs several statements in one text, separated by semicolons. Unless the text holds `BEGIN` and `COMMIT`, all
    /// of them are one transaction: an error undoes those before it. Rows are dropped, and nothing can be bound.
    ///
    /// - Parameter timeout: how long all of it may take; `nil` for no limit.
    func executeScript(_ text: String, timeout: Duration?, file: String, line: Int) async throws(ApusError)
}

extension ApusSession {
    /// Runs a statement and returns its rows as they come. See ``query(_:timeout:file:line:)``.
    public func query(_ sql: SQL, file: String = #fileID, line: Int = #line) async throws(ApusError) -> ApusRows {
        try await query(sql, timeout: nil, file: file, line: line)
    }

    /// Runs a statement that returns no rows of interest. See ``execute(_:timeout:file:line:)``.
    @discardableResult
    public func execute(
        _ sql: SQL, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> CommandTag {
        try await execute(sql, timeout: nil, file: file, line: line)
    }

    /// Runs several statements in one text. See ``executeScript(_:timeout:file:line:)``.
    public func executeScript(
        _ text: String, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) {
        try await executeScript(text, timeout: nil, file: file, line: line)
    }

    /// The first row as a tuple, or `nil` when there is none. The statement runs to its end, and an error that it
    /// meets after the first row is thrown; the other rows are not kept, but they are sent: `LIMIT 1` saves that.
    ///
    ///     let balance = try await connection.first("SELECT balance FROM account WHERE id = \(id)", as: Int.self)
    public func first<each Column: PostgresDecodable>(
        _ sql: SQL, as type: (repeat each Column).Type, timeout: Duration? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> (repeat each Column)? {
        guard let first = try await query(sql, timeout: timeout, file: file, line: line).first() else { return nil }
        let site = CallSite(file: file, line: line)
        let tuple: (repeat each Column) = try first.decode(repeat (each Column).self, site: site)
        return tuple
    }

    /// Every row as a tuple.
    public func all<each Column: PostgresDecodable>(
        _ sql: SQL, as type: (repeat each Column).Type, timeout: Duration? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> [(repeat each Column)] {
        let rows = try await query(sql, timeout: timeout, file: file, line: line)
        let site = CallSite(file: file, line: line)
        return try await DecodedRows<repeat each Column>(rows: rows, site: site).collect()
    }

    // A pack of one makes a tuple of one, which the compiler does not take for the type itself: hence these two.

    /// The only column of the first row, or `nil` when there is none. As for a tuple, the statement runs to its end.
    public func first<Value: PostgresDecodable>(
        _ sql: SQL, as type: Value.Type, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> Value? {
        let row = try await query(sql, timeout: timeout, file: file, line: line).first()
        return try row?.decode(type, site: CallSite(file: file, line: line))
    }

    /// The only column of every row.
    public func all<Value: PostgresDecodable>(
        _ sql: SQL, as type: Value.Type, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> [Value] {
        let rows = try await query(sql, timeout: timeout, file: file, line: line)
        let site = CallSite(file: file, line: line)
        var values: [Value] = []
        // As they come: rows that are kept would keep the memory of their batches.
        var iterator = rows.makeAsyncIterator()
        while let row = try await iterator.next() { values.append(try row.decode(type, site: site)) }
        return values
    }
}
