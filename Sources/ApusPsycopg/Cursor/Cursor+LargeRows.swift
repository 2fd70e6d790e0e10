import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting
import CApusPsycopg

/// Fetching all rows of a large result at once: see `LargeRows`.
extension Cursor {
    var large: UnsafeMutablePointer<LargeRows>? { fields.pointee.large?.assumingMemoryBound(to: LargeRows.self) }

    /// The sizes of libpq's result, in bytes, in total and per row, from which the rows are copied. Copying smaller
    /// results saves too little memory; the Python objects of a narrow row need several times the memory of its cells.
    private static let packedBytes = (all: 8 << 20, row: 64)

    /// Whether the next `count` rows may be copied out of the PGresult. True only if they are most of the rows, because
    /// a program that fetches few rows at a time may not have the memory for a copy.
    @inline(__always)
    func mayPack(_ count: Int) -> Bool {
        count > 1000 && mayPackLarge(count)
    }

    @inline(never)
    private func mayPackLarge(_ count: Int) -> Bool {
        guard let result, fields.pointee.large == nil, fields.pointee.is_pinned == 0, fields.pointee.readers == 0,
            count == fields.pointee.rowcount - fields.pointee.row, count > fields.pointee.rowcount / 2
        else { return false }
        let size = result.memorySize
        return size >= Self.packedBytes.all && size / Self.packedBytes.row >= fields.pointee.rowcount
    }

    /// Copies the rows out of the PGresult, and frees it, without the GIL. If that is not possible, nothing changes.
    func pack() {
        guard let result else { return }
        // Counts as a reader until the end, because another thread must not replace the result meanwhile.
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        var thread = GIL.release()
        let packed = PackedRows.copying(result)
        // Keep the columns, the status and the command tag.
        let head = result.copyOfColumns()
        GIL.take(thread)
        // Give up if another thread uses the PGresult by now.
        guard let packed, let head, fields.pointee.readers == 1, fields.pointee.is_pinned == 0,
            self.result?.pointer == result.pointer
        else { return }
        let large = UnsafeMutablePointer<LargeRows>.allocate(capacity: 1)
        large.initialize(to: LargeRows(packed))
        fields.pointee.large = UnsafeMutableRawPointer(large)
        fields.pointee.result = UnsafeMutableRawPointer(head.release())
        thread = GIL.release()
        _ = PQResult(owning: result.pointer)
        MemoryPages.trimHeap()
        GIL.take(thread)
    }

    /// Returns one row. Raises InternalError if its cells were freed.
    @inline(never)
    static func row(
        _ row: Int, of large: UnsafeMutablePointer<LargeRows>, _ maker: inout RowMaker
    ) throws(PythonError) -> PyRef {
        if let kept = large.pointee.kept[row] { return try maker.row(again: kept) }
        guard var place = large.pointee.place(of: row) else { throw lost() }
        let made = try maker.row(&place.reader)
        large.pointee.mark(place, row: row + 1)
        return made
    }

    /// Fills a list with rows. Rows whose cells were freed come from the kept row objects.
    @inline(never)
    func fill(
        _ list: borrowing PyRef, _ rows: Range<Int>, from large: UnsafeMutablePointer<LargeRows>,
        _ maker: inout RowMaker
    ) throws(PythonError) {
        // A named cursor cannot move back within the rows of a fetch.
        let isPassing = isNamed
        let keeps =
            !isPassing && rows.upperBound == fields.pointee.rowcount && rows.count > rows.upperBound / 2
            && maker.isFaithful
        if keeps { large.pointee.kept.prepare(for: rows) }
        var row = rows.lowerBound
        while row < rows.upperBound {
            if let kept = large.pointee.kept[row] {
                fields.pointee.row = row &+ 1
                list.set(listItem: row &- rows.lowerBound, to: try maker.row(again: kept))
                row &+= 1
                continue
            }
            guard var place = large.pointee.place(of: row) else { throw Self.lost() }
            var end = min(rows.upperBound, large.pointee.end(of: place.block))
            if large.pointee.kept.range.lowerBound > row { end = min(end, large.pointee.kept.range.lowerBound) }
            while row < end {
                fields.pointee.row = row &+ 1
                let made = try maker.row(&place.reader)
                if keeps { large.pointee.kept.append(made.object, number: row) }
                list.set(listItem: row &- rows.lowerBound, to: made)
                row &+= 1
            }
            // Free the block, unless another thread is reading from it.
            if keeps || isPassing, row == large.pointee.end(of: place.block), fields.pointee.readers == 1 {
                large.pointee.release(block: place.block, isPassed: isPassing)
            }
        }
    }

    private static func lost() -> PythonError { raise(module.pointee.internalError, "the row is no longer there") }
}
