import ApusCluster
import ApusPQ
import ApusWaiting

/// Attempts that overlap. While all that are under way are silent, the next address is tried beside them, and the first
/// that succeeds ends the race: a node that is frozen costs a moment, and not its whole time-out.
struct Race: Sendable {
    /// How attempts of this race are made.
    struct Rules: Sendable {
        var options: ConnectionOptions
        var purpose: Attempt.Purpose
        /// How long each address may take.
        var timeout: Duration?
        /// How long the attempts under way may be silent before the next is begun.
        var silence: Duration
        var lookups: HostLookups
    }

    private(set) var attempts: [Attempt] = []
    private var addressesLeft: [PlaceAddress] = []
    private let rules: Rules

    /// A silence that a healthy server on another continent does not reach, and a person hardly notices.
    static let shortestSilence: Duration = .milliseconds(400)

    /// How long attempts may be silent before the next is begun beside them.
    /// - Parameters:
    ///   - timeout: how long an address may take.
    ///   - usual: how long servers of the cluster are silent though they are well. Where all of them need their time,
    ///     every connect would otherwise log in twice.
    static func silence(timeout: Duration?, usual: Duration) -> Duration {
        let shortest = timeout.map { min(shortestSilence, $0 / 4) } ?? shortestSilence
        return min(max(shortest, usual * 2), shortest * 4)
    }

    init(_ rules: Rules) { self.rules = rules }

    /// Whether no attempt is under way.
    var isEmpty: Bool { attempts.isEmpty }

    var hasAddressesLeft: Bool { !addressesLeft.isEmpty }

    var waits: [Wait] { attempts.map(\.wait) }

    /// When all attempts will have been silent for long enough, unless one of them is heard of.
    var stallMoment: Duration? { attempts.map(\.heard).max().map { $0 + rules.silence } }

    /// Whether the next attempt may be begun: none is under way, or all have been silent for long enough.
    func isStalled(_ now: Duration) -> Bool { attempts.allSatisfy { $0.silence(now) >= rules.silence } }

    // MARK: Places

    /// Takes in a place that is to be tried, at its addresses, best first.
    mutating func enter(_ addresses: [PlaceAddress]) { addressesLeft += addresses }

    /// Begins to try the next address that is left.
    /// - Returns: `false` when there is none.
    mutating func beginNext(_ now: Duration) -> Bool {
        if addressesLeft.isEmpty { return false }
        let address = addressesLeft.removeFirst()
        attempts.append(
            Attempt(
                address, for: rules.purpose, rules.options, timeout: rules.timeout, lookups: rules.lookups, now: now))
        return true
    }

    /// Whether an address of a place is being tried, or still to be tried.
    func isTrying(_ place: Place) -> Bool {
        attempts.contains { $0.place === place } || addressesLeft.contains { $0.place === place }
    }

    /// Gives a place up.
    mutating func leave(_ place: Place) {
        attempts.removeAll { $0.place === place }
        addressesLeft.removeAll { $0.place === place }
    }

    /// Gives all places up.
    mutating func end() {
        attempts = []
        addressesLeft = []
    }

    /// The places all of whose attempts have been silent since a moment, and for long enough before it.
    func places(silentSince moment: Duration) -> [Place] {
        var places: [Place] = []
        for place in attempts.map(\.place) where !places.contains(where: { $0 === place }) {
            let own = attempts.filter { $0.place === place }
            if own.allSatisfy({ !$0.isAsking && $0.heard + rules.silence <= moment }) { places.append(place) }
        }
        return places
    }

    // MARK: Steps

    /// Advances the attempts until one of them ends, which leaves the race.
    /// - Returns: `nil` when all of them wait.
    mutating func next(_ now: Duration) -> (attempt: Attempt, end: Attempt.Step)? {
        for (index, attempt) in attempts.enumerated() {
            let hadTargets = !attempt.otherTargets.isEmpty
            let step = attempt.advance(now)
            if !hadTargets && !attempt.otherTargets.isEmpty {
                let others = attempt.otherTargets.map { PlaceAddress(attempt.place, $0, attempt.address.addressing) }
                addressesLeft.insert(contentsOf: others, at: 0)
            }
            if case .wait = step { continue }
            attempts.remove(at: index)
            return (attempt, step)
        }
        return nil
    }
}
