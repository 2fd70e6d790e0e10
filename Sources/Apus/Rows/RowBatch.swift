import ApusPQ

/// Some rows of an answer, copied out of libpq into one piece of memory. It is filled under its connection's lock, and
/// never changes once it has been handed to a reader.
@usableFromInline
final class RowBatch: @unchecked Sendable {
    @usableFromInline struct Cell {
        @usableFromInline var offset: UInt32
        /// Negative for NULL.
        @usableFromInline var length: Int32
    }
    @usableFromInline private(set) var cells: [Cell] = []
    @usableFromInline private(set) var bytes: UnsafeMutableRawPointer
    private var capacity: Int
    /// Bytes of all cells.
    private(set) var size = 0
    @usableFromInline private(set) var rowCount = 0
    @usableFromInline let columnCount: Int

    init(columnCount: Int) {
        self.columnCount = columnCount
        capacity = 256
        bytes = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { bytes.deallocate() }

    /// Whether the batch is to be handed over before it takes more: some hundred kilobytes are enough to make the
    /// handing over cheap, and few enough to stay in the processor's cache.
    var isFull: Bool { size &+ cells.count &* 8 >= 256 * 1024 }

    /// Copies one row of a result.
    func append(_ result: borrowing PQResult, row: Int) {
        let row = Int32(truncatingIfNeeded: row)
        for column in 0..<Int32(truncatingIfNeeded: columnCount) {
            guard let cell = result.cell(row, column) else {
                cells.append(Cell(offset: 0, length: -1))
                continue
            }
            if capacity &- size < cell.count { grow(cell.count) }
            // It fits: before this row there were less than 256 KiB, and a row's message has less than 2 GiB.
            cells.append(Cell(offset: UInt32(truncatingIfNeeded: size), length: Int32(truncatingIfNeeded: cell.count)))
            if let start = cell.baseAddress { (bytes + size).copyMemory(from: start, byteCount: cell.count) }
            size &+= cell.count
        }
        rowCount &+= 1
    }

    private func grow(_ count: Int) {
        let larger = max(capacity * 2, size + count)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        memory.copyMemory(from: bytes, byteCount: size)
        bytes.deallocate()
        bytes = memory
        capacity = larger
    }

    /// A cell's bytes, or `nil` for NULL; they live as long as the batch.
    @inlinable
    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let cell = cells[row &* columnCount &+ column]
        if cell.length < 0 { return nil }
        return UnsafeRawBufferPointer(start: bytes + Int(cell.offset), count: Int(cell.length))
    }
}
