import ApusPQ

/// Where the cells of a row are read from, from the first column to the last.
public protocol CellReader {
    /// The next cell's bytes, which live as long as what they are read from; nil for NULL.
    mutating func next() -> UnsafeRawBufferPointer?
}

/// The cells of a row of libpq's.
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

/// The cells of rows that lie behind one another: each a length of four bytes, -1 for NULL, and its bytes.
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
