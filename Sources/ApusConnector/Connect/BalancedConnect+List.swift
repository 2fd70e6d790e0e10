import ApusCluster
import ApusPQ
import ApusWaiting

/// How the connect gets the list of nodes: from the cluster, from another caller that fetches it, or by fetching it.
extension BalancedConnect {
    /// How long after its beginning another caller's refresh is waited for. Then the list is fetched again, because
    /// that caller may not advance its refresh: it may be an asynchronous connection of the same thread.
    static let longestPatience: Duration = .seconds(3)

    private var patience: Duration { min(options.connectTimeout ?? Self.longestPatience, Self.longestPatience) }

    private var contactEndpoints: Set<Endpoint> { Set(options.contactPoints.map(\.namedEndpoint)) }

    private var silence: Duration {
        Race.silence(timeout: options.connectTimeout, usual: cluster?.usualSilence ?? .zero)
    }

    /// Advances the phase of the list.
    /// - Returns: whether the phase changed. If not, it has to be waited for, or there is nothing to do.
    mutating func advanceList(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Bool {
        switch list {
        case .unknown(let force):
            try planList(force, balance, now)
            return true
        case .awaited(let refresh, _, let moment, let force):
            if let outcome = refresh.outcome {
                try useOutcome(outcome, force)
            } else if now >= moment {
                list = .unknown(force: force)
            } else {
                return false
            }
            return true
        case .fetched(let refresh, let ticket):
            return try advanceRefresh(refresh, ticket, balance, now)
        case .present, .absent:
            return false
        }
    }

    private mutating func planList(_ force: Bool, _ balance: BalanceOptions, _ now: Duration) throws(PQError) {
        let cluster = registry.cluster(behind: contactEndpoints)
        setCluster(cluster)
        let plan = cluster.planRefresh(
            interval: balance.refreshInterval, force: force, database: options.database, patience: patience,
            lifetime: balance.refreshTimeout, now: now)
        switch plan {
        case .pick:
            list = .present(isFresh: force)
        case .connectPlainly:
            list = .absent
        case .wait(let refresh):
            let signal = try PQError.system(Signal.init)
            refresh.whenEnded { signal.raise() }
            list = .awaited(refresh, signal, until: refresh.began + patience, force: force)
        case .refresh(let ticket):
            let hasList = !cluster.nodes.isEmpty
            let refresh = RefreshMachine(
                options, deadline: refreshDeadline(balance, hasList: hasList, now), sources: sources(cluster, now),
                hasList: hasList, silence: silence, lookups: lookups)
            list = .fetched(refresh, ticket)
        }
    }

    /// If there is a list already, refreshing it may take half of the time that is left; the rest is for the nodes.
    private func refreshDeadline(_ balance: BalanceOptions, hasList: Bool, _ now: Duration) -> Duration {
        let own = now + balance.refreshTimeout
        guard let deadline else { return own }
        return min(own, hasList ? now + (deadline - now) / 2 : deadline)
    }

    /// Sets the cluster whose nodes are picked.
    private mutating func setCluster(_ cluster: Cluster) {
        self.cluster = cluster
        if sessions.isEmpty && !sessions.hasAddressesLeft {
            sessions = Self.race(options, usualSilence: cluster.usualSilence, lookups)
        }
    }

    /// The servers that are asked for the list, in order: nodes that are not in quarantine, the contact points, and
    /// nodes in quarantine.
    private func sources(_ cluster: Cluster, _ now: Duration) -> [PlaceAddress] {
        let status = cluster.status.filter(\.isListed).shuffled()
        let addressing = cluster.addressing
        func source(_ status: Cluster.NodeStatus) -> PlaceAddress? {
            Place(.source(.knownNode)).addresses(of: status.node, addressing).first
        }
        let well = status.filter { $0.downUntil.map { $0 <= now } ?? true }.prefix(3)
        let others = status.filter { $0.downUntil.map { $0 > now } ?? false }.prefix(3)
        let contacts = options.contactPoints.map { PlaceAddress(Place(.source(.contactPoint)), $0) }
        let all = well.compactMap(source) + contacts + others.compactMap(source)
        var seen = triedTargets.union(sessions.attempts.map(\.address.target))
        return all.filter { seen.insert($0.target).inserted }
    }

    /// Continues after another caller's refresh ended.
    private mutating func useOutcome(_ outcome: ListRefresh.Outcome, _ force: Bool) throws(PQError) {
        let cluster = registry.cluster(behind: contactEndpoints)
        setCluster(cluster)
        let hasList = !cluster.nodes.isEmpty
        switch outcome {
        case .refreshed:
            // The list is new, so that the callers that waited for it need not fetch it again.
            list = hasList ? .present(isFresh: true) : .unknown(force: false)
        case .failed(let message):
            // The other caller asked all sources, so none is left for this one.
            guard hasList else { throw PQError(.connect, message) }
            list = .present(isFresh: true)
        case .abandoned:
            list = .unknown(force: force)
        }
    }

    // MARK: Fetching it

    private mutating func advanceRefresh(
        _ present: RefreshMachine, _ ticket: RefreshTicket, _ balance: BalanceOptions, _ now: Duration
    ) throws(PQError) -> Bool {
        var refresh = present
        let outcome = refresh.advance(now) { prepareOverlap() }
        let unreachable = refresh.takeUnreachable()
        quarantine(unreachable, in: cluster, balance, now)
        list = .fetched(refresh, ticket)
        switch outcome {
        case nil:
            return false
        case .list(let fetched):
            let found = registry.finishRefresh(
                ticket, nodes: fetched.nodes, from: fetched.kind, contactPoints: contactEndpoints, now: now)
            guard let found else {
                refresh.rejectSource(fetched.source)
                list = .fetched(refresh, ticket)
                return true
            }
            if fetched.kind == .contactPoint {
                let addressing = ServerList.addressing(of: fetched.nodes, at: fetched.reached)
                if addressing != .undecided || found.addressing == .undecided { found.addressing = addressing }
            }
            // Now that the list is known, some contact points may turn out to be nodes of it.
            quarantine(unreachable, in: found, balance, now)
            setCluster(found)
            list = .present(isFresh: true)
        case .plainServer:
            if balance.policy.fallsBackToContactPoints && cluster?.shouldWarnOfPlainServer(options.database) == true {
                warnings.append(
                    "load_balance is on, but the server has no function yb_servers() in database"
                        + " \"\(options.database)\": connecting to the contact points without balancing")
            }
            ticket.reportPlainServer(options.database, now: now)
            list = .absent
        case .rejected(let failure):
            throw PQError(failure)
        case .failed(let attempts):
            for attempt in attempts where triedTargets.insert(attempt.target).inserted { failed.append(attempt) }
            let error = PQError(noServer: "the list of nodes could not be fetched", after: attempts)
            ticket.fail(error.message, retryAfter: now + balance.failedHostTTL)
            if cluster?.nodes.isEmpty ?? true { throw error }
            list = .present(isFresh: true)
        }
        return true
    }

    private func quarantine(_ endpoints: [Endpoint], in cluster: Cluster?, _ balance: BalanceOptions, _ now: Duration) {
        for endpoint in endpoints { cluster?.quarantine(endpoint, until: now + balance.failedHostTTL) }
    }
}
