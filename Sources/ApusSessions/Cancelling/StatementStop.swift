import ApusPQ
import ApusWaiting

/// Stops the statement of one connection: a ``Cancellation``, and the request to cancel that is on its way.
public struct StatementStop: ~Copyable {
    public enum Outcome: Sendable { case continues, isLost }

    private let grace: Duration
    private var cancellation: Cancellation
    private var request: CancelMachine?
    /// Whether the statement was answered, and a request was not delivered in time. The session goes on, because a request
    /// that could not be delivered in all this time is unlikely to arrive later.
    private var isAbandoned = false
    /// When ``advance(_:_:)`` has to be called again.
    public private(set) var moment: Duration

    /// Begins to stop what a session does, if there is a session: prepares the first request.
    /// - Parameter grace: how long the server may take to stop the statement; see ``Cancellation``.
    public init(_ session: borrowing PQConnection?, _ grace: Duration) {
        self.grace = grace
        let now = Monotonic.now
        cancellation = Cancellation(now: now, grace: grace)
        moment = cancellation.givesUpAt
        _ = advance(now, session)
    }

    public var isOver: Bool { isAbandoned || cancellation.isOver }
    public var isRequesting: Bool { cancellation.isRequesting }

    /// Gives up sooner, because the user asked again.
    public mutating func hurry(_ now: Duration) { cancellation.hurry(now) }
    /// Notes that the statement has ended.
    public mutating func answered() { cancellation.answered() }

    /// Does what the cancellation asks for now.
    public mutating func advance(_ now: Duration, _ session: borrowing PQConnection?) -> Outcome {
        while true {
            switch cancellation.next(now) {
            case .sendRequest:
                request = Self.makeRequest(session, grace)
                // No thread or descriptor is left, perhaps for a moment only: it is sent again.
                if request == nil { cancellation.requestEnded(now) }
            case .wait(let moment):
                self.moment = moment
                return .continues
            case .giveUp: return .isLost
            case .undelivered:
                request = nil
                isAbandoned = true
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
    /// - Returns: what it waits for; `nil` if it has been delivered, or could not be.
    public mutating func advanceRequest(_ now: Duration, _ session: borrowing PQConnection?) -> Wait? {
        // A failure is not one of the statement: the request is sent again while there is time.
        if let wait = try? request?.advance(now: now) { return wait }
        request = nil
        cancellation.requestEnded(now)
        _ = advance(now, session)
        return nil
    }
}
