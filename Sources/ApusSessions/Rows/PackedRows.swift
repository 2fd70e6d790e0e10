import ApusPQ
import ApusWaiting

/// A copy of the rows of a large result, in blocks that are freed one by one, when their rows have been read. libpq
/// needs 24 more bytes per cell and can only free all rows at once.
public struct PackedRows: ~Copyable {
    /// Consecutive rows; no row is split between blocks.
    public struct Block {
        fileprivate let start: UnsafeMutableRawPointer
        fileprivate let capacity: Int
        fileprivate var count = 0
        /// The numbers of the rows.
        public fileprivate(set) var rows: Range<Int>
        /// True after the memory has been returned to the system.
        fileprivate var isReleased = false

        /// True if the block has the cells of a row.
        public func holds(_ row: Int) -> Bool { rows.contains(row) && !isReleased }
    }
    public private(set) var blocks: [Block] = []
    private let columns: Int

    fileprivate static let blockSize = 256 << 10

    private init(columns: Int) { self.columns = columns }

    /// Copies all rows of a result, without using Python objects.
    /// - Returns: nil if there is not enough memory.
    public static func copying(_ result: BorrowedResult) -> PackedRows? {
        var packed = PackedRows(columns: result.columnCount)
        if !packed.copy(result) { return nil }
        return packed
    }

    deinit {
        for block in blocks where !block.isReleased { block.unmap() }
    }

    /// The index of the block that contains a row.
    public func block(of row: Int) -> Int? {
        var range = blocks.indices
        while let middle = range.isEmpty ? nil : range.lowerBound + range.count / 2 {
            let rows = blocks[middle].rows
            if rows.contains(row) { return middle }
            range = row < rows.lowerBound ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return nil
    }

    /// Makes a reader of a row, whose cells the block must still have.
    public func reader(of row: Int, in block: Int) -> PackedReader {
        let block = blocks[block]
        var reader = PackedReader(at: block.start)
        for _ in 0..<(row - block.rows.lowerBound) * columns { _ = reader.next() }
        return reader
    }

    /// Returns a block's memory to the system.
    public mutating func release(block: Int) {
        if blocks[block].isReleased { return }
        blocks[block].unmap()
        blocks[block].isReleased = true
    }

    // MARK: Copying

    private mutating func copy(_ result: BorrowedResult) -> Bool {
        let columns = Int32(truncatingIfNeeded: columns)
        guard var block = Block(capacity: Self.blockSize, firstRow: 0) else { return false }
        for row in 0..<Int32(clamping: result.rowCount) {
            var end = block.count
            for column in 0..<columns {
                let value = result.cell(row, column)
                let size = 4 + (value?.count ?? 0)
                if block.capacity - end < size {
                    // A row that is larger than a block gets its own block, with room to grow.
                    let begun = end - block.count
                    let room = begun + size <= Self.blockSize ? Self.blockSize : 2 * (begun + size)
                    guard let next = Block(capacity: room, firstRow: Int(row)) else {
                        blocks.append(block)
                        return false
                    }
                    memcpy(next.start, block.start + block.count, begun)
                    if block.rows.isEmpty { block.unmap() } else { blocks.append(block) }
                    block = next
                    end = begun
                }
                let cell = block.start + end
                cell.storeBytes(of: value.map { Int32(truncatingIfNeeded: $0.count) } ?? -1, as: Int32.self)
                if let value, let start = value.baseAddress { memcpy(cell + 4, start, value.count) }
                end += size
            }
            block.count = end
            block.rows = block.rows.lowerBound..<Int(row) + 1
        }
        blocks.append(block)
        return true
    }
}

extension PackedRows.Block {
    fileprivate init?(capacity: Int, firstRow: Int) {
        let page = MemoryPages.pageSize
        self.capacity = (capacity + page - 1) / page * page
        guard let start = MemoryPages.map(self.capacity, willFill: capacity == PackedRows.blockSize)
        else { return nil }
        self.start = start
        rows = firstRow..<firstRow
    }

    fileprivate func unmap() { MemoryPages.unmap(start, capacity) }
}
