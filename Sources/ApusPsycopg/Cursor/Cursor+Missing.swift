import ApusPQ
import ApusPython

/// Results whose rows or columns are not available any more.
extension Cursor {
    /// The parts of the last result that are not available any more. Each level includes those before it.
    enum Missing {
        static let nothing: CChar = 0
        /// There are no rows to fetch.
        static let rows: CChar = 1
        /// The columns are not known.
        static let columns: CChar = 2
        /// A fetch failed because there were no rows; there is no position for `scroll`.
        static let position: CChar = 3
    }

    /// Makes the rows of the last result unavailable, as in psycopg2. Its other attributes stay.
    func hideRows() { fields.pointee.missing = max(fields.pointee.missing, Missing.rows) }

    /// Whether the last result has rows that can no longer be fetched.
    var hidesRows: Bool { fields.pointee.missing != Missing.nothing && result.map(Self.hasColumns) == true }

    /// Makes the rows and the columns of the last result unavailable.
    func hideColumns() {
        fields.pointee.missing = max(fields.pointee.missing, Missing.columns)
        replace(&fields.pointee.description, with: nil)
    }

    /// Raises ProgrammingError for a fetch without rows. As in psycopg2, this also resets the columns and the position.
    @inline(never)
    func noRows(_ connection: Connection) -> PythonError {
        fields.pointee.missing = Missing.position
        fields.pointee.row = 0
        replace(&fields.pointee.description, with: nil)
        return misuse(
            connection.isExecuting(for: object)
                ? "fetch cannot be used while the cursor's asynchronous query is underway" : "no results to fetch")
    }

    /// Frees the rows of the last result before a statement during which the program runs. As in psycopg2, the other
    /// attributes of the last result stay until the statement has completed.
    @inline(never)
    func releaseRows() {
        hideRows()
        fields.pointee.is_pinned = 0
        if let large = fields.pointee.large { return Self.dropLargeRows(large, fields) }
        guard let result, result.memorySize > Self.keptBytes,
            let head = result.copyOfColumns()
        else { return }
        fields.pointee.result = UnsafeMutableRawPointer(head.release())
        _ = PQResult(owning: result.pointer)
    }

    /// The size in bytes up to which a result is kept with its rows, because copying its columns would take longer.
    private static let keptBytes = 64 << 10

    /// Whether a result has columns, so that the statement was a query.
    static func hasColumns(_ result: BorrowedResult) -> Bool {
        let status = result.status
        return status == .tuplesOK || status == .singleTuple
    }
}
