import ApusCluster
import ApusPQ
import ApusWaiting

/// Opens a session by the caller's options: a plain connection, or one to the least loaded node of a cluster.
///
/// The steps, none of which blocks: find the cluster behind the contact points; refresh its list if it is old and no
/// other caller does; pick and reserve a node; connect to it; after a failure, try the next node or fail, by the kind
/// of failure (``FailureAction``). While a node is silent, the next one is tried beside it (``Race``). Each address may
/// take `connect_timeout`, and the whole connect three times that.
///
/// A step may take milliseconds of CPU time for SCRAM, so an event loop advances the machine on another thread.
/// Dropping the machine ends the connect at once and releases everything that it holds.
public struct BalancedConnect: ~Copyable, StepMachine {
    /// The count of the session on its node; `nil` for a plain connection to a server that is on no list. The owner of
    /// the connection releases it when the connection is closed or found broken.
    public internal(set) var reservation: Reservation?
    /// Warnings for the application's log.
    public internal(set) var warnings: [String] = []

    let options: ConnectionOptions
    let registry: ClusterRegistry
    let lookups: HostLookups
    var connection: PQConnection?

    /// The connect without balancing.
    private var plain: ConnectMachine?

    var cluster: Cluster?
    var list = ListPhase.unknown(force: false)
    var sessions: Race
    /// The nodes that were picked; none is picked twice.
    var picked: [Reservation] = []
    /// The contact points that are left; `nil` until the first one is needed.
    var contactPoints: ArraySlice<Target>?
    var failed: [FailedAttempt] = []
    /// What was tried. It is not tried again, even if it is a node and a contact point.
    var triedTargets: Set<Target> = []
    /// Whether nothing is left to try for now.
    var isExhausted = false

    /// When the whole connect fails; `nil` for no limit, and before it began.
    private(set) var deadline: Duration?
    /// The deadline of the wait that the last call returned.
    private var expected: Duration?
    /// Whether the machine was advanced much later than that deadline.
    private(set) var wasLate = false
    private var queue: EventQueue?

    /// Where the list of nodes comes from. The large payloads are boxed, because every step looks at the phase.
    enum ListPhase {
        /// The cluster has to be asked what to do.
        case unknown(force: Bool)
        /// Another caller fetches the list, which is waited for until a moment.
        indirect case awaited(ListRefresh, Signal, until: Duration, force: Bool)
        /// This caller fetches the list.
        indirect case fetched(RefreshMachine, RefreshTicket)
        /// There is a list. If none of its nodes can be reached and it is not new, it is fetched again.
        case present(isFresh: Bool)
        /// There is no list, because the server belongs to no cluster.
        case absent

        var isUnderWay: Bool {
            switch self {
            case .awaited, .fetched: true
            case .unknown, .present, .absent: false
            }
        }
    }

    /// How many times `connect_timeout` the whole connect may take: for the list, all nodes and the contact points.
    static let timeoutsAltogether = 3

    /// - Parameters:
    ///   - options: where and how to connect.
    ///   - registry: the clusters that are known. Tests give their own; all other callers share the process's.
    public init(_ options: ConnectionOptions, registry: ClusterRegistry = ProcessRegistry.shared) {
        self.init(options, registry: registry, lookups: ProcessRegistry.lookups)
    }

    /// The same, with `lookups` to resolve names.
    init(_ options: ConnectionOptions, registry: ClusterRegistry, lookups: HostLookups) {
        self.options = options
        self.registry = registry
        self.lookups = lookups
        sessions = Self.race(options, usualSilence: .zero, lookups)
        if let balance = options.balance { registry.recordPolicy(balance.policy) }
    }

    static func race(_ options: ConnectionOptions, usualSilence: Duration, _ lookups: HostLookups) -> Race {
        Race(
            Race.Rules(
                options: options, purpose: .session, timeout: options.connectTimeout,
                silence: Race.silence(timeout: options.connectTimeout, usual: usualSilence), lookups: lookups))
    }

    /// Moves the open connection out. `nil` until ``advance(now:)`` has returned `nil`, and after the first call.
    public mutating func takeConnection() -> PQConnection? { connection.take() }

    /// Advances as far as is possible without waiting.
    /// - Throws: ``PQError``, for a balanced connect with the failure of every server that was tried.
    public mutating func advance(now: Duration) throws(PQError) -> Wait? {
        ProcessGate.enter()
        defer { ProcessGate.leave() }
        guard let balance = options.balance else { return try advancePlain(now) }
        if deadline == nil, let timeout = options.connectTimeout {
            deadline = now + timeout * Self.timeoutsAltogether
        }
        noticeLateness(now)
        do {
            let wait = try advance(balance, now)
            expected = wait?.deadline
            return wait
        } catch {
            releaseEverything()
            throw error
        }
    }

    /// Extends the deadlines by the time for which the program did not advance its asynchronous connection, because no
    /// node caused that delay.
    private mutating func noticeLateness(_ now: Duration) {
        guard let expected, now - expected > .milliseconds(100) else { return }
        wasLate = true
        deadline = deadline.map { $0 + (now - expected) }
        guard case .fetched(var refresh, let ticket) = list else { return }
        refresh.extend(by: now - expected)
        list = .fetched(refresh, ticket)
    }

    private mutating func advance(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Wait? {
        while true {
            // The attempts come before the clock, because an answer that has arrived counts, however late it is read.
            if try advanceSessions(balance, now) { return nil }
            if try advanceList(balance, now) {
                isExhausted = false
                continue
            }
            if let deadline, now >= deadline { throw timeoutError(balance, now) }
            if !isExhausted, sessions.isStalled(now) {
                if sessions.isEmpty || prepareOverlap(), try beginNext(balance, now) { continue }
                isExhausted = true
            }
            if sessions.isEmpty && !list.isUnderWay { throw noNodeLeft(balance) }
            return try wait()
        }
    }

    private mutating func advancePlain(_ now: Duration) throws(PQError) -> Wait? {
        if plain == nil {
            if let error = options.misplacedPassword { throw error }
            plain = ConnectMachine(parameters: options.parameters, timeout: options.connectTimeout)
        }
        do {
            if let wait = try plain?.advance(now: now) { return wait }
        } catch {
            throw PQError(error)
        }
        connection = plain?.takeConnection()
        plain = nil
        return nil
    }

    // MARK: Waiting

    /// Whether several descriptors can be waited for at once. If the process has no descriptor left for the queue,
    /// nodes are tried one after the other.
    mutating func prepareOverlap() -> Bool {
        if queue == nil { queue = try? EventQueue() }
        return queue != nil
    }

    /// The wait for everything that is under way.
    private mutating func wait() throws(PQError) -> Wait {
        var waits = sessions.waits
        switch list {
        case .awaited(_, let signal, let moment, _):
            waits.append(Wait(descriptor: signal.descriptor, interest: .read, deadline: moment))
        case .fetched(let refresh, _):
            waits += refresh.waits
        case .unknown, .present, .absent:
            break
        }
        let moments = waits.map(\.deadline) + [isExhausted ? nil : sessions.stallMoment]
        let moment = moments.reduce(deadline) { earliest, next in
            guard let earliest, let next else { return earliest ?? next }
            return min(earliest, next)
        }
        waits.removeAll { $0.descriptor == nil }
        guard waits.count > 1, prepareOverlap(), let queue else {
            return Wait(
                descriptor: waits.first?.descriptor, interest: waits.first?.interest ?? .read, deadline: moment)
        }
        // Each descriptor reports once and is then registered again, because a socket that is closed here but still
        // open in a forked child would otherwise report for ever. Events that were reported are removed first.
        queue.wait(timeout: .zero) { _ in }
        try PQError.system { () throws(SystemError) in
            for (index, wait) in waits.enumerated() {
                guard let descriptor = wait.descriptor else { continue }
                try queue.register(descriptor, for: wait.interest, once: true, token: UInt64(index))
            }
        }
        return Wait(descriptor: queue.descriptor, interest: .read, deadline: moment)
    }

    // MARK: The end

    /// Ends all attempts, and releases reservations and the refresh ticket.
    mutating func releaseEverything() {
        sessions.cancelAll()
        for reservation in picked { reservation.release() }
        picked = []
        if case .fetched(_, let ticket) = list { ticket.abandon() }
        list = .present(isFresh: true)
        isExhausted = true
    }

    /// The error of a connect that took too long as a whole.
    private func timeoutError(_ balance: BalanceOptions, _ now: Duration) -> PQError {
        var attempts = failed
        var waited = ""
        switch list {
        case .fetched(let refresh, _): attempts += refresh.timeoutFailures(now)
        case .awaited: waited = "; the list of nodes is being fetched by another connection of this process"
        case .unknown, .present, .absent: break
        }
        attempts += sessions.attempts.map { $0.timeoutFailure(now) }
        let time = (options.connectTimeout.map { $0 * Self.timeoutsAltogether } ?? .zero).inSeconds
        // A node that is silent now would be silent for the next caller as well.
        for place in sessions.places(silentSince: now) {
            place.reservation?.markUnreachable(until: now + balance.failedHostTTL)
        }
        return PQError(
            noServer: "no session within \(time), which is \(Self.timeoutsAltogether) times connect_timeout\(waited)",
            after: attempts)
    }

    /// The error of a connect that has nothing left to try.
    private func noNodeLeft(_ balance: BalanceOptions) -> PQError {
        let listed = cluster?.nodes.count ?? 0
        let reason: String
        if case .absent = list {
            reason = "no contact point could be reached"
        } else if failed.isEmpty {
            reason = "none of the \(listed) nodes of the cluster is eligible for \(balance.policy.description)"
        } else {
            reason = "no eligible node could be reached for \(balance.policy.description)"
        }
        return PQError(noServer: reason, after: failed)
    }
}
