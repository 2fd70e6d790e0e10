import Synchronization

/// What feeds the readers of one answer. It holds the connection, so that rows outlive the variable that the connection
/// was in, and lets go of the rest of the answer when it cannot be read any more.
@usableFromInline
final class RowSource: Sendable {
    private struct State {
        var first: RowBatch?
        var outcome: Request.Outcome?
    }
    @usableFromInline let columns: ApusColumns
    private let connection: ApusConnection
    private let request: Request
    private let state: Mutex<State>

    init(_ connection: ApusConnection, _ request: Request, _ first: Request.Delivery) {
        self.connection = connection
        self.request = request
        columns = first.columns ?? ApusColumns()
        state = Mutex(State(first: first.batch, outcome: first.outcome))
    }

    deinit {
        if state.withLock({ $0.outcome == nil }) { connection.core.abandon(request) }
    }

    /// The next rows, or `nil` at the end.
    @usableFromInline
    func nextBatch() async throws(ApusError) -> RowBatch? {
        let (batch, outcome) = state.withLock { state in
            defer { state.first = nil }
            return (state.first, state.outcome)
        }
        if let batch { return batch }
        if let outcome { return try Self.end(outcome) }
        let delivery = await connection.core.next(request)
        if let outcome = delivery.outcome { state.withLock { $0.outcome = outcome } }
        if let batch = delivery.batch { return batch }
        if let outcome = delivery.outcome { return try Self.end(outcome) }
        return nil
    }

    /// Waits for the end, and drops the rows before it as they come.
    func dropRest() async throws(ApusError) {
        let outcome = state.withLock { state in
            state.first = nil
            return state.outcome
        }
        if outcome == nil { connection.core.abandon(request) }
        while try await nextBatch() != nil {}
    }

    /// The command's tag, once the end was read.
    var tag: CommandTag? {
        guard case .finished(let tag)? = state.withLock({ $0.outcome }) else { return nil }
        return tag
    }

    private static func end(_ outcome: Request.Outcome) throws(ApusError) -> RowBatch? {
        if case .failed(let error) = outcome { throw error }
        return nil
    }
}
