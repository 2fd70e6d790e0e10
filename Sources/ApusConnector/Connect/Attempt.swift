import ApusCluster
import ApusPQ
import ApusWaiting

/// An attempt to connect to one address: resolves its name, connects and, if the list of nodes is wanted, queries it.
///
/// It is `Sendable` because one machine has it, and a machine is used by one thread at a time.
final class Attempt: @unchecked Sendable {
    enum Purpose: Sendable {
        /// A session for the caller.
        case session
        /// The list of nodes; `timeout` is how long the answer to the query may take.
        case list(timeout: Duration)
    }

    enum Step: Sendable {
        /// See ``wait``.
        case wait
        /// See ``takeConnection()``.
        case opened
        /// The list of nodes, and where it was read: the name that was connected to, and the address that it has.
        case list([ClusterNode], at: Target)
        case failed(ConnectFailure)
    }

    /// The address as it was given: its name is not replaced by the address that it resolves to.
    let address: PlaceAddress
    let began: Duration
    /// When the server, or the name server, last answered this attempt; ``began`` before the first answer.
    private(set) var lastOwnAnswer: Duration
    /// The longest time between two answers.
    private(set) var longestSilence: Duration = .zero
    /// What to wait for before the next step.
    private(set) var wait = Wait(descriptor: nil, interest: [])
    /// The other addresses of the name, once it is resolved.
    private(set) var otherTargets: [Target] = []

    private let purpose: Purpose
    private let options: ConnectionOptions
    private let timeout: Duration?
    private var target: Target
    private var lookup: HostLookup?
    private var connect: ConnectMachine?
    private var connection: PQConnection?
    private var queryDeadline: Duration?

    /// - Parameter timeout: how long resolving the name may take, and then connecting; `nil` for no limit.
    init(
        _ address: PlaceAddress, for purpose: Purpose, _ options: ConnectionOptions, timeout: Duration?,
        lookups: HostLookups, now: Duration
    ) {
        self.address = address
        self.purpose = purpose
        self.options = options
        self.timeout = timeout
        target = address.target
        began = now
        lastOwnAnswer = now
        // If there is no thread to resolve the name, libpq resolves it, and blocks.
        if HostLookups.isNeeded(for: target) { lookup = lookups.lookup(target.endpoint.host) }
        if lookup == nil { beginConnect() }
    }

    var place: Place { address.place }

    /// Whether the session is open and the query for the list was sent: then the server itself is up.
    var isAsking: Bool { connection != nil }

    /// Moves the open connection out, once the attempt succeeded.
    func takeConnection() -> PQConnection? { connection.take() }

    /// How long the server has been silent. An answer to another caller's attempt on the same node counts as well.
    func silence(_ now: Duration) -> Duration { now - lastAnswer }

    /// When the server last answered this attempt or another caller's.
    var lastAnswer: Duration { max(lastOwnAnswer, place.reservation?.lastAnswer ?? lastOwnAnswer) }

    // MARK: Steps

    /// Advances as far as is possible without waiting.
    func advance(_ now: Duration) -> Step {
        if lookup != nil, let ended = advanceLookup(now) { return ended }
        if connect != nil, let ended = advanceConnect(now) { return ended }
        if case .list(let timeout) = purpose { return advanceQuery(timeout, now) }
        return .opened
    }

    private func advanceLookup(_ now: Duration) -> Step? {
        guard let lookup else { return nil }
        func failed(_ reason: ConnectFailure.Reason, _ words: String) -> Step {
            .failed(
                ConnectFailure(reason, "could not translate host name \"\(target.endpoint.host)\" to address: \(words)")
            )
        }
        let deadline = timeout.map { began + $0 }
        switch lookup.outcome {
        case nil:
            if let deadline, now >= deadline { return failed(.timedOut, "no answer in time") }
            wait = lookup.wait.until(deadline)
            return .wait
        case .failed(let words):
            return failed(.unreachable, words)
        case .addresses(let addresses):
            self.lookup = nil
            recordAnswer(now)
            let targets = addresses.map { Target(target.endpoint, address: $0) }
            otherTargets = Array(targets.dropFirst())
            target = targets.first ?? target
            beginConnect()
            return nil
        }
    }

    private func beginConnect() {
        let parameters: [ConnectionParameter]
        switch purpose {
        case .session: parameters = options.parameters(for: target)
        case .list: parameters = options.controlParameters(for: target)
        }
        connect = ConnectMachine(parameters: parameters, timeout: timeout)
    }

    private func advanceConnect(_ now: Duration) -> Step? {
        let before = (progress: connect?.progress, answers: connect?.answers)
        let next: Wait?
        do { next = try connect?.advance(now: now) ?? nil } catch { return .failed(error) }
        if connect?.progress != before.progress { recordAnswer(now) }
        if connect?.answers != before.answers { place.reservation?.markAnswered(at: now) }
        if let next {
            wait = next
            return .wait
        }
        connection = connect?.takeConnection()
        connect = nil
        return nil
    }

    private func recordAnswer(_ now: Duration) {
        longestSilence = max(longestSilence, now - lastOwnAnswer)
        lastOwnAnswer = max(lastOwnAnswer, now)
    }

    // MARK: The list

    private func advanceQuery(_ timeout: Duration, _ now: Duration) -> Step {
        do {
            if queryDeadline == nil {
                queryDeadline = now + timeout
                try connection?.send(query: ServerList.query)
            } else if BlockingWaiter.wait(for: wait, slice: .zero) == .ready {
                recordAnswer(now)
            }
            guard let step = try connection?.nextResult() else {
                return .failed(ConnectFailure(.unreachable, "the connection was lost"))
            }
            switch consume step {
            case .wait(let next):
                if let queryDeadline, now >= queryDeadline {
                    return .failed(ConnectFailure(.timedOut, "no answer to \(ServerList.query) in time"))
                }
                wait = next.until(queryDeadline)
                return .wait
            case .done(nil):
                return .failed(ConnectFailure(.unsuitable, "no answer to \(ServerList.query)"))
            case .done(.some(let result)):
                if let error = result.error {
                    return .failed(ConnectFailure(.unsuitable, error.message, sqlState: error.sqlState))
                }
                let nodes = try ServerList.nodes(of: result)
                if nodes.isEmpty {
                    return .failed(ConnectFailure(.unsuitable, "yb_servers() returned no usable node"))
                }
                let host = connection?.host ?? ""
                let address = connection?.hostAddress ?? ""
                return .list(nodes, at: Target(host: host, address: address, port: target.endpoint.port))
            }
        } catch {
            let reason: ConnectFailure.Reason = error.kind == .server ? .unsuitable : .unreachable
            return .failed(ConnectFailure(reason, error.message, sqlState: error.sqlState))
        }
    }

    // MARK: Errors

    /// The failure of an attempt whose time is over.
    func timeoutFailure(_ now: Duration) -> FailedAttempt {
        let time = (now - began).inSeconds
        let words: String
        if lookup != nil {
            words = "its name was not resolved within \(time)"
        } else if isAsking {
            words = "no answer to \(ServerList.query) within \(time)"
        } else {
            words =
                lastOwnAnswer == began
                ? "no answer within \(time)"
                : "no session within \(time); it has been silent for \((now - lastOwnAnswer).inSeconds)"
        }
        return failure(ConnectFailure(.timedOut, words))
    }

    func failure(_ failure: ConnectFailure) -> FailedAttempt {
        FailedAttempt(target: address.target, role: place.description, failure: failure)
    }
}

extension Duration {
    /// The duration in seconds for an error message, truncated to hundredths.
    var inSeconds: String {
        let hundredths = max(0, clampedNanoseconds) / 10_000_000
        let (seconds, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        if rest == 0 { return "\(seconds) s" }
        return rest % 10 == 0 ? "\(seconds).\(rest / 10) s" : "\(seconds).\(rest < 10 ? "0" : "")\(rest) s"
    }
}
