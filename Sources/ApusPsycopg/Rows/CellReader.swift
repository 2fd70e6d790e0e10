import CApusLibPQ

/// Reads the cells of a row, from the first column to the last.
protocol CellReader {
    /// Returns the next cell's bytes, borrowed from the result; nil for NULL.
    mutating func next() -> UnsafeRawBufferPointer?
}

/// Reads the cells of a row of a libpq result.
struct ResultReader: CellReader {
    private let result: OpaquePointer
    private let row: Int32
    private var column: Int32 = 0

    @inline(__always)
    init(_ result: OpaquePointer, row: Int) {
        self.result = result
        self.row = Int32(truncatingIfNeeded: row)
    }

    @inline(__always)
    mutating func next() -> UnsafeRawBufferPointer? {
        let column = column
        self.column = column &+ 1
        let count = Int(PQgetlength(result, row, column))
        if count == 0, PQgetisnull(result, row, column) != 0 { return nil }
        return UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: count)
    }
}

/// Reads the cells of consecutive rows: for each cell, a length of four bytes (-1 for NULL) and the bytes.
struct PackedReader: CellReader {
    private(set) var position: UnsafeRawPointer

    @inline(__always)
    init(at position: UnsafeRawPointer) { self.position = position }

    @inline(__always)
    mutating func next() -> UnsafeRawBufferPointer? {
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
