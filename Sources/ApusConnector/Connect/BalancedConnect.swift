import ApusCluster
import ApusPQ

/// Opens a session by the caller's options: a plain connection, or the least loaded node of a cluster.
///
/// The steps, each without blocking: find the cluster behind the contact points; refresh its list if it is old and
/// nobody else is at it; pick and reserve a node; connect to it; on failure, by class, go on to the next or give up.
/// See the design's "The balanced connect, as data flows" and ``ConnectFailure/Reason``.
///
/// One step may block in name resolution and burn milliseconds of SCRAM: an event loop advances the machine on a
/// thread of its own. Letting go of the machine gives up at once, and gives back whatever it held.
public struct BalancedConnect: ~Copyable, StepMachine, @unchecked Sendable {
    /// The session that counts on the node; `nil` for a plain connection to a place that no list knows. Whoever owns
    /// the connection releases it when the connection is closed or found broken.
    public private(set) var reservation: Reservation?
    /// What the application's log should hear, each worded for people.
    public private(set) var warnings: [String] = []

    private let options: ConnectionOptions
    private let registry: ClusterRegistry
    private var connection: PQConnection?

    private enum Phase { case plan, wait, refresh, pick, node, plain }
    private var phase: Phase
    private var cluster: Cluster?

    /// While another caller fetches the first list.
    private var flight: Flight?
    private var flightEnded: Signal?
    /// While this caller fetches the list.
    private var refresh: RefreshMachine?
    private var ticket: RefreshTicket?
    private var hasRefreshed = false
    private var mustRefresh = false

    /// The attempt under way, and what is left to try of its node.
    private var connect: ConnectMachine?
    private var target: NodeTarget?
    private var alternatives: ArraySlice<Candidate> = []
    private var candidate: Candidate?
    private var tried: [Reservation] = []
    private var contactPointsLeft: ArraySlice<ContactPoint> = []
    private var isPlainServer = false
    private var failed: [FailedAttempt] = []
    private var failedEndpoints: Set<NodeTarget> = []

    /// One way to address a node.
    private struct Candidate: Sendable {
        var target: NodeTarget
        var addressing: Cluster.Addressing
    }

    /// How long a node's private address may take while it is not known whether private addresses can be reached at
    /// all, and there is a public one to go on with.
    private static let probeTimeout: Duration = .seconds(3)

    /// - Parameter registry: the clusters that are known; the process's own unless a test says otherwise.
    public init(_ options: ConnectionOptions, registry: ClusterRegistry = ProcessRegistry.shared) {
        self.options = options
        self.registry = registry
        phase = options.balance == nil ? .plain : .plan
        if let balance = options.balance { registry.note(balance.policy) }
    }

    /// The open connection, once ``advance(now:)`` returned `nil`; `nil` before, and when it was taken already.
    public mutating func takeConnection() -> PQConnection? { connection.take() }

    public mutating func advance(now: Duration) throws(PQError) -> Wait? {
        LibraryGate.enter()
        defer { LibraryGate.leave() }
        guard let balance = options.balance else { return try advancePlain(now) }
        while true {
            switch phase {
            case .plan:
                plan(balance, now)
            case .wait:
                if let wait = try awaitFlight() { return wait }
            case .refresh:
                if let wait = try advanceRefresh(balance, now) { return wait }
            case .pick:
                try pick(balance, now)
            case .node:
                if let wait = try advanceNode(balance, now) { return wait }
                if connection != nil { return nil }
            case .plain:
                if let wait = try advanceContactPoint(balance, now) { return wait }
                if connection != nil { return nil }
            }
        }
    }

    // MARK: Without balancing

    private mutating func advancePlain(_ now: Duration) throws(PQError) -> Wait? {
        if connect == nil {
            connect = ConnectMachine(parameters: options.parameters, timeout: options.connectTimeout)
        }
        do {
            if let wait = try connect?.advance(now: now) { return wait }
        } catch {
            throw PQError(error)
        }
        connection = connect?.takeConnection()
        connect = nil
        return nil
    }

    // MARK: The list

    private mutating func plan(_ balance: BalanceOptions, _ now: Duration) {
        let cluster = registry.cluster(behind: Set(options.contactPoints.map(\.endpoint)))
        self.cluster = cluster
        if hasRefreshed && !mustRefresh {
            phase = .pick
            return
        }
        switch cluster.plan(interval: balance.refreshInterval, force: mustRefresh, now: now) {
        case .pick:
            phase = .pick
        case .connectPlainly:
            connectPlainly(balance)
        case .wait(let flight):
            self.flight = flight
            phase = .wait
        case .refresh(let ticket):
            self.ticket = ticket
            let ttl = balance.failedHostTTL
            refresh = RefreshMachine(
                options, timeout: balance.refreshTimeout, sources: sources(cluster, now),
                hasList: !cluster.nodes.isEmpty,
                now: now,
                onUnreachable: { source in
                    if source.kind == .knownNode {
                        cluster.quarantine(source.target.endpoint, until: Monotonic.now + ttl)
                    }
                })
            phase = .refresh
        }
        mustRefresh = false
    }

    /// Whom to ask for the list: nodes that are well, then the contact points, then nodes that were not.
    private func sources(_ cluster: Cluster, _ now: Duration) -> [RefreshMachine.Source] {
        let status = cluster.status.filter(\.isListed).shuffled()
        let addressing = cluster.addressing
        func source(_ status: Cluster.NodeStatus) -> RefreshMachine.Source? {
            Self.candidates(status.node, addressing).first.map { .init(target: $0.target, kind: .knownNode) }
        }
        let well = status.filter { $0.downUntil.map { $0 <= now } ?? true }.prefix(3)
        let others = status.filter { $0.downUntil.map { $0 > now } ?? false }.prefix(3)
        let contacts = options.contactPoints.map { RefreshMachine.Source(target: $0.target, kind: .contactPoint) }
        let all = well.compactMap(source) + contacts + others.compactMap(source)
        var seen = failedEndpoints
        return all.filter { seen.insert($0.target).inserted }
    }

    private mutating func awaitFlight() throws(PQError) -> Wait? {
        guard let flight else {
            phase = .plan
            return nil
        }
        if let outcome = flight.outcome {
            (self.flight, flightEnded) = (nil, nil)
            phase = .plan
            let hasList = cluster.map { !$0.nodes.isEmpty } ?? false
            switch outcome {
            case .refreshed:
                // The list is of just now: it need not be fetched again by everybody who waited for it.
                hasRefreshed = hasList
            case .failed(let message):
                // Whoever fetched the list asked everybody: there is nobody left for us to ask.
                guard hasList else { throw PQError(.connect, message) }
                hasRefreshed = true
            case .abandoned:
                break
            }
            return nil
        }
        if flightEnded == nil {
            let signal = try Signal()
            flightEnded = signal
            flight.whenEnded { signal.raise() }
        }
        return Wait(descriptor: flightEnded?.descriptor, interest: .read)
    }

    private mutating func advanceRefresh(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Wait? {
        if let wait = try refresh?.advance(now: now) { return wait }
        guard let outcome = refresh?.outcome, let ticket, let cluster else {
            phase = .plan
            return nil
        }
        switch outcome {
        case .list(let nodes, let source, let host, let address):
            let contactPoints = Set(options.contactPoints.map(\.endpoint))
            guard
                let found = registry.finish(
                    ticket, nodes: nodes, from: source.kind, contactPoints: contactPoints, now: now)
            else {
                refresh?.rejectList()
                return nil
            }
            if source.kind == .contactPoint {
                let addressing = ServerList.addressing(of: nodes, host: host, address: address)
                if addressing != .undecided || found.addressing == .undecided { found.addressing = addressing }
            }
            self.cluster = found
            phase = .pick
        case .plainServer:
            if balance.policy.fallsBackToContactPoints && cluster.shouldWarnOfPlainServer() {
                warnings.append(
                    "load_balance is on, but the server has no function yb_servers(): connecting to the contact points"
                        + " without balancing")
            }
            ticket.findPlainServer(now: now)
            connectPlainly(balance)
        case .rejected(let failure):
            ticket.abandon()
            throw PQError(failure)
        case .failed(let attempts):
            let error = PQError(nobodyLeft: "cannot fetch the list of nodes", after: attempts)
            for attempt in attempts where failedEndpoints.insert(attempt.target).inserted { failed.append(attempt) }
            ticket.fail(error.message, retryAfter: now + balance.failedHostTTL)
            phase = .pick
            if cluster.nodes.isEmpty { throw error }
        }
        hasRefreshed = true
        refresh = nil
        self.ticket = nil
        return nil
    }

    private mutating func connectPlainly(_ balance: BalanceOptions) {
        contactPointsLeft = options.contactPoints[...]
        phase = .plain
        isPlainServer = true
    }

    // MARK: A node

    private mutating func pick(_ balance: BalanceOptions, _ now: Duration) throws(PQError) {
        guard let cluster else {
            phase = .plan
            return
        }
        if let picked = cluster.pick(balance.policy, excluding: tried, now: now) {
            reservation = picked
            alternatives = Self.candidates(picked.node, cluster.addressing)[...]
            phase = .node
            return
        }
        if !hasRefreshed {
            // Nobody on the list is left, and the list is not of just now: it may know better.
            mustRefresh = true
            phase = .plan
            return
        }
        guard balance.policy.fallsBackToContactPoints else { throw nobodyLeft(balance) }
        contactPointsLeft = options.contactPoints.filter { !failedEndpoints.contains($0.target) }[...]
        phase = .plain
    }

    /// The ways to address a node, best first.
    private static func candidates(_ node: ClusterNode, _ addressing: Cluster.Addressing) -> [Candidate] {
        let own = Candidate(
            target: NodeTarget(host: node.endpoint.host, address: "", port: node.endpoint.port),
            addressing: .privateHost)
        guard let publicHost = node.publicHost, publicHost != node.endpoint.host else { return [own] }
        // A name is kept for TLS where the public address is in numbers.
        let keepsName = HostAddresses.isNumeric(publicHost) && !HostAddresses.isNumeric(node.endpoint.host)
        let other = Candidate(
            target: NodeTarget(
                host: keepsName ? node.endpoint.host : publicHost, address: keepsName ? publicHost : "",
                port: node.endpoint.port), addressing: .publicHost)
        switch addressing {
        case .privateHost: return [own]
        case .publicHost: return [other]
        case .undecided: return [own, other]
        }
    }

    private mutating func advanceNode(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Wait? {
        if connect == nil {
            guard let next = alternatives.popFirst() else {
                phase = .pick
                return nil
            }
            candidate = next
            let limit = alternatives.isEmpty ? nil : Self.probeTimeout
            connect = ConnectMachine(
                parameters: options.parameters(for: next.target),
                timeout: options.connectTimeout.map { min($0, limit ?? $0) } ?? limit)
        }
        do {
            if let wait = try connect?.advance(now: now) { return wait }
        } catch {
            connect = nil
            try nodeFailed(error, balance, now)
            return nil
        }
        connection = connect?.takeConnection()
        connect = nil
        reservation?.markReached()
        if let candidate, let cluster, cluster.addressing == .undecided, reservation?.node.publicHost != nil {
            cluster.addressing = candidate.addressing
        }
        tried = []
        return nil
    }

    private mutating func nodeFailed(
        _ failure: ConnectFailure, _ balance: BalanceOptions, _ now: Duration
    ) throws(PQError) {
        guard let candidate, let reservation else { return }
        let isDown: Bool
        switch failure.reason {
        case .rejected, .invalidOptions, .system:
            reservation.release()
            self.reservation = nil
            throw PQError(failure)
        case .unreachable, .timedOut, .unavailable: isDown = true
        case .overloaded, .unsuitable: isDown = false
        }
        let node = reservation.node
        failed.append(
            FailedAttempt(
                target: candidate.target, role: "\(node.placement), \(node.kind.rawValue)", failure: failure))
        failedEndpoints.insert(candidate.target)
        if isDown && !alternatives.isEmpty { return }
        alternatives = []
        if isDown { reservation.markUnreachable(until: now + balance.failedHostTTL) }
        reservation.release()
        tried.append(reservation)
        self.reservation = nil
    }

    // MARK: The contact points, when no node is left

    private mutating func advanceContactPoint(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Wait? {
        if isPlainServer {
            guard balance.policy.fallsBackToContactPoints else {
                throw PQError(
                    .connect,
                    "\(balance.policy.description) needs a YugabyteDB cluster: the server at "
                        + options.contactPoints.map(\.target.description).joined(separator: ", ")
                        + " has no function yb_servers()")
            }
        }
        if connect == nil {
            guard let contact = contactPointsLeft.popFirst() else { throw nobodyLeft(balance) }
            target = contact.target
            connect = ConnectMachine(
                parameters: options.parameters(for: contact.target), timeout: options.connectTimeout)
        }
        do {
            if let wait = try connect?.advance(now: now) { return wait }
        } catch {
            connect = nil
            switch error.reason {
            case .rejected, .invalidOptions, .system: throw PQError(error)
            default: break
            }
            if let target { failed.append(FailedAttempt(target: target, role: "contact point", failure: error)) }
            return nil
        }
        connection = connect?.takeConnection()
        connect = nil
        if let target { reservation = cluster?.adopt(target.endpoint) }
        return nil
    }

    private func nobodyLeft(_ balance: BalanceOptions) -> PQError {
        let listed = cluster?.nodes.count ?? 0
        let reason =
            isPlainServer
            ? "no contact point could be reached"
            : failed.isEmpty
                ? "none of the \(listed) nodes of the cluster is eligible for \(balance.policy.description)"
                : "no eligible node could be reached for \(balance.policy.description)"
        return PQError(nobodyLeft: reason, after: failed)
    }
}
