import ApusPython
import ApusSessions

/// The rows of a large result of which all rows were fetched at once. They replace libpq's copy, and their cells are
/// freed while the rows are made, so that a program never has all cells and all rows in memory.
///
/// It belongs to one cursor and is protected by the GIL.
struct LargeRows: ~Copyable {
    private(set) var packed: PackedRows
    var kept = KeptRows()
    /// The position of the row after the one read last.
    private var bookmark: (row: Int, place: Place)?

    /// The position of a row.
    struct Place {
        let block: Int
        var reader: PackedReader
    }

    init(_ packed: consuming PackedRows) { self.packed = packed }

    /// Returns the position of a row; nil if its cells were freed.
    func place(of row: Int) -> Place? {
        if let bookmark, bookmark.row == row, packed.blocks[bookmark.place.block].holds(row) { return bookmark.place }
        guard let block = packed.block(of: row), packed.blocks[block].holds(row) else { return nil }
        return Place(block: block, reader: packed.reader(of: row, in: block))
    }

    /// Remembers the position of a row.
    mutating func mark(_ place: Place, row: Int) { bookmark = (row, place) }

    /// The number of the first row after a block.
    func end(of block: Int) -> Int { packed.blocks[block].rows.upperBound }

    /// Frees a block if its cells cannot be needed again.
    /// - Parameter isPassed: true if the cursor cannot move back, so that no row is fetched twice.
    mutating func release(block: Int, isPassed: Bool) {
        let rows = packed.blocks[block].rows
        guard isPassed || (kept.range.lowerBound <= rows.lowerBound && kept.range.upperBound >= rows.upperBound)
        else { return }
        packed.release(block: block)
    }
}
