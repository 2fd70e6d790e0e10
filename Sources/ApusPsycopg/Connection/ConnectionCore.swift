import ApusCluster
import ApusConnector
import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting
import Synchronization

/// The Swift side of a Python connection: the session, and the state that psycopg2's API exposes.
///
/// It touches no Python object, so that all of it can run without the GIL. Only an exchange may hold one; it must be
/// released under the GIL. Three locks protect this object:
/// - `lock` is held for one statement at a time, until its results have been read. Fields change under it.
/// - The GIL protects fields that only calls from Python change and read.
/// - `access` is held for one call of libpq, because a libpq connection must be used by one thread at a time. A thread
///   that holds `lock` without the GIL takes `access` for each step. A thread that holds only the GIL takes it to read
///   state that libpq changes (messages, notifications, reported parameters, the state of TLS), without waiting for the
///   statement of another thread. A thread that holds both `lock` and the GIL does not need `access`.
///
/// The session is set and released under `lock` and the GIL, so that a holder of either can use it. The lock order is
/// `lock`, GIL, `access`. A holder of `access` must not block.
final class ConnectionCore {
    /// `connection.closed`
    enum Closed: Int { case open, closed, broken }

    /// `connection.status`, with psycopg2's numbers.
    enum Status: Int {
        case setup = 0
        case ready = 1
        case begin = 2
        case prepared = 5
        case connecting = 20
    }

    let lock = ConnectionLock()
    let access = ConnectionLock()
    /// The process that opens the connection.
    var generation = ForkGeneration.current
    /// Exclusivity checking is off: it costs five checks per statement, and `lock` guarantees exclusive access.
    @exclusivity(unchecked) var session: PQConnection?
    /// Counts this session on its node; nil without load balancing.
    var reservation: Reservation?
    var closed = Closed.broken
    var status = Status.setup
    var transaction = TransactionSettings()
    /// The number of transactions that have ended. Objects that live as long as a transaction store it to find out
    /// whether theirs has ended.
    var transactionNumber = 0
    /// The name of the open two-phase transaction. It is read and set under the GIL.
    var twoPhaseName: String? {
        get { isTwoPhase ? lastTwoPhaseName : nil }
        set {
            isTwoPhase = newValue != nil
            if let newValue { lastTwoPhaseName = newValue }
        }
    }
    private var lastTwoPhaseName = ""
    /// A separate flag, because a transaction ends without the GIL, and must not free a string that another thread may
    /// be reading.
    private var isTwoPhase = false

    /// Notices and notifications that are not yet in Python's lists.
    let inbox = ForkSafeMutex(Inbox())
    /// True if the inbox is not empty. Every statement checks it, and an atomic is cheaper than the mutex.
    let inboxHasMessages = Atomic<Bool>(false)

    struct Inbox {
        var notices: [ServerMessage] = []
        var notifications: [PQNotification] = []
    }

    var encoding = ClientEncoding.utf8
    /// libpq's number of `encoding`.
    var encodingID: Int32 = -1
    /// Properties of the session that programs can still read after it has ended.
    var facts = Facts()

    struct Facts {
        var encoding: String?
        var serverVersion = 0
        var protocolVersion = 0

        /// The name of an encoding as in `connection.encoding`: upper case, without `_` and `-`.
        static func shown(encoding name: String) -> String {
            String(name.uppercased().unicodeScalars.filter { $0 != "_" && $0 != "-" })
        }
    }

    /// Whether a backslash in a plain literal is an escape.
    var doublesBackslashes = false
    /// The number of changes of `doublesBackslashes` and `encodingID`, because either may change between the quoting of
    /// a literal and its sending.
    var quotingChanges = 0
    /// True if the program has asked for the address of the PGconn, and may use it through C code.
    var isShared = false
    /// Whether BEGIN may be sent in the same message as the first statement.
    var joinsBegin = true

    /// libpq's text of the last error (`said`), and the text of the exception (`shown`), if the two differ because
    /// other text was sent before the statement. Used under the GIL.
    var shiftedError: (said: [UInt8], shown: [UInt8])?

    /// Warnings of the balanced connect, to be logged.
    var warnings: [String] = []

    /// The time after which the server is asked to cancel a statement; nil for no limit.
    var commandTimeout: Duration?
    /// How long the server may take to cancel a statement, after `commandTimeout` or Ctrl-C, before the session is
    /// closed.
    var cancellationTimeout: Duration = .seconds(10)

    /// True inside a `with connection:` block, which is a transaction in autocommit, too.
    var isInBlock = false

    /// True if the connection was opened with `async_=1`.
    var isAsynchronous = false
    /// Statements that `executemany` has not sent yet, while it runs Python code that may use the connection. Used
    /// under the GIL.
    var pending: [any HeldStatements] = []
    /// The connect that is running; nil once the connection is open.
    var opening: BalancedConnect?
    /// The exchange that is running in asynchronous or green mode.
    var exchange: Exchange?
    /// Stores the result of an asynchronous exchange in its cursor.
    var receiveResult: ((_ cursor: PyObj, Exchange, Connection) throws(PythonError) -> Void)?
    /// True if all results of the exchange have been read.
    var exchangeIsComplete = false
    /// The descriptor of the last wait that was handed out to the program; -1 for none.
    var handedOut: Int32 = -1
    /// One descriptor that never changes, for everything that the balanced connect waits for.
    var handedOutWait: HandedOutWait?

    /// Makes an exchange begin a transaction, if its statement needs one. To be called under `lock`, because the state
    /// of the transaction must not change until the exchange is sent.
    func prepare(_ exchange: Exchange) {
        if mustBegin { exchange.begin(by: transaction.begin, joins: joinsBegin) }
    }

    /// Updates the state of the connection and of its transaction after an exchange. To be called under `lock`, and
    /// `access` or the GIL.
    func finishExchange(_ exchange: Exchange) {
        if exchange.hasBegun || exchange.anomalies?.unexpectedBeginStatus != nil && isInTransaction { status = .begin }
        if exchange.hasPrefix, session?.hasNotices == true, let notices = session?.takeNotices() {
            addToInbox(exchange.convertPositions(of: notices))
        }
        let isBroken = session?.isBroken ?? true
        if exchange.ending != .none {
            // As in psycopg2, a transaction is over if the connection broke during COMMIT, but not if it broke during
            // ROLLBACK.
            if isBroken ? exchange.ending == .commit : session?.transactionStatus == .idle { endTransaction() }
        }
        if isBroken { markBroken() }
    }

    /// Whether the server is in a transaction, failed or not. `status`, as in psycopg2, only follows the transactions
    /// that the connection itself begins and ends; the two differ if the program executes BEGIN, COMMIT or ROLLBACK.
    var isInTransaction: Bool {
        let status = session?.transactionStatus
        return status == .inTransaction || status == .inError
    }

    /// Whether the next exchange must begin a transaction.
    var mustBegin: Bool { status == .ready && (!transaction.autocommit || isInBlock) && !isAsynchronous }

    /// Records that the transaction has ended on the server.
    func endTransaction() {
        status = .ready
        isTwoPhase = false
        transactionNumber &+= 1
    }

    /// Returns the exchange that ends the transaction. It is empty if there is none, because another thread may have
    /// ended it.
    func makeEndingExchange(_ ending: Exchange.Ending) -> Exchange {
        let ending = status == .begin ? ending : .none
        return Exchange(Statement(ending.command), ending: ending)
    }

    /// Records that the connection is broken, and that its node has one session less. To be called under `access`, or
    /// under `lock` and the GIL.
    func markBroken() {
        guard closed == .open else { return }
        closed = .broken
        reservation?.release()
        reservation = nil
    }

    /// Moves notices and notifications from libpq to the inbox, and re-reads standard_conforming_strings. To be called
    /// under `lock`, and `access` or the GIL.
    func fetchMessages() {
        if session == nil { return }
        readLiteralRules()
        if session?.hasNotices == true, let notices = session?.takeNotices() {
            addToInbox(notices)
        }
        while let notification = session?.takeNotification() {
            inbox.withLock { $0.notifications.append(notification) }
            inboxHasMessages.store(true, ordering: .releasing)
        }
    }

    private func addToInbox(_ notices: [ServerMessage]) {
        inbox.withLock { $0.notices += notices }
        inboxHasMessages.store(true, ordering: .releasing)
    }

    /// Returns the contents of the inbox, and empties it.
    func takeInbox() -> Inbox {
        inboxHasMessages.store(false, ordering: .relaxed)
        return inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return inbox
        }
    }

    /// Reads the current value of standard_conforming_strings. To be called under `lock`, and `access` or the GIL.
    func readLiteralRules() {
        guard let doubles = session?.doublesBackslashes else { return }
        if doubles == doublesBackslashes { return }
        doublesBackslashes = doubles
        quotingChanges &+= 1
    }

    /// Whether literals that were quoted at this number of changes still have the same meaning. To be called under
    /// `lock`, or while `exchange` prevents other statements.
    func isUnchanged(since quotedFor: Int) -> Bool {
        guard quotingChanges == quotedFor else { return false }
        // Another thread may have changed the encoding without having updated `encodingID`. A broken connection has no
        // encoding.
        let current = session?.clientEncodingID ?? -1
        return current < 0 || current == encodingID
    }

    /// Makes the locks usable in a forked child. To be called before the connection is opened.
    func resetLocksAfterFork() {
        lock.resetAfterFork()
        access.resetAfterFork()
    }

    /// Releases the session, under `lock` and the GIL. In a forked child, the session of the parent goes on.
    func endSession() {
        session = nil
        opening = nil
        exchange = nil
        handedOutWait = nil
        reservation?.release()
        reservation = nil
    }

    /// Creates a request to cancel the running statement.
    func cancelMachine(within time: Duration) throws(PQError) -> CancelMachine {
        switch session {
        case .some(let session): return try CancelMachine(session, deadline: Monotonic.now + time)
        case .none: throw PQError(.usage, "connection already closed")
        }
    }

    /// Whether this process opened the connection, or began to; false in a forked child.
    var isOurs: Bool { generation.isOurs }

    /// Releases a session that a forked child inherited. If a thread of the parent held `lock` during the fork, it
    /// leaks the session instead, because that thread does not exist in the child, and libpq's data may be
    /// inconsistent.
    func abandonSession() {
        if lock.tryLock() {
            endSession()
            lock.unlock()
        } else {
            _ = Unmanaged.passRetained(self)
        }
    }
}
