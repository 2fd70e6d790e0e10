/// A row that a statement returns. It retains the memory of its batch, some hundred kilobytes.
public struct ApusRow: Sendable {
    /// The columns, which all rows of the statement share.
    public let columns: ApusColumns
    @usableFromInline let batch: RowBatch
    @usableFromInline let index: Int

    @inlinable
    init(columns: ApusColumns, batch: RowBatch, index: Int) {
        self.columns = columns
        self.batch = batch
        self.index = index
    }

    /// Reads the row as a tuple with one element per column.
    ///
    ///     let (id, name) = try row.decode((Int, String?).self)
    ///
    /// - Parameters:
    ///   - type: the type of the tuple.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Throws: ``ApusError/Code/decoding`` with the column, its type and the type that was asked for; also if the
    ///   number of columns is another.
    @inlinable
    public func decode<each Column: PostgresDecodable>(
        _ type: (repeat each Column).Type = (repeat each Column).self, file: String = #fileID, line: Int = #line
    ) throws(ApusError) -> (repeat each Column) {
        try decode(repeat (each Column).self, site: CallSite(file: file, line: line))
    }

    @inlinable
    func decode<each Column: PostgresDecodable>(
        _ types: repeat (each Column).Type, site: CallSite
    ) throws(ApusError) -> (repeat each Column) {
        var wanted = 0
        for _ in repeat each types { wanted += 1 }
        guard wanted == columns.count else { throw countMismatch(wanted, site) }
        var column = 0
        return (repeat try next(each types, &column, site))
    }

    @usableFromInline
    func countMismatch(_ wanted: Int, _ site: CallSite) -> ApusError {
        ApusError(
            .decoding, "the row has \(columns.count) columns and is read as \(wanted)", file: site.file, line: site.line
        )
    }

    /// Reads one column by its index.
    ///
    ///     let name = try row.decode(String.self, at: 1)
    ///
    /// - Parameters:
    ///   - type: the type to read it as.
    ///   - column: the index of the column, counted from 0.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Throws: ``ApusError/Code/decoding``, also if there is no such column.
    public func decode<Value: PostgresDecodable>(
        _ type: Value.Type = Value.self, at column: Int, file: String = #fileID, line: Int = #line
    ) throws(ApusError) -> Value {
        guard columns.indices.contains(column) else {
            throw ApusError(
                .decoding, "there is no column \(column): the row has \(columns.count)", file: file, line: line)
        }
        return try value(column, CallSite(file: file, line: line))
    }

    /// Reads one column by its name.
    ///
    ///     let name = try row.decode(String.self, at: "name")
    ///
    /// - Parameters:
    ///   - type: the type to read it as.
    ///   - name: the name, compared byte by byte. If several columns have it, the first of them is read.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Throws: ``ApusError/Code/decoding``, also if there is no such column.
    public func decode<Value: PostgresDecodable>(
        _ type: Value.Type = Value.self, at name: String, file: String = #fileID, line: Int = #line
    ) throws(ApusError) -> Value {
        guard let column = columns.firstIndex(named: name) else {
            let names = columns.map(\.name).joined(separator: ", ")
            throw ApusError(.decoding, "there is no column \"\(name)\" among: \(names)", file: file, line: line)
        }
        return try value(column, CallSite(file: file, line: line))
    }

    @inlinable @inline(__always)
    func next<Value: PostgresDecodable>(
        _ type: Value.Type, _ column: inout Int, _ site: CallSite
    ) throws(ApusError) -> Value {
        defer { column += 1 }
        return try value(column, site)
    }

    @inlinable
    func value<Value: PostgresDecodable>(_ column: Int, _ site: CallSite) throws(ApusError) -> Value {
        do {
            // The bytes belong to the batch.
            return try withExtendedLifetime(batch) {
                guard let bytes = batch.cell(index, column) else { return try Value.decodeNull() }
                return try Value(decoding: PostgresCell(type: columns.types[column], bytes: bytes))
            }
        } catch {
            throw failure(error, column, site)
        }
    }

    @usableFromInline
    func failure(_ error: any Error, _ column: Int, _ site: CallSite) -> ApusError {
        let reason = (error as? ApusError)?.message ?? "\(error)"
        return ApusError(
            .decoding, "column \(column) \"\(columns[column].name)\" (\(columns[column].type)): \(reason)",
            underlying: (error as? ApusError)?.underlying, file: site.file, line: site.line)
    }
}

extension ApusRow: CustomStringConvertible {
    /// The names and types of the columns. Values are not shown, because they may be secrets.
    public var description: String {
        "(" + columns.map { "\($0.name): \($0.type)" }.joined(separator: ", ") + ")"
    }
}
