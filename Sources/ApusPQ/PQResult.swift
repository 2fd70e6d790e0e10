import ApusWaiting
import CApusLibPQ

/// The exclusive owner of a `PGresult`: it cannot leak, be copied, or be used after it is freed. What it holds is read
/// by the members of ``ReadableResult``.
///
/// It is Sendable because libpq never changes a result that it has returned, so that threads can read it at the same
/// time.
@frozen
public struct PQResult: ~Copyable, ReadableResult, @unchecked Sendable {
    public let pointer: OpaquePointer

    /// Takes ownership of a result.
    @inlinable
    public init(owning pointer: OpaquePointer) { self.pointer = pointer }

    @inlinable
    deinit { PQclear(pointer) }

    /// Gives up ownership of the result.
    /// - Returns: libpq's result; the caller owns it and gives it to another ``init(owning:)``.
    @inlinable
    public consuming func release() -> OpaquePointer {
        let pointer = pointer
        discard self
        return pointer
    }
}

/// A `PGresult` that is owned elsewhere, and must live as long as this value is used.
@frozen
public struct BorrowedResult: ReadableResult {
    public let pointer: OpaquePointer

    @inlinable
    public init(_ pointer: OpaquePointer) { self.pointer = pointer }
}

/// What can be read of a `PGresult`. Bytes borrowed from it are valid as long as the result.
///
/// Columns and rows are counted from 0. For a column that does not exist, libpq returns nil, 0 or -1.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-EXEC-SELECT-INFO>
public protocol ReadableResult: ~Copyable {
    /// libpq's result. The caller must not clear it.
    var pointer: OpaquePointer { get }
}

extension ReadableResult where Self: ~Copyable {
    /// The same result without its owner.
    @inlinable public var borrowed: BorrowedResult { BorrowedResult(pointer) }

    /// What the result is.
    @inlinable public var status: ResultStatus { ResultStatus(PQresultStatus(pointer)) }

    /// Whether the result is an error of the server or of the connection.
    @inlinable public var isError: Bool { status.isError }

    // MARK: Errors

    /// The error that the result reports: ``PQError/Kind/server`` with the server's message, or
    /// ``PQError/Kind/connectionLost`` if the message has no SQLSTATE, because it is libpq's own. `nil` for a result
    /// that is no error.
    public var error: PQError? {
        guard isError else { return nil }
        let message = ServerMessage(reading: pointer)
        let kind: PQError.Kind = message.sqlState == nil ? .connectionLost : .server
        return PQError(kind, message.text.isEmpty ? "no message from the server" : message.text, server: message)
    }

    /// A field of the error, in the connection's encoding; `nil` if the server did not send it.
    public func field(_ field: ErrorField) -> UnsafeRawBufferPointer? {
        PQresultErrorField(pointer, field.code).map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) }
    }

    /// The SQLSTATE of the error.
    public var sqlState: SQLState? {
        field(.sqlState).map { SQLState(rawValue: String(decoding: $0, as: UTF8.self)) }
    }

    /// Where in the statement the error is, counted in characters from 1.
    public var statementPosition: Int? {
        field(.statementPosition).flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    }

    /// The message as libpq formats it, in the connection's encoding; empty for a result that is no error.
    public var encodedMessage: [UInt8] { bytes(PQresultErrorMessage(pointer)) }

    // MARK: Commands

    /// The command tag, such as `INSERT 0 1`; empty if there is none.
    public var commandTag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    /// The number of rows that the command inserted, changed, deleted or returned; `nil` if its tag has no number, or
    /// one that no server can mean.
    @inlinable public var affectedRows: Int? {
        guard var position = PQcmdTuples(pointer).map({ UnsafePointer($0) }), position.pointee != 0 else { return nil }
        var count = 0
        while position.pointee >= 48 && position.pointee < 58 {
            if count >= 100_000_000_000_000_000 { return nil }
            count = count &* 10 &+ Int(position.pointee &- 48)
            position += 1
        }
        return count
    }

    /// The OID of the row that an INSERT of one row inserted into a table with OIDs; 0 for all else.
    @inlinable public var insertedOID: UInt32 { PQoidValue(pointer) }

    // MARK: Shape
    /// The number of rows.
    @inlinable public var rowCount: Int { Int(PQntuples(pointer)) }
    /// The number of columns; 0 for a command that returns no rows.
    @inlinable public var columnCount: Int { Int(PQnfields(pointer)) }

    /// The memory that the result takes, bytes.
    public var memorySize: Int { PQresultMemorySize(pointer) }

    /// A copy without rows: columns, status and command tag. `nil` if there is no memory for it.
    public func copyOfColumns() -> PQResult? {
        PQcopyResult(pointer, PG_COPYRES_ATTRS).map { PQResult(owning: $0) }
    }

    /// A column's name, in the connection's encoding.
    public func encodedColumnName(_ column: Int) -> UnsafeRawBufferPointer? {
        PQfname(pointer, Int32(clamping: column)).map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) }
    }
    /// A column's name, decoded as UTF-8.
    public func columnName(_ column: Int) -> String? {
        PQfname(pointer, Int32(clamping: column)).map { String(cString: $0) }
    }
    /// The OID of a column's type.
    @inlinable public func columnType(_ column: Int) -> UInt32 { PQftype(pointer, Int32(clamping: column)) }
    /// The size of a column's type on the server in bytes; negative for a variable size.
    @inlinable public func columnSize(_ column: Int) -> Int { Int(PQfsize(pointer, Int32(clamping: column))) }
    /// A column's type modifier, such as the length of a `varchar`; -1 if there is none.
    @inlinable public func columnModifier(_ column: Int) -> Int { Int(PQfmod(pointer, Int32(clamping: column))) }
    /// The OID of the table that a column comes from; 0 for an expression.
    @inlinable public func columnTable(_ column: Int) -> UInt32 { PQftable(pointer, Int32(clamping: column)) }
    /// A column's number in its table, counted from 1; 0 for an expression.
    @inlinable public func columnTableColumn(_ column: Int) -> Int {
        Int(PQftablecol(pointer, Int32(clamping: column)))
    }
    /// Whether a column's values are in binary format.
    @inlinable public func isBinary(_ column: Int) -> Bool { PQfformat(pointer, Int32(clamping: column)) == 1 }

    // MARK: Cells

    /// The bytes of a cell, followed by a zero byte, and valid as long as the result.
    /// - Parameters:
    ///   - row: the row, counted from 0.
    ///   - column: the column, counted from 0.
    /// - Returns: `nil` for NULL and for a cell that does not exist.
    @inlinable
    public func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        cell(Int32(clamping: row), Int32(clamping: column))
    }

    /// The bytes of a cell, as above. It takes the numbers as libpq does, so that no conversion is needed.
    @inlinable @inline(__always)
    public func cell(_ row: Int32, _ column: Int32) -> UnsafeRawBufferPointer? {
        let count = Int(PQgetlength(pointer, row, column))
        if count == 0, PQgetisnull(pointer, row, column) != 0 { return nil }
        return UnsafeRawBufferPointer(start: PQgetvalue(pointer, row, column), count: count)
    }

    /// A cell, decoded as UTF-8; `nil` for NULL and for a cell that does not exist.
    public func text(_ row: Int, _ column: Int) -> String? {
        cell(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The number of the first column with a name, compared byte by byte; `nil` if there is none.
    public func column(named name: String) -> Int? {
        (0..<columnCount).first { columnName($0)?.isWritten(as: name) ?? false }
    }
}
