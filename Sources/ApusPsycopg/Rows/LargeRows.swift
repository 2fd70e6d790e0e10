import ApusPython
import ApusSessions

/// What a cursor has of a large result whose rows were asked for all at once, in libpq's stead. The cells go back to
/// the system while the rows are made, so that a program never has all of both.
///
/// It belongs to one cursor, and only the GIL protects it.
struct LargeRows: ~Copyable {
    private(set) var packed: PackedRows
    var kept = KeptRows()
    /// Where the row begins that comes after the one read last.
    private var bookmark: (row: Int, place: Place)?

    /// Where a row begins.
    struct Place {
        let block: Int
        var reader: PackedReader
    }

    init(_ packed: consuming PackedRows) { self.packed = packed }

    /// Where a row begins; nil if it was given back.
    func place(of row: Int) -> Place? {
        if let bookmark, bookmark.row == row, packed.blocks[bookmark.place.block].holds(row) { return bookmark.place }
        guard let block = packed.block(of: row), packed.blocks[block].holds(row) else { return nil }
        return Place(block: block, reader: packed.reader(of: row, in: block))
    }

    /// Remembers where a row begins.
    mutating func mark(_ place: Place, row: Int) { bookmark = (row, place) }

    /// The number behind that of the last row of a block.
    func end(of block: Int) -> Int { packed.blocks[block].rows.upperBound }

    /// Gives a block back to the system if its cells cannot be asked for any more.
    /// - Parameter isPassed: whether rows that were fetched once are never asked for again.
    mutating func release(block: Int, isPassed: Bool) {
        let rows = packed.blocks[block].rows
        guard isPassed || (kept.range.lowerBound <= rows.lowerBound && kept.range.upperBound >= rows.upperBound)
        else { return }
        packed.release(block: block)
    }
}
