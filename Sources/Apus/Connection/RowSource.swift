import Synchronization

/// The rows of one request. It retains the connection, so that rows can be read after the program has released it, and
/// it abandons the rest of the answer when it is released itself.
final class RowSource: RowStream {
    private struct State {
        /// The batch that came with the first delivery.
        var first: RowBatch?
        var outcome: Request.Outcome?
    }
    let columns: ApusColumns
    private let connection: ApusConnection
    private let request: Request
    private let state: Mutex<State>

    /// - Parameter first: the first part of the answer.
    init(_ connection: ApusConnection, _ request: Request, _ first: Request.Delivery) {
        self.connection = connection
        self.request = request
        columns = first.columns ?? ApusColumns()
        state = Mutex(State(first: first.batch, outcome: first.outcome))
    }

    deinit {
        if state.withLock({ $0.outcome == nil }) { connection.core.abandon(request) }
    }

    func nextBatch() async throws(ApusError) -> RowBatch? {
        let (batch, outcome) = state.withLock { state in
            defer { state.first = nil }
            return (state.first, state.outcome)
        }
        if let batch { return batch }
        if let outcome { return try Self.end(outcome) }
        let delivery = await connection.core.nextDelivery(of: request)
        if let outcome = delivery.outcome { state.withLock { $0.outcome = outcome } }
        if let batch = delivery.batch { return batch }
        if let outcome = delivery.outcome { return try Self.end(outcome) }
        return nil
    }

    func discardRest() async throws(ApusError) {
        let outcome = state.withLock { state in
            state.first = nil
            return state.outcome
        }
        if outcome == nil { connection.core.abandon(request) }
        while try await nextBatch() != nil {}
    }

    var tag: CommandTag? {
        guard case .finished(let tag)? = state.withLock({ $0.outcome }) else { return nil }
        return tag
    }

    private static func end(_ outcome: Request.Outcome) throws(ApusError) -> RowBatch? {
        if case .failed(let error) = outcome { throw error }
        return nil
    }
}
