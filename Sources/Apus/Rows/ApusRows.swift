/// The rows that a statement returns, received while they are read.
///
/// The driver receives them in batches of some hundred kilobytes. While the program uses a batch, the driver reads one
/// or two ahead and then pauses, so that an answer of any size needs little memory. If other statements wait behind
/// this one on the same connection, the driver reads the rest without a pause, because their answers come after it.
///
///     for try await row in try await connection.query("SELECT id, name FROM person") {
///         let (id, name) = try row.decode((Int, String).self)
///     }
///
/// Rows can be read once, by one task at a time. If they are released before the end, the statement is executed to its
/// end, and the rows that are left are dropped. To stop the statement, cancel the task.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-single-row-mode.html>
public struct ApusRows: AsyncSequence, Sendable {
    public typealias Element = ApusRow
    public typealias Failure = ApusError

    let source: any RowStream

    /// The columns; none for a statement that returns no rows.
    public var columns: ApusColumns { source.columns }

    /// Makes an iterator. All iterators of the same rows read from the same stream.
    public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

    /// Reads the rows that are left into an array, whose memory is that of all their batches.
    /// - Throws: ``ApusError``, as the iterator does.
    public func collect() async throws(ApusError) -> [ApusRow] {
        var rows: [ApusRow] = []
        while let batch = try await source.nextBatch() {
            for index in 0..<batch.rowCount { rows.append(ApusRow(columns: columns, batch: batch, index: index)) }
        }
        return rows
    }

    /// The rows as tuples with one element per column.
    ///
    ///     for try await (id, name) in rows.decode((Int, String?).self) { … }
    ///
    /// - Parameters:
    ///   - type: the type of the tuples.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    public func decode<each Column: PostgresDecodable>(
        _ type: (repeat each Column).Type, file: String = #fileID, line: Int = #line
    ) -> DecodedRows<repeat each Column> {
        DecodedRows(rows: self, site: CallSite(file: file, line: line))
    }

    /// Drops the rows that are left, and waits for the end of the statement.
    /// - Returns: the server's command tag.
    /// - Throws: ``ApusError``, as the iterator does.
    @discardableResult
    public func drain() async throws(ApusError) -> CommandTag {
        try await source.discardRest()
        return source.tag ?? CommandTag("")
    }

    /// The first row, at the end of the statement; the other rows are dropped. An error after the first row is thrown,
    /// because a statement that failed has no result.
    func first() async throws(ApusError) -> ApusRow? {
        guard let batch = try await source.nextBatch() else { return nil }
        try await source.discardRest()
        return ApusRow(columns: columns, batch: batch, index: 0)
    }

    /// The iterator of ``ApusRows``.
    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline let source: any RowStream
        @usableFromInline var batch: RowBatch?
        @usableFromInline var index = 0

        fileprivate init(source: any RowStream) { self.source = source }

        /// Waits for the next row; `nil` at the end.
        /// - Throws: ``ApusError``: the server's error, or that of a cancellation, a time-out or a lost connection.
        @inlinable
        public mutating func next() async throws(ApusError) -> ApusRow? { try await next(isolation: #isolation) }

        /// Waits for the next row; `nil` at the end. `for try await` calls it.
        @inlinable
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(ApusError) -> ApusRow? {
            while true {
                if let row = nextOfBatch() { return row }
                batch = try await source.nextBatch()
                index = 0
                if batch == nil { return nil }
            }
        }

        @inlinable
        mutating func nextOfBatch() -> ApusRow? {
            guard let batch, index < batch.rowCount else { return nil }
            defer { index &+= 1 }
            return ApusRow(columns: source.columns, batch: batch, index: index)
        }
    }
}

/// The rows that a statement returns, as tuples. See ``ApusRows/decode(_:file:line:)``.
public struct DecodedRows<each Column: PostgresDecodable>: AsyncSequence, Sendable {
    public typealias Element = (repeat each Column)
    public typealias Failure = ApusError

    let rows: ApusRows
    let site: CallSite

    /// Makes an iterator. All iterators of the same rows read from the same stream.
    public func makeAsyncIterator() -> Iterator { Iterator(rows: rows.makeAsyncIterator(), site: site) }

    /// Reads the rows that are left into an array.
    /// - Throws: ``ApusError``, as the iterator does.
    public func collect() async throws(ApusError) -> [(repeat each Column)] {
        var tuples: [(repeat each Column)] = []
        var iterator = makeAsyncIterator()
        while let tuple = try await iterator.next() { tuples.append(tuple) }
        return tuples
    }

    /// The iterator of ``DecodedRows``.
    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline var rows: ApusRows.Iterator
        @usableFromInline let site: CallSite

        fileprivate init(rows: ApusRows.Iterator, site: CallSite) {
            self.rows = rows
            self.site = site
        }

        /// Waits for the next row, and reads it as a tuple; `nil` at the end.
        /// - Throws: ``ApusError/Code/decoding``, and what ``ApusRows/Iterator/next()`` throws.
        @inlinable
        public mutating func next() async throws(ApusError) -> (repeat each Column)? {
            try await next(isolation: #isolation)
        }

        /// Waits for the next row, and reads it as a tuple; `nil` at the end. `for try await` calls it.
        @inlinable
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ApusError) -> (repeat each Column)? {
            guard let row = try await rows.next(isolation: actor) else { return nil }
            let tuple: (repeat each Column) = try row.decode(repeat (each Column).self, site: site)
            return tuple
        }
    }
}
