import ApusCluster
import ApusPQ

/// Fetches the list of nodes on a control connection of its own: with the caller's identity, in autocommit, under a
/// deadline, closed as soon as the list is read. It goes through the sources until one answers.
struct RefreshMachine: ~Copyable, StepMachine, @unchecked Sendable {
    struct Source: Sendable {
        var target: NodeTarget
        var kind: ClusterRegistry.Source
    }

    enum Outcome: Sendable {
        case list([ClusterNode], from: Source, host: String, address: String)
        /// A contact point has no `yb_servers()`.
        case plainServer
        /// The login was refused: every node would say the same.
        case rejected(ConnectFailure)
        /// No source gave a list.
        case failed([FailedAttempt])
    }

    private(set) var outcome: Outcome = .failed([])

    private let options: ConnectionOptions
    private let hasList: Bool
    private var sources: ArraySlice<Source>
    private var source: Source?
    private var connect: ConnectMachine?
    private var connection: PQConnection?
    private var queryDeadline: Duration = .zero
    private let deadline: Duration
    private let perSource: Duration
    private var failed: [FailedAttempt] = []
    /// Called for a source that could not be reached.
    private let onUnreachable: @Sendable (Source) -> Void

    /// How long one source may take at most, so that one that hangs leaves time for the others.
    private static let longestSource: Duration = .seconds(5)

    /// - Parameter hasList: whether there is a last good list; then a server without `yb_servers()` is a failed source.
    init(
        _ options: ConnectionOptions, timeout: Duration, sources: [Source], hasList: Bool, now: Duration,
        onUnreachable: @escaping @Sendable (Source) -> Void
    ) {
        self.options = options
        self.sources = sources[...]
        self.hasList = hasList
        self.onUnreachable = onUnreachable
        deadline = now + timeout
        perSource = min(options.connectTimeout ?? Self.longestSource, Self.longestSource)
    }

    mutating func advance(now: Duration) throws(PQError) -> Wait? {
        while true {
            if now >= deadline, source != nil {
                fail(ConnectFailure(.timedOut, "no answer before the deadline of the refresh"))
                sources = []
            }
            if source == nil {
                guard let next = sources.popFirst() else {
                    outcome = .failed(failed)
                    return nil
                }
                source = next
                connect = ConnectMachine(parameters: options.controlParameters(for: next.target), timeout: perSource)
            }
            if connect != nil {
                switch try connecting(now) {
                case .wait(let wait): return wait.until(deadline)
                case .over: return nil
                case .proceed: continue
                }
            }
            switch try querying(now) {
            case .wait(let wait): return wait.until(min(deadline, queryDeadline))
            case .over: return nil
            case .proceed: continue
            }
        }
    }

    /// The list was of another cluster than the one that is asked for: goes on to the next source.
    mutating func rejectList() {
        fail(ConnectFailure(.unsuitable, "another cluster answers at this address"))
    }

    private enum Progress {
        case wait(Wait)
        case proceed
        case over
    }

    private mutating func connecting(_ now: Duration) throws(PQError) -> Progress {
        do {
            if let wait = try connect?.advance(now: now) { return .wait(wait) }
        } catch {
            connect = nil
            switch error.reason {
            case .rejected, .invalidOptions, .system:
                outcome = .rejected(error)
                return .over
            case .unreachable, .timedOut, .unavailable:
                if let source { onUnreachable(source) }
            case .overloaded, .unsuitable:
                break
            }
            fail(error)
            return .proceed
        }
        connection = connect?.takeConnection()
        connect = nil
        queryDeadline = now + perSource
        do { try connection?.send(query: ServerList.query) } catch { fail(lost(error)) }
        return .proceed
    }

    private mutating func querying(_ now: Duration) throws(PQError) -> Progress {
        guard connection != nil, let source else { return .proceed }
        if now >= queryDeadline {
            onUnreachable(source)
            fail(ConnectFailure(.timedOut, "no answer to \(ServerList.query) in time"))
            return .proceed
        }
        do {
            guard let step = try connection?.nextResult() else { return .proceed }
            switch consume step {
            case .wait(let wait):
                return .wait(wait)
            case .done(nil):
                fail(ConnectFailure(.unsuitable, "no answer to \(ServerList.query)"))
                return .proceed
            case .done(.some(let result)):
                if let error = result.error { return refused(error, source) }
                let nodes = try ServerList.nodes(of: result)
                if nodes.isEmpty {
                    fail(ConnectFailure(.unsuitable, "yb_servers() returned no usable node"))
                    return .proceed
                }
                outcome = .list(
                    nodes, from: source, host: connection?.host ?? "", address: connection?.hostAddress ?? "")
                connection = nil
                return .over
            }
        } catch {
            fail(lost(error))
            return .proceed
        }
    }

    private mutating func refused(_ error: PQError, _ source: Source) -> Progress {
        if error.sqlState == .undefinedFunction && source.kind == .contactPoint && !hasList {
            connection = nil
            outcome = .plainServer
            return .over
        }
        fail(ConnectFailure(.unsuitable, error.message, sqlState: error.sqlState))
        return .proceed
    }

    private mutating func fail(_ failure: ConnectFailure) {
        if let source {
            let role = source.kind == .contactPoint ? "contact point" : "node"
            failed.append(FailedAttempt(target: source.target, role: role, failure: failure))
        }
        source = nil
        connect = nil
        connection = nil
    }

    private func lost(_ error: PQError) -> ConnectFailure {
        ConnectFailure(.unreachable, error.message, sqlState: error.sqlState)
    }
}
