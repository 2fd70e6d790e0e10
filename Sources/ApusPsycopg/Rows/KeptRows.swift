import ApusPython

/// Rows that were handed out and stand for their cells, which were given back: `scroll()` may lead back to them.
///
/// Only the GIL protects it. Its rows hold nothing that the collector would have to see.
struct KeptRows: ~Copyable {
    private var rows: UnsafeMutablePointer<PyObj>?
    private var capacity = 0
    /// The numbers of the rows.
    private(set) var range = 0..<0

    deinit {
        guard let rows else { return }
        for index in 0..<range.count { rows[index].release() }
        rows.deallocate()
    }

    /// The row of that number, borrowed.
    subscript(number: Int) -> PyObj? {
        guard let rows, range.contains(number) else { return nil }
        return rows[number &- range.lowerBound]
    }

    /// Gets ready to keep rows, if it keeps none yet.
    mutating func prepare(for range: Range<Int>) {
        if rows != nil { return }
        rows = UnsafeMutablePointer<PyObj>.allocate(capacity: range.count)
        capacity = range.count
        self.range = range.lowerBound..<range.lowerBound
    }

    /// Keeps a row that follows those that are kept already.
    @inline(__always)
    mutating func append(_ row: PyObj, number: Int) {
        guard let rows, number == range.upperBound, range.count < capacity else { return }
        rows[range.count] = row.retained()
        range = range.lowerBound..<number &+ 1
    }
}
