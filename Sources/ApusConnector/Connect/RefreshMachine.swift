import ApusCluster
import ApusPQ
import ApusWaiting

/// Fetches the list of nodes on a control connection. It has the caller's identity, is in autocommit, has a deadline,
/// and is closed as soon as the list is read. The sources are asked one after the other; while they are silent, the
/// next one is asked beside them.
struct RefreshMachine: Sendable {
    /// A list of nodes, and where it was read.
    struct FetchedList: Sendable {
        var nodes: [ClusterNode]
        /// The source that was asked, as it was given.
        var source: PlaceAddress
        var kind: ClusterRegistry.SourceKind
        /// What was connected to: the address is that of the source's name.
        var reached: Target
    }

    enum Outcome: Sendable {
        /// If the list belongs to another cluster, advance again, because other sources may be left.
        case list(FetchedList)
        /// The caller's database at a contact point has no `yb_servers()`.
        case plainServer
        /// The login was refused, as every node would refuse it.
        case rejected(ConnectFailure)
        /// No source gave a list.
        case failed([FailedAttempt])
    }

    private var race: Race
    private var sources: ArraySlice<PlaceAddress>
    private var failed: [FailedAttempt] = []
    private var canOverlap = true
    private let hasList: Bool
    private var deadline: Duration
    /// Sources that could not be reached, or were silent until another one answered.
    private var unreachable: [Endpoint] = []

    /// How long one source may take to connect, and then to answer.
    private static let longestSource: Duration = .seconds(5)

    /// - Parameters:
    ///   - hasList: whether there is a last good list. If there is, a server without `yb_servers()` is a failed source.
    ///   - silence: how long sources have to be silent before the next one is asked beside them.
    init(
        _ options: ConnectionOptions, deadline: Duration, sources: [PlaceAddress], hasList: Bool, silence: Duration,
        lookups: HostLookups
    ) {
        self.sources = sources[...]
        self.hasList = hasList
        self.deadline = deadline
        let timeout = min(options.connectTimeout ?? Self.longestSource, Self.longestSource)
        race = Race(
            Race.Rules(
                options: options, purpose: .list(timeout: timeout), timeout: timeout, silence: silence, lookups: lookups
            ))
    }

    /// What to wait for, with the moment when the next source is asked.
    var waits: [Wait] {
        let moment = canOverlap && (!sources.isEmpty || race.hasAddressesLeft) ? race.stallMoment : nil
        return race.waits.map { $0.until(deadline).until(moment) }
    }

    /// Moves out the sources that were found to be down since the last call.
    mutating func takeUnreachable() -> [Endpoint] {
        defer { unreachable = [] }
        return unreachable
    }

    /// Extends the deadline.
    mutating func extend(by time: Duration) { deadline += time }

    /// The failures of a refresh whose caller's time is over.
    func timeoutFailures(_ now: Duration) -> [FailedAttempt] { failed + race.attempts.map { $0.timeoutFailure(now) } }

    /// Advances as far as is possible without waiting.
    /// - Parameter prepareOverlap: whether several sources can be waited for at once; called only if needed.
    /// - Returns: `nil` while there is something to wait for.
    mutating func advance(_ now: Duration, prepareOverlap: () -> Bool) -> Outcome? {
        while true {
            while let (attempt, end) = race.next(now) {
                if let outcome = outcome(of: attempt, end) { return outcome }
            }
            if now >= deadline {
                failed += race.attempts.map { $0.timeoutFailure(now) }
                race.cancelAll()
                sources = []
            } else if race.isStalled(now), mayBeginNext(prepareOverlap), beginNext(now) {
                continue
            }
            return race.isEmpty ? .failed(failed) : nil
        }
    }

    private mutating func mayBeginNext(_ prepareOverlap: () -> Bool) -> Bool {
        if race.isEmpty { return true }
        if canOverlap { canOverlap = prepareOverlap() }
        return canOverlap
    }

    /// Records that a source's list belongs to another cluster.
    mutating func rejectSource(_ source: PlaceAddress) {
        let failure = ConnectFailure(.unsuitable, "another cluster answers at this address")
        failed.append(FailedAttempt(target: source.target, role: source.place.description, failure: failure))
    }

    private mutating func beginNext(_ now: Duration) -> Bool {
        if race.beginNext(now) { return true }
        guard let source = sources.popFirst() else { return false }
        race.add([source])
        return race.beginNext(now)
    }

    private mutating func outcome(of attempt: Attempt, _ end: Attempt.Step) -> Outcome? {
        guard case .source(let kind) = attempt.place.kind else { return nil }
        switch end {
        case .wait, .opened:
            return nil
        case .list(let nodes, let reached):
            for place in race.places(silentSince: attempt.began) {
                unreachable += race.attempts.filter { $0.place === place }.map(\.address.target.namedEndpoint)
            }
            return .list(FetchedList(nodes: nodes, source: attempt.address, kind: kind, reached: reached))
        case .failed(let failure):
            if failure.sqlState == .undefinedFunction && kind == .contactPoint && !hasList { return .plainServer }
            // Only a refused login has the reason `rejected`; a refused query has not.
            let action = FailureAction(
                failure.reason, at: .source, hasOtherAddress: race.isTrying(attempt.place))
            if action == .raise { return .rejected(failure) }
            failed.append(attempt.failure(failure))
            if case .leave(let quarantine) = action {
                race.drop(attempt.place)
                // If the login succeeded and the list did not arrive, the node itself is up.
                if quarantine && !attempt.isAsking { unreachable.append(attempt.address.target.namedEndpoint) }
            }
            return nil
        }
    }
}
