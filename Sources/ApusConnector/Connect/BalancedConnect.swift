import ApusCluster
import ApusPQ
import ApusWaiting

/// Opens a session by the caller's options: a plain connection, or the least loaded node of a cluster.
///
/// The steps, each without blocking: find the cluster behind the contact points; refresh its list if it is old and no
/// other caller does; pick and reserve a node; connect to it; on failure, by class, go on to the next or give up
/// (``FailureAction``). While a node is silent the next one is tried beside it (``Race``). Each address has
/// `connect_timeout`, and the connect as a whole three times that.
///
/// One step may burn milliseconds of SCRAM: an event loop advances the machine on a thread of its own. Letting go of
/// the machine gives up at once, and gives back whatever it held.
public struct BalancedConnect: ~Copyable, StepMachine {
    /// The session that counts on the node; `nil` for a plain connection to a place that no list knows. The owner of
    /// the connection releases it when the connection is closed or found broken.
    public internal(set) var reservation: Reservation?
    /// What the application's log should hear, each worded for people.
    public internal(set) var warnings: [String] = []

    let options: ConnectionOptions
    let registry: ClusterRegistry
    let lookups: HostLookups
    var connection: PQConnection?

    /// Without balancing.
    private var plain: ConnectMachine?

    var cluster: Cluster?
    var list = ListPhase.unknown(force: false)
    var sessions: Race
    /// Nodes that were picked: they are not picked again.
    var picked: [Reservation] = []
    /// The contact points that are left, once it came to them.
    var contactPoints: ArraySlice<Target>?
    var failed: [FailedAttempt] = []
    /// What was tried: it is not tried again in another role.
    var triedTargets: Set<Target> = []
    /// Nothing is left to be tried, for the present.
    var isExhausted = false

    /// When the connect is given up as a whole; `nil` for never, and before it began.
    private(set) var deadline: Duration?
    /// When the machine asked to be advanced at the latest.
    private var expected: Duration?
    /// The machine was advanced much later than it asked for.
    private(set) var wasLate = false
    private var queue: EventQueue?

    /// Where the list of nodes comes from. The large payloads are boxed, because every step looks at the phase.
    enum ListPhase {
        /// The cluster is asked what to do.
        case unknown(force: Bool)
        /// Another caller fetches the list; it is waited for until a moment.
        indirect case awaited(ListRefresh, Signal, until: Duration, force: Bool)
        /// This caller fetches the list.
        indirect case fetched(RefreshMachine, RefreshTicket)
        /// There is a list. If none of its nodes can be reached and it is not of just now, it is fetched again.
        case present(isFresh: Bool)
        /// There is no list to be had: the server is no cluster's.
        case absent

        var isUnderWay: Bool {
            switch self {
            case .awaited, .fetched: true
            case .unknown, .present, .absent: false
            }
        }
    }

    /// How many times `connect_timeout` the connect may take as a whole: the list, all nodes, and the contact points.
    static let timeoutsAltogether = 3

    /// - Parameter registry: the clusters that are known; the process's own unless a test says otherwise.
    public init(_ options: ConnectionOptions, registry: ClusterRegistry = ProcessRegistry.shared) {
        self.init(options, registry: registry, lookups: ProcessRegistry.lookups)
    }

    /// - Parameter lookups: resolves names.
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

    /// The open connection, once ``advance(now:)`` returned `nil`; `nil` before, and when it was taken already.
    public mutating func takeConnection() -> PQConnection? { connection.take() }

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
            giveUp()
            throw error
        }
    }

    /// Time that passes while a program does not get round to its asynchronous connection does not count: no node is to
    /// blame for it.
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
            // What has arrived counts, however late the caller looks at it: first the attempts, then the clock.
            if try advanceSessions(balance, now) { return nil }
            if try advanceList(balance, now) {
                isExhausted = false
                continue
            }
            if let deadline, now >= deadline { throw overdue(balance, now) }
            if !isExhausted, sessions.isStalled(now) {
                if sessions.isEmpty || prepareOverlap(), try beginNext(balance, now) { continue }
                isExhausted = true
            }
            if sessions.isEmpty && !list.isUnderWay { throw nobodyLeft(balance) }
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

    /// Whether several descriptors can be waited for at once: if the process has no descriptor left for the queue,
    /// nodes are tried one after the other.
    mutating func prepareOverlap() -> Bool {
        if queue == nil { queue = try? EventQueue() }
        return queue != nil
    }

    /// Waits for whatever is under way.
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
        // Each descriptor reports once and is then registered anew: what a fork's child keeps open of a socket that was
        // closed here reports once at most. What reported is taken out first.
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

    /// Gives back whatever is held.
    mutating func giveUp() {
        sessions.end()
        for reservation in picked { reservation.release() }
        picked = []
        if case .fetched(_, let ticket) = list { ticket.abandon() }
        list = .present(isFresh: true)
        isExhausted = true
    }

    /// The connect took too long as a whole.
    private func overdue(_ balance: BalanceOptions, _ now: Duration) -> PQError {
        var attempts = failed
        var waited = ""
        switch list {
        case .fetched(let refresh, _): attempts += refresh.unfinished(now)
        case .awaited: waited = "; the list of nodes is being fetched by another connection of this process"
        case .unknown, .present, .absent: break
        }
        attempts += sessions.attempts.map { $0.unfinished(now) }
        let time = (options.connectTimeout.map { $0 * Self.timeoutsAltogether } ?? .zero).inSeconds
        // What is silent now would be silent for the next caller.
        for place in sessions.places(silentSince: now) {
            place.reservation?.markUnreachable(until: now + balance.failedHostTTL)
        }
        return PQError(
            noServer: "no session within \(time), which is \(Self.timeoutsAltogether) times connect_timeout\(waited)",
            after: attempts)
    }

    private func nobodyLeft(_ balance: BalanceOptions) -> PQError {
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
