/// The rows of one answer, in batches, in the server's order.
@usableFromInline
protocol RowStream: AnyObject, Sendable {
    /// The columns; none for a statement that returns no rows.
    var columns: ApusColumns { get }
    /// Waits for the next batch; `nil` at the end.
    func nextBatch() async throws(ApusError) -> RowBatch?
    /// Drops the rows that are left, and waits for the end.
    func discardRest() async throws(ApusError)
    /// The command tag; `nil` before the end has been read.
    var tag: CommandTag? { get }
}
