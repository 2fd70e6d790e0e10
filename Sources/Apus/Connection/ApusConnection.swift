import ApusConnector
import ApusPQ
import ApusWaiting
import Logging

/// A connection to a server: to the node that the options name, or to the least loaded eligible node of a cluster.
///
///     let connection = try await ApusConnection.connect("host=127.0.0.1 load_balance=true")
///     let rows = try await connection.query("SELECT id, name FROM person WHERE born < \(date)")
///     for try await (id, name) in rows.decode((Int, String).self) { … }
///     await connection.close()
///
/// **Concurrency.** Any number of tasks may use one connection at the same time. Their statements go out without
/// waiting for each other's answers (libpq's pipeline mode), each a transaction of its own, so that the error of one
/// does not touch the others. While a ``transaction(isolation:readOnly:deferrable:timeout:file:line:_:)`` lasts it has
/// the connection for itself, and other tasks' statements wait.
///
/// **Waiting.** Every call obeys cancellation of its task and takes a time-out. A statement that is cancelled or
/// overdue is stopped on the server, and the connection stays usable; a server that does not stop it within 10 s costs
/// the connection. A call that is overdue returns at once. So does one that is cancelled, with one exception: while the
/// server runs the statement, the call returns with the server's answer, so that it is known whether the statement took
/// effect; that is after 10 s at the latest.
///
/// **Errors** are ``ApusError``s. A connection that broke stays broken: its calls fail with
/// ``ApusError/Code/connectionLost``.
///
/// Letting go of the connection closes it.
public final class ApusConnection: ApusSession {
    let core: ConnectionCore

    /// The server that the connection is to.
    public let node: ApusNode
    /// As `150018` for 15.18.
    public let serverVersion: Int
    /// The server's process; behind a connection manager not the real one.
    public let backendPID: Int32

    private init(_ opened: Opened) {
        core = opened.core
        node = opened.node
        serverVersion = opened.serverVersion
        backendPID = opened.backendPID
    }

    deinit { core.close(ApusError(.connectionClosed, "the connection was closed")) }

    // MARK: Opening

    /// Opens a connection.
    ///
    /// - Parameters:
    ///   - options: a connection string, a URI, or ``ApusOptions``.
    ///   - timeout: how long it may take altogether, however many nodes are tried; `nil` for no limit but the options'
    ///     `connect_timeout`, which is each node's.
    ///   - logger: hears of what the driver met on its way, and later of notices and of a lost connection.
    /// - Throws: ``ApusError/Code/options``, ``ApusError/Code/connectFailed`` naming every node that was tried and
    ///   why it failed, ``ApusError/Code/timeout`` or ``ApusError/Code/cancelled``.
    public static func connect(
        _ options: ApusOptions, timeout: Duration? = nil, logger: Logger? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> ApusConnection {
        let logger = logger ?? Logger(label: "apus") { _ in SwiftLogNoOpLogHandler() }
        do {
            let loop = try options.loop ?? ApusLoop.shared
            let observer = ConnectionObserver(logger: logger, onNotice: options.onNotice)
            let run = MachineRun<BalancedConnect, Opened>(
                BalancedConnect(try options.resolved()), on: loop, deadline: timeout.map(Monotonic.moment(after:))
            ) { machine in
                for warning in machine.warnings { logger.warning("\(warning)") }
                guard let connection = machine.takeConnection() else {
                    throw ApusError(.connectFailed, "the connection was opened and lost at once")
                }
                return try Opened(
                    OpenSession(connection, machine.reservation), loop, observer, options.preparedStatements)
            }
            let opened = try await run.run().get()
            try opened.core.start()
            return ApusConnection(opened)
        } catch {
            throw ApusError(error, file: file, line: line)
        }
    }

    /// Opens a connection from a connection string or URI that is only known at run time.
    public static func connect(
        _ connectionString: String, timeout: Duration? = nil, logger: Logger? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> ApusConnection {
        try await connect(ApusOptions(connectionString), timeout: timeout, logger: logger, file: file, line: line)
    }

    /// What comes out of connecting.
    private struct Opened: Sendable {
        let core: ConnectionCore
        let node: ApusNode
        let serverVersion: Int
        let backendPID: Int32

        init(
            _ session: consuming OpenSession, _ loop: ApusLoop, _ observer: ConnectionObserver,
            _ preparedStatements: Int
        ) throws {
            node = ApusNode(session)
            serverVersion = session.connection.serverVersion
            backendPID = session.connection.backendPID
            core = try ConnectionCore(
                session, loop: loop, observer: observer, preparedStatements: preparedStatements)
        }
    }

    // MARK: Closing

    /// Closes the connection. Statements that still wait fail with ``ApusError/Code/connectionClosed``.
    public func close() async {
        core.close(ApusError(.connectionClosed, "the connection was closed"))
    }

    /// Whether the connection is closed or known to be broken.
    public var isClosed: Bool { core.closing != nil }

    // MARK: Statements

    public func query(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> ApusRows {
        try await query(sql, lease: ownLease, timeout: timeout, CallSite(file: file, line: line))
    }

    @discardableResult
    public func execute(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> CommandTag {
        try await execute(sql, lease: ownLease, timeout: timeout, CallSite(file: file, line: line))
    }

    public func executeScript(
        _ text: String, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) {
        try await executeScript(text, lease: ownLease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// The transaction on this connection that the present task is in.
    var ownLease: Lease? {
        guard let lease = Lease.current, lease.connection == ObjectIdentifier(core) else { return nil }
        return lease
    }

    func query(
        _ sql: SQL, lease: Lease?, timeout: Duration?, _ site: CallSite
    ) async throws(ApusError) -> ApusRows {
        let request = Request(sql, keepsRows: true, lease: lease, timeout: timeout, site: site)
        let first = await core.perform(request)
        if first.batch == nil, case .failed(let error)? = first.outcome { throw error }
        return ApusRows(source: RowSource(self, request, first))
    }

    @discardableResult
    func execute(
        _ sql: SQL, form: Request.Form = .statement, lease: Lease?, takesLease: Bool = false, timeout: Duration?,
        _ site: CallSite
    ) async throws(ApusError) -> CommandTag {
        let request = Request(
            sql, form: form, keepsRows: false, lease: lease, takesLease: takesLease, timeout: timeout, site: site)
        return try Self.tag(await core.perform(request))
    }

    func executeScript(
        _ text: String, lease: Lease?, timeout: Duration?, _ site: CallSite
    ) async throws(ApusError) {
        try await execute(SQL(unescaped: text), form: .script, lease: lease, timeout: timeout, site)
    }

    static func tag(_ delivery: Request.Delivery) throws(ApusError) -> CommandTag {
        switch delivery.outcome {
        case .finished(let tag): return tag
        case .failed(let error): throw error
        case nil: return CommandTag("")
        }
    }
}
