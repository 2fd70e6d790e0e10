import ApusPython

/// Rows that were returned to the program and replace their cells, which have been freed, because `scroll()` may move
/// back to these rows.
///
/// Protected by the GIL. Its rows hold no objects that the collector would have to track.
struct KeptRows: ~Copyable {
    private var rows: UnsafeMutablePointer<PyObj>?
    private var capacity = 0
    /// The numbers of the kept rows.
    private(set) var range = 0..<0

    deinit {
        guard let rows else { return }
        for index in 0..<range.count { rows[index].release() }
        rows.deallocate()
    }

    /// The row with a number, borrowed.
    subscript(number: Int) -> PyObj? {
        guard let rows, range.contains(number) else { return nil }
        return rows[number &- range.lowerBound]
    }

    /// Allocates memory for rows, unless it keeps rows already.
    mutating func prepare(for range: Range<Int>) {
        if rows != nil { return }
        rows = UnsafeMutablePointer<PyObj>.allocate(capacity: range.count)
        capacity = range.count
        self.range = range.lowerBound..<range.lowerBound
    }

    /// Keeps a row, which must follow the last one kept.
    @inline(__always)
    mutating func append(_ row: PyObj, number: Int) {
        guard let rows, number == range.upperBound, range.count < capacity else { return }
        rows[range.count] = row.retained()
        range = range.lowerBound..<number &+ 1
    }
}
