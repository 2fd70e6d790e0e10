import ApusPQ
import ApusWaiting

/// Stops the statement of one connection: combines a ``Cancellation`` with the request to cancel that is on its way.
public struct StatementStop: ~Copyable {
    /// Whether the session goes on, or must be closed.
    public enum Outcome: Sendable { case continues, isLost }

    private let grace: Duration
    private var cancellation: Cancellation
    private var request: CancelMachine?
    /// True if the statement has ended, but a request was not delivered in time. The session goes on, because a request
    /// that was not delivered for so long is unlikely to arrive later.
    private var isUndelivered = false
    /// The time, on the clock of `Monotonic`, at which ``advance(_:_:)`` must be called again.
    public private(set) var moment: Duration

    /// Begins to stop the statement of a session: prepares the first request.
    /// - Parameters:
    ///   - session: nil if it is closed; then no request is made.
    ///   - grace: how long the server may take to stop the statement; see ``Cancellation``.
    public init(_ session: borrowing PQConnection?, _ grace: Duration) {
        self.grace = grace
        let now = Monotonic.now
        cancellation = Cancellation(now: now, grace: grace)
        moment = cancellation.givesUpAt
        _ = advance(now, session)
    }

    /// True if the next statement may be sent.
    public var isOver: Bool { isUndelivered || cancellation.isOver }
    /// True if a request is on its way, for ``advanceRequest(_:_:)`` to advance.
    public var isRequesting: Bool { cancellation.isRequesting }

    /// Records that the user asks to stop the statement: see ``Cancellation/hurry(_:)``.
    public mutating func hurry(_ now: Duration) { cancellation.hurry(now) }
    /// Records that the statement has ended.
    public mutating func answered() { cancellation.answered() }

    /// Does what the cancellation decides at this time.
    /// - Returns: `isLost` if the session must be closed.
    public mutating func advance(_ now: Duration, _ session: borrowing PQConnection?) -> Outcome {
        while true {
            switch cancellation.next(now) {
            case .sendRequest:
                request = Self.makeRequest(session, grace)
                // If the process has no thread or descriptor left, the request is sent again, because that may change.
                if request == nil { cancellation.requestEnded(now) }
            case .wait(let moment):
                self.moment = moment
                return .continues
            case .giveUp: return .isLost
            case .undelivered:
                request = nil
                isUndelivered = true
                return .continues
            case .over: return .continues
            }
        }
    }

    private static func makeRequest(_ session: borrowing PQConnection?, _ grace: Duration) -> CancelMachine? {
        switch session {
        case .some(let session): try? CancelMachine(session, deadline: Monotonic.now + grace)
        case .none: nil
        }
    }

    /// Advances the request that is on its way.
    /// - Returns: what to wait for; nil if the request was delivered, or could not be.
    public mutating func advanceRequest(_ now: Duration, _ session: borrowing PQConnection?) -> Wait? {
        // The error of a request is not raised, because the request is sent again while there is time.
        if let wait = try? request?.advance(now: now) { return wait }
        request = nil
        cancellation.requestEnded(now)
        _ = advance(now, session)
        return nil
    }
}
