import ApusCluster
import ApusPQ

/// Picking nodes and connecting to them, and to the contact points when no node is left.
extension BalancedConnect {
    /// Goes on with the attempts to open a session.
    /// - Returns: whether one succeeded.
    mutating func advanceSessions(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Bool {
        while let (attempt, end) = sessions.next(now) {
            switch end {
            case .opened:
                succeed(attempt, balance, now)
                return true
            case .failed(let failure):
                try take(failure, of: attempt, balance, now)
            case .wait, .list:
                break
            }
        }
        return false
    }

    /// Begins to try the next address, node or contact point, or to find out what there is to try.
    /// - Returns: `false` when nothing is left, or the list has to be waited for.
    mutating func beginNext(_ balance: BalanceOptions, _ now: Duration) throws(PQError) -> Bool {
        if sessions.beginNext(now) { return true }
        switch list {
        case .unknown, .awaited, .fetched:
            return false
        case .present(let isFresh):
            if let cluster, let picked = cluster.pick(balance.policy, excluding: picked, now: now) {
                self.picked.append(picked)
                let place = Place(.node(picked))
                sessions.enter(place.addresses(of: picked.node, cluster.addressing))
                return sessions.beginNext(now)
            }
            if !isFresh {
                // No node on the list is left, and the list is not of just now: it may have changed.
                list = .unknown(force: true)
                return true
            }
            guard balance.policy.fallsBackToContactPoints else { return false }
            return beginContactPoint(now)
        case .absent:
            guard balance.policy.fallsBackToContactPoints else { throw needsCluster(balance) }
            return beginContactPoint(now)
        }
    }

    private mutating func beginContactPoint(_ now: Duration) -> Bool {
        var left = contactPoints ?? options.contactPoints[...]
        let inFlight = Set(sessions.attempts.map(\.address.target))
        defer { contactPoints = left }
        while let contact = left.popFirst() {
            if triedTargets.contains(contact) || inFlight.contains(contact) { continue }
            sessions.enter([PlaceAddress(Place(.contactPoint), contact)])
            return sessions.beginNext(now)
        }
        return false
    }

    private func needsCluster(_ balance: BalanceOptions) -> PQError {
        PQError(
            noServer: "\(balance.policy.description) needs a YugabyteDB cluster: the server at "
                + options.contactPoints.map(\.description).joined(separator: ", ")
                + " has no function yb_servers() in database \"\(options.database)\"", after: failed)
    }

    private mutating func succeed(_ attempt: Attempt, _ balance: BalanceOptions, _ now: Duration) {
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
        // The next connect that picks a node which was silent all the time would wait for it again.
        for place in sessions.places(silentSince: attempt.began) where place !== attempt.place {
            place.reservation?.markUnreachable(until: now + balance.failedHostTTL)
        }
        picked.removeAll { $0 === reservation }
        giveUp()
    }

    private mutating func take(
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
        sessions.leave(place)
        if quarantine { place.reservation?.markUnreachable(until: now + balance.failedHostTTL) }
        place.reservation?.release()
    }
}
