import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting
import CApusPsycopg

/// Large results whose rows are asked for all at once: see `LargeRows`.
extension Cursor {
    var large: UnsafeMutablePointer<LargeRows>? { fields.pointee.large?.assumingMemoryBound(to: LargeRows.self) }

    /// From how many bytes of libpq's on the rows are copied, in all and a row: less is not worth the time. The objects
    /// of a narrow row take several times what its cells do.
    private static let packedBytes = (all: 8 << 20, row: 64)

    /// Whether the rows to come may be copied out of the PGresult. A program that asks for few at a time may hold few
    /// at a time: for the copy there would have to be more memory than for the result.
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

    /// Copies the rows out of the PGresult, which loses them; without the GIL. Where that cannot be, all stays as it
    /// is.
    func pack() {
        guard let result else { return }
        // To the end: another thread that executes a statement meanwhile would put another result in its place.
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        var thread = GIL.release()
        let packed = PackedRows.copying(result)
        // Columns, status and command tag stay.
        let head = result.copyOfColumns()
        GIL.take(thread)
        // Meanwhile another thread may have got hold of the PGresult.
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

    /// One row.
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

    /// Puts rows into a list. Those whose cells were given back come from the rows that were kept for them.
    @inline(never)
    func fill(
        _ list: borrowing PyRef, _ rows: Range<Int>, from large: UnsafeMutablePointer<LargeRows>,
        _ maker: inout RowMaker
    ) throws(PythonError) {
        // The rows of a named cursor's fetch cannot be moved back to.
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
            // Another thread's fetch may stand in the block.
            if keeps || isPassing, row == large.pointee.end(of: place.block), fields.pointee.readers == 1 {
                large.pointee.release(block: place.block, isPassed: isPassing)
            }
        }
    }

    private static func lost() -> PythonError { raise(module.pointee.internalError, "the row is no longer there") }
}
