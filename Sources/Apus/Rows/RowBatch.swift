import ApusPQ
import ApusValues

/// Some rows of an answer, copied out of libpq into one piece of memory.
///
/// It is Sendable because its connection's lock guards it while rows are added, and it does not change after it was
/// delivered to a task.
@usableFromInline
final class RowBatch: @unchecked Sendable {
    @usableFromInline struct Cell {
        /// Where it starts, in ``RowBatch/bytes``.
        @usableFromInline var offset: UInt32
        /// Negative for NULL.
        @usableFromInline var length: Int32
    }
    // Exclusive access is not checked at run time, because the rule above guarantees it, and the checks would cost a
    // fifth of the instructions of reading rows.

    /// The cells of all rows, row by row.
    @exclusivity(unchecked) @usableFromInline private(set) var cells: [Cell] = []
    /// The bytes of all cells.
    @exclusivity(unchecked) @usableFromInline private(set) var bytes = ByteWriter(minimumCapacity: 256)
    /// The number of rows.
    @exclusivity(unchecked) @usableFromInline private(set) var rowCount = 0
    @usableFromInline let columnCount: Int

    init(columnCount: Int) { self.columnCount = columnCount }

    /// The length of all cells in bytes.
    var size: Int { bytes.count }

    /// Whether the batch takes no more rows. Some hundred kilobytes are enough to make the delivery of a batch cheap,
    /// and few enough for the processor's cache.
    var isFull: Bool { size &+ cells.count &* 8 >= 256 * 1024 }

    /// Copies one row of a result.
    func append(_ result: borrowing PQResult, row: Int) {
        let row = Int32(truncatingIfNeeded: row)
        for column in 0..<Int32(truncatingIfNeeded: columnCount) {
            guard let cell = result.cell(row, column) else {
                cells.append(Cell(offset: 0, length: -1))
                continue
            }
            // The numbers fit, because the batch had less than 256 KiB before this row, and the message of a row has
            // less than 2 GiB.
            cells.append(Cell(offset: UInt32(truncatingIfNeeded: size), length: Int32(truncatingIfNeeded: cell.count)))
            bytes.append(cell)
        }
        rowCount &+= 1
    }

    /// The bytes of a cell, or `nil` for NULL. They are valid as long as the batch.
    @inlinable
    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let cell = cells[row &* columnCount &+ column]
        if cell.length < 0 { return nil }
        // The buffer does not move, because nothing is appended after the delivery.
        return bytes.withUnsafeBytes {
            UnsafeRawBufferPointer(start: $0.baseAddress?.advanced(by: Int(cell.offset)), count: Int(cell.length))
        }
    }
}
