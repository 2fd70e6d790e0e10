import ApusCluster
import ApusPQ
import ApusWaiting

/// Attempts that overlap. While all running attempts are silent, the next address is tried beside them, and the first
/// success ends the race. A frozen node therefore delays a connect for a moment, not for its whole time-out.
struct Race: Sendable {
    /// How attempts are made, and when.
    struct Rules: Sendable {
        var options: ConnectionOptions
        var purpose: Attempt.Purpose
        /// How long each address may take; `nil` for no limit.
        var timeout: Duration?
        /// How long all running attempts have to be silent before the next one begins.
        var silence: Duration
        var lookups: HostLookups
    }

    private(set) var attempts: [Attempt] = []
    private var addressesLeft: [PlaceAddress] = []
    private let rules: Rules

    /// A time in which a healthy server answers even from another continent, and which a person hardly notices.
    static let shortestSilence: Duration = .milliseconds(400)

    /// How long attempts have to be silent before the next one begins beside them.
    /// - Parameters:
    ///   - timeout: how long an address may take.
    ///   - usual: how long healthy servers of the cluster are silent. Without it, every connect to a cluster of slow
    ///     servers would log in twice.
    static func silence(timeout: Duration?, usual: Duration) -> Duration {
        let shortest = timeout.map { min(shortestSilence, $0 / 4) } ?? shortestSilence
        return min(max(shortest, usual * 2), shortest * 4)
    }

    init(_ rules: Rules) { self.rules = rules }

    /// Whether no attempt is running.
    var isEmpty: Bool { attempts.isEmpty }

    var hasAddressesLeft: Bool { !addressesLeft.isEmpty }

    var waits: [Wait] { attempts.map(\.wait) }

    /// When all attempts will have been silent for long enough, unless one of them gets an answer.
    var stallMoment: Duration? { attempts.map(\.lastAnswer).max().map { $0 + rules.silence } }

    /// Whether the next attempt may begin: none is running, or all have been silent for long enough.
    func isStalled(_ now: Duration) -> Bool { attempts.allSatisfy { $0.silence(now) >= rules.silence } }

    // MARK: Places

    /// Adds the addresses of a place, best first.
    mutating func add(_ addresses: [PlaceAddress]) { addressesLeft += addresses }

    /// Begins an attempt on the next address.
    /// - Returns: `false` if no address is left.
    mutating func beginNext(_ now: Duration) -> Bool {
        if addressesLeft.isEmpty { return false }
        let address = addressesLeft.removeFirst()
        attempts.append(
            Attempt(
                address, for: rules.purpose, rules.options, timeout: rules.timeout, lookups: rules.lookups, now: now))
        return true
    }

    /// Whether an address of a place is being tried or will be.
    func isTrying(_ place: Place) -> Bool {
        attempts.contains { $0.place === place } || addressesLeft.contains { $0.place === place }
    }

    /// Ends the attempts on a place and removes its addresses.
    mutating func drop(_ place: Place) {
        attempts.removeAll { $0.place === place }
        addressesLeft.removeAll { $0.place === place }
    }

    /// Ends all attempts and removes all addresses.
    mutating func cancelAll() {
        attempts = []
        addressesLeft = []
    }

    /// The places all of whose attempts were silent for long enough before a moment, and have been since.
    func places(silentSince moment: Duration) -> [Place] {
        var places: [Place] = []
        for place in attempts.map(\.place) where !places.contains(where: { $0 === place }) {
            let own = attempts.filter { $0.place === place }
            if own.allSatisfy({ !$0.isAsking && $0.lastAnswer + rules.silence <= moment }) { places.append(place) }
        }
        return places
    }

    // MARK: Steps

    /// Advances the attempts until one of them ends, and removes that one.
    /// - Returns: `nil` if all of them wait.
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
