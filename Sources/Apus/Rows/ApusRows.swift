/// The rows that answer a statement, fetched as they are read.
///
/// They come in batches of some hundred kilobytes; while the program is busy with a batch, the next one or two are
/// fetched, and no more: an answer of any size needs little memory. (Where other statements wait behind this one on the
/// same connection, the rest is fetched without delay, for their sake.)
///
///     for try await row in try await connection.query("SELECT id, name FROM person") {
///         let (id, name) = try row.decode((Int, String).self)
///     }
///
/// Rows can be read once. Letting go of them before the end lets the statement run to its end and drops what is left;
/// cancel the task to stop the server's work.
public struct ApusRows: AsyncSequence, Sendable {
    public typealias Element = ApusRow
    public typealias Failure = ApusError

    let source: any RowStream

    /// The columns; empty for a statement that returns no rows.
    public var columns: ApusColumns { source.columns }

    public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

    /// Every row that is left, in an array.
    public func collect() async throws(ApusError) -> [ApusRow] {
        var rows: [ApusRow] = []
        while let batch = try await source.nextBatch() {
            for index in 0..<batch.rowCount { rows.append(ApusRow(columns: columns, batch: batch, index: index)) }
        }
        return rows
    }

    /// The rows as tuples.
    ///
    ///     for try await (id, name) in rows.decode((Int, String?).self) { … }
    public func decode<each Column: PostgresDecodable>(
        _ type: (repeat each Column).Type, file: String = #fileID, line: Int = #line
    ) -> DecodedRows<repeat each Column> {
        DecodedRows(rows: self, site: CallSite(file: file, line: line))
    }

    /// Reads to the end without keeping the rows, and returns how the server says that the command is done.
    @discardableResult
    public func drain() async throws(ApusError) -> CommandTag {
        try await source.dropRest()
        return source.tag ?? CommandTag("")
    }

    /// The first row, once the statement is done. Errors that the server meets after the row are thrown, because a
    /// statement that failed has no result; the rows after it are dropped as they come.
    func first() async throws(ApusError) -> ApusRow? {
        guard let batch = try await source.nextBatch() else { return nil }
        try await source.dropRest()
        return ApusRow(columns: columns, batch: batch, index: 0)
    }

    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline let source: any RowStream
        @usableFromInline var batch: RowBatch?
        @usableFromInline var index = 0

        fileprivate init(source: any RowStream) { self.source = source }

        @inlinable
        public mutating func next() async throws(ApusError) -> ApusRow? { try await next(isolation: #isolation) }

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

/// Rows as tuples: see ``ApusRows/decode(_:file:line:)``.
public struct DecodedRows<each Column: PostgresDecodable>: AsyncSequence, Sendable {
    public typealias Element = (repeat each Column)
    public typealias Failure = ApusError

    let rows: ApusRows
    let site: CallSite

    public func makeAsyncIterator() -> Iterator { Iterator(rows: rows.makeAsyncIterator(), site: site) }

    /// Every tuple that is left, in an array.
    public func collect() async throws(ApusError) -> [(repeat each Column)] {
        var tuples: [(repeat each Column)] = []
        var iterator = makeAsyncIterator()
        while let tuple = try await iterator.next() { tuples.append(tuple) }
        return tuples
    }

    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline var rows: ApusRows.Iterator
        @usableFromInline let site: CallSite

        fileprivate init(rows: ApusRows.Iterator, site: CallSite) {
            self.rows = rows
            self.site = site
        }

        @inlinable
        public mutating func next() async throws(ApusError) -> (repeat each Column)? {
            try await next(isolation: #isolation)
        }

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
