import ApusCluster
import ApusPQ

/// How the connect picks nodes and connects to them, and to the contact points when no node is left.
extension BalancedConnect {
    /// Advances the attempts to open a session.
    /// - Returns: whether one succeeded.
    mutating func advanceSessions(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Bool {
        while let (attempt, end) = sessions.next(now) {
            switch end {
            case .opened:
                finish(with: attempt, balance, now)
                return true
            case .failed(let failure):
                try handle(failure, of: attempt, balance, now)
            case .wait, .list:
                break
            }
        }
        return false
    }

    /// Begins an attempt on the next address, node or contact point, or asks for a newer list.
    /// - Returns: `false` if nothing is left, or the list has to be waited for.
    mutating func beginNext(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Bool {
        if sessions.beginNext(now) { return true }
        switch list {
        case .unknown, .awaited, .fetched:
            return false
        case .present(let isFresh):
            if let cluster, let picked = cluster.pick(balance.policy, excluding: picked, now: now) {
                self.picked.append(picked)
                let place = Place(.node(picked))
                sessions.add(place.addresses(of: picked.node, cluster.addressing))
                return sessions.beginNext(now)
            }
            if !isFresh {
                // No node of the list is left, and the list is not new, so it may have changed.
                list = .unknown(force: true)
                return true
            }
            guard balance.policy.fallsBackToContactPoints else { return false }
            return beginContactPoint(now)
        case .absent:
            guard balance.policy.fallsBackToContactPoints else { throw noClusterError(balance) }
            return beginContactPoint(now)
        }
    }

    private mutating func beginContactPoint(_ now: Duration) -> Bool {
        var left = contactPoints ?? options.contactPoints[...]
        let inFlight = Set(sessions.attempts.map(\.address.target))
        defer { contactPoints = left }
        while let contact = left.popFirst() {
            if triedTargets.contains(contact) || inFlight.contains(contact) { continue }
            sessions.add([PlaceAddress(Place(.contactPoint), contact)])
            return sessions.beginNext(now)
        }
        return false
    }

    private func noClusterError(_ balance: BalanceOptions) -> PQError {
        PQError(
            noServer: "\(balance.policy.description) needs a YugabyteDB cluster: the server at "
                + options.contactPoints.map(\.description).joined(separator: ", ")
                + " has no function yb_servers() in database \"\(options.database)\"", after: failed)
    }

    private mutating func finish(with attempt: Attempt, _ balance: BalanceOptions, _ now: Duration) {
        connection = attempt.takeConnection()
        switch attempt.place.kind {
        case .node(let reservation):
            self.reservation = reservation
            reservation.markReached()
            if let cluster, cluster.addressing == .undecided, reservation.node.publicHost != nil {
                cluster.addressing = attempt.address.addressing
            }
        case .contactPoint, .source:
            reservation = cluster?.countSession(at: attempt.address.target.namedEndpoint)
        }
        if !wasLate { cluster?.recordSilence(attempt.longestSilence) }
        // A node that was silent all the time would make the next connect that picks it wait as well.
        for place in sessions.places(silentSince: attempt.began) where place !== attempt.place {
            place.reservation?.markUnreachable(until: now + balance.failedHostTTL)
        }
        picked.removeAll { $0 === reservation }
        releaseEverything()
    }

    private mutating func handle(
        _ failure: ConnectFailure, of attempt: Attempt, _ balance: BalanceOptions, _ now: Duration
    ) throws(PQError) {
        let place = attempt.place
        isExhausted = false
        let action = FailureAction(
            failure.reason, at: place.kind.role, hasOtherAddress: sessions.isTrying(place))
        if action == .raise { throw PQError(failure) }
        failed.append(attempt.failure(failure))
        triedTargets.insert(attempt.address.target)
        guard case .leave(let quarantine) = action else { return }
        sessions.drop(place)
        if quarantine { place.reservation?.markUnreachable(until: now + balance.failedHostTTL) }
        place.reservation?.release()
    }
}
