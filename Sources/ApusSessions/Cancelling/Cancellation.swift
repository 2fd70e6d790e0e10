/// Stops one statement: decides when a request to cancel is sent, when it is sent again, and when the session is given
/// up.
///
/// A request to cancel stops whatever the session is executing when the request arrives; it cannot name a statement.
/// Therefore a request that overtakes its statement has no effect, and is resent with exponential back-off. And a
/// request that is late would cancel the next statement, so none may be sent before ``isOver``.
///
/// Both faces drive this machine. It uses no connection, no thread and no clock of its own. Events may occur in any
/// order: a result may arrive while a request is on its way, and a request may fail.
///
/// ```
/// var cancellation = Cancellation(now: now, grace: .seconds(10))
/// switch cancellation.next(now) {
/// case .sendRequest:       // then requestEnded(now) when it was delivered, or could not be
/// case .wait(let moment):  // wait for an event, or until this moment
/// case .giveUp:            // close the session
/// case .undelivered:       // close the session, or risk that the next statement is cancelled
/// case .over:              // the next statement may be sent
/// }
/// ```
/// Source: <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>
public struct Cancellation: Sendable {
    /// What to do now.
    public enum Action: Sendable, Equatable {
        /// Send a request to cancel, and call ``requestEnded(_:)`` once it was delivered or could not be.
        case sendRequest
        /// Wait for an event, and call ``next(_:)`` again at this moment at the latest.
        case wait(until: Duration)
        /// The server did not stop the statement in time, so the session must be closed.
        case giveUp
        /// The statement has ended, but a request is still on its way although the time for it is over. It may hit a
        /// later statement.
        case undelivered
        /// The statement has ended, and no request is on its way.
        case over
    }

    private enum Request: Sendable, Equatable {
        case due(Duration)
        case onItsWay
        case none
    }

    /// The pause before the second request, if the first had no effect. The pause doubles with each request, to
    /// at most 60 s.
    public static let firstPause: Duration = .milliseconds(250)
    /// The time within which a second Ctrl-C is ignored, because one keystroke may arrive twice.
    public static let impatience: Duration = .seconds(1)

    private var deadline: Duration
    private var pause = Self.firstPause
    private var request: Request
    private var hasAnswer = false
    private var isGivenUp = false
    /// The time at which the user first asked to stop the statement.
    private var askedAt: Duration?
    /// Whether the user asked after the statement had ended.
    private var isShortened = false

    /// Begins to stop a statement.
    /// - Parameters:
    ///   - now: the time on a monotonic clock, as in every call.
    ///   - grace: how long the server may take to stop it. If it is zero, no request is sent, and the
    ///     session is given up.
    public init(now: Duration, grace: Duration) {
        deadline = now + grace
        request = grace > .zero ? .due(now) : .none
    }

    /// The time at which the session is given up, on the clock of `now`.
    public var givesUpAt: Duration { deadline }

    /// Whether the statement has ended and no request is on its way.
    public var isOver: Bool { hasAnswer && request != .onItsWay }

    /// Whether a request is on its way.
    public var isRequesting: Bool { request == .onItsWay }

    /// Returns what to do at this time. It returns ``Action/sendRequest`` once for each request.
    public mutating func next(_ now: Duration) -> Action {
        if isOver { return .over }
        if isGivenUp { return .giveUp }
        if now >= deadline { return hasAnswer && !isShortened ? .undelivered : .giveUp }
        if case .due(let moment) = request {
            guard now >= moment else { return .wait(until: min(moment, deadline)) }
            request = .onItsWay
            return .sendRequest
        }
        return .wait(until: deadline)
    }

    /// Records that a request was delivered, or could not be. If the statement does not end, another request follows.
    public mutating func requestEnded(_ now: Duration) {
        guard request == .onItsWay else { return }
        request = hasAnswer ? .none : .due(now + pause)
        pause = min(pause * 2, .seconds(60))
    }

    /// Records that the statement has ended, with any result.
    public mutating func answered() {
        hasAnswer = true
        if case .due = request { request = .none }
    }

    /// Records that the user asks to stop the statement (Ctrl-C). The first time changes nothing, because the statement
    /// is being stopped. If the user asks again a second later or more, the session is given up.
    ///
    /// If the statement has ended, and only a request is on its way, the first call leaves it another second, and the
    /// second call gives up the session.
    public mutating func hurry(_ now: Duration) {
        if hasAnswer {
            isGivenUp = isShortened
            isShortened = true
            deadline = min(deadline, now + Self.impatience)
        } else if let askedAt {
            if now - askedAt >= Self.impatience { isGivenUp = true }
        } else {
            askedAt = now
        }
    }
}
