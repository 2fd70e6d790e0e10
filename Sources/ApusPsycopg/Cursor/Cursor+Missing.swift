import ApusPQ
import ApusPython

/// What there still is to know of a result whose rows are gone.
extension Cursor {
    /// What cannot be had of the last result any more; each has what is ahead of it.
    enum Missing {
        static let nothing: CChar = 0
        /// There are no rows to fetch.
        static let rows: CChar = 1
        /// The columns are not known any more.
        static let columns: CChar = 2
        /// Rows were asked for, and there were none: there is no position to move from.
        static let position: CChar = 3
    }

    /// Makes the rows of the last result unreachable, as psycopg2 does; what else there is to know of it stays.
    func hideRows() { fields.pointee.missing = max(fields.pointee.missing, Missing.rows) }

    /// Whether the last result has rows that can no longer be fetched.
    var hidesRows: Bool { fields.pointee.missing != Missing.nothing && result.map(Self.hasColumns) == true }

    /// Forgets the columns as well.
    func hideColumns() {
        fields.pointee.missing = max(fields.pointee.missing, Missing.columns)
        replace(&fields.pointee.description, with: nil)
    }

    /// ProgrammingError for a fetch where there are no rows. As in psycopg2, the columns and the position are forgotten.
    @inline(never)
    func noRows(_ connection: Connection) -> PythonError {
        fields.pointee.missing = Missing.position
        fields.pointee.row = 0
        replace(&fields.pointee.description, with: nil)
        return misuse(
            connection.isExecuting(for: object)
                ? "fetch cannot be used while the cursor's asynchronous query is underway" : "no results to fetch")
    }

    /// Lets go of the rows of the last result, for a statement during which the program's code runs: what else there is
    /// to know of the result stays until the answer is there, as in psycopg2.
    @inline(never)
    func setAside() {
        hideRows()
        fields.pointee.is_pinned = 0
        if let large = fields.pointee.large { return Self.dropLargeRows(large, fields) }
        guard let result, result.memorySize > Self.asideBytes,
            let head = result.copyOfColumns()
        else { return }
        fields.pointee.result = UnsafeMutableRawPointer(head.release())
        _ = PQResult(owning: result.pointer)
    }

    /// How many bytes a result may have that is kept with its rows, because a copy without them would take time.
    private static let asideBytes = 64 << 10

    /// Whether a result is that of a query.
    static func hasColumns(_ result: BorrowedResult) -> Bool {
        let status = result.status
        return status == .tuplesOK || status == .singleTuple
    }
}
