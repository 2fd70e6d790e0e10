import ApusConnector
import ApusPQ
import ApusWaiting
import Logging

/// A connection to a server: the one that the options name, or the least loaded eligible node of a cluster.
///
///     let connection = try await ApusConnection.connect("host=127.0.0.1 load_balance=true")
///     let rows = try await connection.query("SELECT id, name FROM person WHERE born < \(date)")
///     for try await (id, name) in rows.decode((Int, String).self) { … }
///     await connection.close()
///
/// **Concurrency.** Any number of tasks may use one connection at the same time. Their statements are sent without
/// waiting for each other's answers (libpq's pipeline mode). Each is a transaction of its own, so that an error of one
/// does not affect the others. During a ``transaction(isolation:readOnly:deferrable:timeout:file:line:_:)`` only its
/// own statements are executed, and those of other tasks wait.
///
/// **Time-outs and cancellation.** Every call takes a time-out, and ends if its task is cancelled. The server is asked
/// to stop the statement, and the connection stays usable; if the server does not stop it within 10 s, the connection
/// is closed. After a time-out the call throws at once. After a cancellation it does so too, with one exception: while
/// the server executes the statement, the call waits for the server's answer, at most 10 s, so that it is known whether
/// the statement took effect.
///
/// **Errors** are ``ApusError``s. A connection that broke cannot be used again: its calls throw
/// ``ApusError/Code/connectionLost``.
///
/// A connection that is not referenced any more is closed.
///
/// Source of the pipeline's rules: <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
public final class ApusConnection: ApusSession {
    let core: ConnectionCore

    /// The server that the connection leads to.
    public let node: ApusNode
    /// The server's version as a number: 150018 means 15.18.
    public let serverVersion: Int
    /// The process ID of the server process. Behind a connection manager it is not the process that executes the
    /// statements.
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
    ///   - timeout: how long it may take in total, for all nodes that are tried; `nil` for no limit. The option
    ///     `connect_timeout` limits the time for each node as well.
    ///   - logger: receives warnings of the connect, and later notices and the loss of the connection.
    ///   - file: the source file that errors name.
    ///   - line: the line that errors name.
    /// - Throws: ``ApusError/Code/options``; ``ApusError/Code/connectFailed``, whose message names every node that was
    ///   tried and why it failed; ``ApusError/Code/timeout``; ``ApusError/Code/cancelled``; ``ApusError/Code/system``.
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

    /// Opens a connection from a connection string or URI that is known only at run time. The parameters and errors are
    /// those of the overload with ``ApusOptions``.
    public static func connect(
        _ connectionString: String, timeout: Duration? = nil, logger: Logger? = nil, file: String = #fileID,
        line: Int = #line
    ) async throws(ApusError) -> ApusConnection {
        try await connect(ApusOptions(connectionString), timeout: timeout, logger: logger, file: file, line: line)
    }

    /// The result of connecting.
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

    /// Closes the connection. Calls that wait throw ``ApusError/Code/connectionClosed``. Closing it again has no
    /// effect.
    public func close() async {
        core.close(ApusError(.connectionClosed, "the connection was closed"))
    }

    /// Whether the connection is closed or known to be broken.
    public var isClosed: Bool { core.closing != nil }

    // MARK: Statements

    /// Executes a statement, and returns its rows as they are received. See
    /// ``ApusSession/query(_:timeout:file:line:)``.
    public func query(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> ApusRows {
        try await query(sql, lease: ownLease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// Executes a statement, and drops its rows, if it returns any. See ``ApusSession/execute(_:timeout:file:line:)``.
    @discardableResult
    public func execute(
        _ sql: SQL, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) -> CommandTag {
        try await execute(sql, lease: ownLease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// Executes several statements in one text, separated by semicolons. See
    /// ``ApusSession/executeScript(_:timeout:file:line:)``.
    public func executeScript(
        _ text: String, timeout: Duration? = nil, file: String = #fileID, line: Int = #line
    ) async throws(ApusError) {
        try await executeScript(text, lease: ownLease, timeout: timeout, CallSite(file: file, line: line))
    }

    /// The lease of the transaction on this connection whose closure the current task executes.
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
