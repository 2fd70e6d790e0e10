import ApusCluster
import ApusPQ
import ApusWaiting

/// Fetches the list of nodes on a control connection of its own: with the caller's identity, in autocommit, under a
/// deadline, closed as soon as the list is read. The sources are asked one after the other, and beside each other while
/// they are silent.
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
        /// If the list is of another cluster, advance again: the other sources are still to be asked.
        case list(FetchedList)
        /// The caller's database at a contact point has no `yb_servers()`.
        case plainServer
        /// The login was refused: every node would say the same.
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
    /// Sources that could not be reached, or kept silent until another answered.
    private var unreachable: [Endpoint] = []

    /// How long one source may take to connect, and then to answer.
    private static let longestSource: Duration = .seconds(5)

    /// - Parameters:
    ///   - hasList: whether there is a last good list; then a server without `yb_servers()` is a failed source.
    ///   - silence: how long sources may be silent before the next is asked beside them.
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

    /// What to wait for; the moment when the next source is asked comes by itself.
    var waits: [Wait] {
        let moment = canOverlap && (!sources.isEmpty || race.hasAddressesLeft) ? race.stallMoment : nil
        return race.waits.map { $0.until(deadline).until(moment) }
    }

    /// The sources that turned out to be down since this was last asked.
    mutating func takeUnreachable() -> [Endpoint] {
        defer { unreachable = [] }
        return unreachable
    }

    /// Gives it more time.
    mutating func extend(by time: Duration) { deadline += time }

    /// What is to be said of the refresh when the caller's time is over before it ended.
    func unfinished(_ now: Duration) -> [FailedAttempt] { failed + race.attempts.map { $0.unfinished(now) } }

    /// Goes on as far as is possible without waiting.
    /// - Parameter prepareOverlap: whether several sources can be waited for at once; asked when it comes to that.
    /// - Returns: `nil` while there is something to wait for.
    mutating func advance(_ now: Duration, prepareOverlap: () -> Bool) -> Outcome? {
        while true {
            while let (attempt, end) = race.next(now) {
                if let outcome = take(end, of: attempt) { return outcome }
            }
            if now >= deadline {
                failed += race.attempts.map { $0.unfinished(now) }
                race.end()
                sources = []
            } else if race.isStalled(now), mayBegin(prepareOverlap), begin(now) {
                continue
            }
            return race.isEmpty ? .failed(failed) : nil
        }
    }

    private mutating func mayBegin(_ prepareOverlap: () -> Bool) -> Bool {
        if race.isEmpty { return true }
        if canOverlap { canOverlap = prepareOverlap() }
        return canOverlap
    }

    /// The list was of another cluster than the one that is asked for.
    mutating func reject(_ source: PlaceAddress) {
        let failure = ConnectFailure(.unsuitable, "another cluster answers at this address")
        failed.append(FailedAttempt(target: source.target, role: source.place.description, failure: failure))
    }

    private mutating func begin(_ now: Duration) -> Bool {
        if race.beginNext(now) { return true }
        guard let source = sources.popFirst() else { return false }
        race.enter([source])
        return race.beginNext(now)
    }

    private mutating func take(_ end: Attempt.Step, of attempt: Attempt) -> Outcome? {
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
            // What a statement is answered says nothing of the login.
            let action = FailureAction(
                failure.reason, at: .source, hasOtherAddress: race.isTrying(attempt.place))
            if action == .raise { return .rejected(failure) }
            failed.append(attempt.failure(failure))
            if case .leave(let quarantine) = action {
                race.leave(attempt.place)
                // Where the list does not come although the login did, the node itself is well.
                if quarantine && !attempt.isAsking { unreachable.append(attempt.address.target.namedEndpoint) }
            }
            return nil
        }
    }
}
