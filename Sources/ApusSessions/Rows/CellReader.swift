import ApusPQ

/// Reads the cells of a row, from the first column to the last.
public protocol CellReader {
    /// Returns the next cell's bytes, borrowed from the result; nil for NULL.
    mutating func next() -> UnsafeRawBufferPointer?
}

/// Reads the cells of a row of a libpq result.
public struct ResultReader: CellReader {
    @usableFromInline let result: BorrowedResult
    @usableFromInline let row: Int32
    @usableFromInline var column: Int32 = 0

    @inlinable @inline(__always)
    public init(_ result: BorrowedResult, row: Int) {
        self.result = result
        self.row = Int32(truncatingIfNeeded: row)
    }

    @inlinable @inline(__always)
    public mutating func next() -> UnsafeRawBufferPointer? {
        let column = column
        self.column = column &+ 1
        return result.cell(row, column)
    }
}

/// Reads the cells of consecutive rows: for each cell, a length of four bytes (-1 for NULL) and the bytes.
public struct PackedReader: CellReader {
    @usableFromInline var position: UnsafeRawPointer

    @inlinable @inline(__always)
    public init(at position: UnsafeRawPointer) { self.position = position }

    @inlinable @inline(__always)
    public mutating func next() -> UnsafeRawBufferPointer? {
        let start = position + 4
        let length = position.loadUnaligned(as: Int32.self)
        if length < 0 {
            position = start
            return nil
        }
        let count = Int(length)
        position = start + count
        return UnsafeRawBufferPointer(start: start, count: count)
    }
}
