import CApusLibPQ

/// The exclusive owner of a `PGresult`: it cannot leak, be copied, or be used after it is freed.
///
/// Reading is thread-safe, for libpq never changes a result that it has handed out. Bytes borrowed from it live as
/// long as the result.
@frozen
public struct PQResult: ~Copyable, @unchecked Sendable {
    /// libpq's result, for callers that need a call which this type does not offer. Never clear it.
    public let pointer: OpaquePointer

    /// Takes over a result.
    @inlinable
    public init(owning pointer: OpaquePointer) { self.pointer = pointer }

    @inlinable
    deinit { PQclear(pointer) }

    /// What the result is.
    @inlinable public var status: ResultStatus { ResultStatus(PQresultStatus(pointer)) }

    /// Whether the result is an error of the server or of the connection.
    @inlinable public var isError: Bool { status.isError }

    /// Gives the pointer away: the caller must `PQclear` it.
    @inlinable
    public consuming func release() -> OpaquePointer {
        let pointer = pointer
        discard self
        return pointer
    }

    /// The error, where ``isError``.
    public var error: PQError? {
        guard isError else { return nil }
        let message = ServerMessage(reading: pointer)
        let kind: PQError.Kind = message.sqlState == nil ? .connectionLost : .server
        return PQError(kind, message.text.isEmpty ? "no message from the server" : message.text, server: message)
    }

    // MARK: Shape

    @inlinable public var rowCount: Int { Int(PQntuples(pointer)) }
    @inlinable public var columnCount: Int { Int(PQnfields(pointer)) }

    /// The command's tag, such as `INSERT 0 1`; empty where there is none.
    public var commandTag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    /// Rows that the command touched, or `nil` where its tag has no number.
    public var affectedRows: Int? { PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } }

    // libpq answers a column that does not exist with nil, 0 or -1.

    /// A column's name in the connection's encoding.
    public func columnName(_ column: Int) -> String? {
        PQfname(pointer, Int32(clamping: column)).map { String(cString: $0) }
    }
    /// The OID of a column's type.
    @inlinable public func columnType(_ column: Int) -> UInt32 { PQftype(pointer, Int32(clamping: column)) }
    /// The server's size of a column's type in bytes; negative for variable sizes.
    @inlinable public func columnSize(_ column: Int) -> Int { Int(PQfsize(pointer, Int32(clamping: column))) }
    /// The type modifier, or -1.
    @inlinable public func columnModifier(_ column: Int) -> Int { Int(PQfmod(pointer, Int32(clamping: column))) }
    /// The OID of the table that a column comes from, or 0.
    @inlinable public func columnTable(_ column: Int) -> UInt32 { PQftable(pointer, Int32(clamping: column)) }
    /// The column's number in its table, or 0.
    @inlinable public func columnTableColumn(_ column: Int) -> Int {
        Int(PQftablecol(pointer, Int32(clamping: column)))
    }
    /// Whether a column came in binary format.
    @inlinable public func isBinary(_ column: Int) -> Bool { PQfformat(pointer, Int32(clamping: column)) == 1 }

    // MARK: Cells

    /// A cell's bytes, or `nil` for SQL's NULL and for a cell that does not exist. They are followed by a zero byte and
    /// live as long as the result.
    @inlinable
    public func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        cell(Int32(clamping: row), Int32(clamping: column))
    }

    /// The same, by libpq's own numbers.
    @inlinable
    public func cell(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer? {
        if PQgetisnull(pointer, row, column) != 0 { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
    }

    /// A cell as text, or `nil` for SQL's NULL.
    public func text(_ row: Int, _ column: Int) -> String? {
        cell(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The first column of that name, compared exactly.
    public func column(named name: String) -> Int? {
        (0..<columnCount).first { columnName($0)?.isWritten(as: name) ?? false }
    }
}
