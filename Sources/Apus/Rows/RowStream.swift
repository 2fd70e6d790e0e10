/// What the rows of one answer come from: batch after batch, in the order of the server.
@usableFromInline
protocol RowStream: AnyObject, Sendable {
    var columns: ApusColumns { get }
    /// The next rows; `nil` at the end.
    func nextBatch() async throws(ApusError) -> RowBatch?
    /// Waits for the end, and discards the rows before it as they arrive.
    func dropRest() async throws(ApusError)
    /// The command's tag, once the end has been read.
    var tag: CommandTag? { get }
}
