import ApusCluster
import ApusConnector
import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting
import Synchronization

/// The Swift side of a Python connection: the session, and what psycopg2 remembers of it.
///
/// It touches no Python object, so that all of it may run without the GIL; only an exchange holds one, and is released
/// under the GIL. Three locks protect it:
/// - `lock` belongs to one statement at a time, for as long as the server works at it. Fields change under it.
/// - The GIL: fields that only Python's calls change are changed and read under it.
/// - `access` is held for the moment of one call of libpq, because libpq's connection bears one thread at a time.
///   Who holds `lock` without the GIL takes it for each step. Who holds the GIL takes it to look at what libpq changes
///   while it works (messages, notifications, reported parameters, the state of TLS), without waiting for another
///   thread's statement; `lock` and the GIL together need no `access`.
///
/// The session comes and goes under `lock` and the GIL, so that the holder of either may use it. Locks are taken in
/// this order: `lock`, GIL, `access`; the holder of `access` waits for nothing.
final class ConnectionCore: @unchecked Sendable {
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
    /// Exclusivity is not checked here: it costs five checks a statement, and `lock` guarantees exclusive access.
    @exclusivity(unchecked) var session: PQConnection?
    /// The session's count on its node; nil for a plain connection.
    var reservation: Reservation?
    var closed = Closed.broken
    var status = Status.setup
    var transaction = TransactionSettings()
    /// Counts the transactions that ended: what lives no longer than one remembers its number.
    var transactionNumber = 0
    /// The name of the two-phase transaction that is open. It is read and set under the GIL.
    var twoPhaseName: String? {
        get { isTwoPhase ? lastTwoPhaseName : nil }
        set {
            isTwoPhase = newValue != nil
            if let newValue { lastTwoPhaseName = newValue }
        }
    }
    private var lastTwoPhaseName = ""
    /// A transaction ends without the GIL, where a text that another thread reads must not be freed.
    private var isTwoPhase = false

    /// What the server sent unasked, until Python's lists take it.
    let inbox = ForkSafeMutex(Inbox())
    /// Whether there is anything in it, which a statement looks at more often than there is.
    let hasMail = Atomic<Bool>(false)

    struct Inbox {
        var notices: [ServerMessage] = []
        var notifications: [PQNotification] = []
    }

    var encoding = ClientEncoding.utf8
    /// libpq's number of the encoding that `encoding` was made of.
    var encodingID: Int32 = -1
    /// What programs may ask for after the session has ended, too.
    var facts = Facts()

    struct Facts {
        var encoding: String?
        var serverVersion = 0
        var protocolVersion = 0

        /// An encoding's name as `connection.encoding` has it.
        static func shown(encoding name: String) -> String {
            String(name.uppercased().unicodeScalars.filter { $0 != "_" && $0 != "-" })
        }
    }

    /// Whether a backslash in a plain literal is an escape.
    var doublesBackslashes = false
    /// Counts the changes of that and of `encodingID`: a literal is quoted for what they are at one moment, and may be
    /// sent at another.
    var quotingChanges = 0
    /// Whether the program has the address of the PGconn, and may do with it what it likes.
    var isShared = false
    /// Whether BEGIN may travel with the statement that it precedes.
    var joinsBegin = true

    /// libpq's words about the last error, where they are about what was sent in front of the statement, too, and those
    /// that the exception has; under the GIL.
    var shiftedError: (said: [UInt8], shown: [UInt8])?

    /// What the opening has to say to the application's log.
    var warnings: [String] = []

    /// How long a statement's answer is waited for before the server is asked to cancel it; nil is for ever.
    var commandTimeout: Duration?
    /// How long the answer is waited for after that, or after a signal handler raised, before the session is given up.
    var cancellationTimeout: Duration = .seconds(10)

    /// Whether a `with connection:` block is open: it is a transaction, in autocommit too.
    var isInBlock = false

    /// Set for good by `async_=1`.
    var isAsynchronous = false
    /// What `executemany` holds back while Python code runs that may use the connection; under the GIL.
    var pending: [any HeldStatements] = []
    /// What is under way in asynchronous and green mode.
    var opening: BalancedConnect?
    var exchange: Exchange?
    /// Gives an asynchronous exchange's result to the cursor that waits for it.
    var receive: ((_ cursor: PyObj, Exchange, Connection) throws(PythonError) -> Void)?
    /// Whether the exchange's results have all come.
    var exchangeIsComplete = false
    /// The descriptor of the wait that was handed out last.
    var handedOut: Int32 = -1
    /// Stands for whatever the balanced connect waits for, under one descriptor that does not change.
    var watch: HandedOutWait?

    /// Makes an exchange begin the transaction that its statement needs now. Under the lock, when it is known what
    /// state the transaction is in.
    func prepare(_ exchange: Exchange) {
        if begins { exchange.begin(by: transaction.begin, joins: joinsBegin) }
    }

    /// Takes notice of how an exchange ended. Under the lock, and `access` or the GIL.
    func note(_ exchange: Exchange) {
        if exchange.hasBegun || exchange.anomalies?.unexpectedBeginStatus != nil && isInTransaction { status = .begin }
        if exchange.hasPrefix, session?.hasNotices == true, let notices = session?.takeNotices() {
            deliver(exchange.convertPositions(of: notices))
        }
        let isBroken = session?.isBroken ?? true
        if exchange.ending != .none {
            // As in psycopg2, a transaction whose COMMIT came to no answer is over, and one that could not be rolled
            // back is not.
            if isBroken ? exchange.ending == .commit : session?.transactionStatus == .idle { endTransaction() }
        }
        if isBroken { markBroken() }
    }

    /// Whether the server is in a transaction, failed or not. `status` is what psycopg2's is: what the connection
    /// itself began and ended. A program's own BEGIN, COMMIT and ROLLBACK make the two differ.
    var isInTransaction: Bool {
        let status = session?.transactionStatus
        return status == .inTransaction || status == .inError
    }

    /// Whether the next exchange begins a transaction.
    var begins: Bool { status == .ready && (!transaction.autocommit || isInBlock) && !isAsynchronous }

    /// Forgets the transaction, which has ended on the server.
    func endTransaction() {
        status = .ready
        isTwoPhase = false
        transactionNumber &+= 1
    }

    /// The exchange that ends the transaction, or nothing if there is none: another thread may have been faster.
    func makeEnd(_ ending: Exchange.Ending) -> Exchange {
        let ending = status == .begin ? ending : .none
        return Exchange(Statement(ending.command), ending: ending)
    }

    /// The socket is gone: the node has one session less from now on. Under `access`, or the lock and the GIL.
    func markBroken() {
        guard closed == .open else { return }
        closed = .broken
        reservation?.release()
        reservation = nil
    }

    /// Takes out of libpq what the server sent unasked, and what it said of literals. Under the lock, and `access` or
    /// the GIL.
    func gather() {
        if session == nil { return }
        readLiteralRules()
        if session?.hasNotices == true, let notices = session?.takeNotices() {
            deliver(notices)
        }
        while let notification = session?.takeNotification() {
            inbox.withLock { $0.notifications.append(notification) }
            hasMail.store(true, ordering: .releasing)
        }
    }

    private func deliver(_ notices: [ServerMessage]) {
        inbox.withLock { $0.notices += notices }
        hasMail.store(true, ordering: .releasing)
    }

    /// What was put into the inbox since the last call.
    func takeInbox() -> Inbox {
        hasMail.store(false, ordering: .relaxed)
        return inbox.withLock { inbox in
            defer { inbox = Inbox() }
            return inbox
        }
    }

    /// Learns what the server last said of standard_conforming_strings. Under the lock, and `access` or the GIL.
    func readLiteralRules() {
        guard let doubles = session?.doublesBackslashes else { return }
        if doubles == doublesBackslashes { return }
        doublesBackslashes = doubles
        quotingChanges &+= 1
    }

    /// Whether literals that were quoted after so many changes mean now what they meant then. Under the lock, or while
    /// `exchange` keeps other statements away.
    func isUnchanged(since quotedFor: Int) -> Bool {
        guard quotingChanges == quotedFor else { return false }
        // Another thread may not have come to note a change of the encoding. A connection that broke has none.
        let current = session?.clientEncodingID ?? -1
        return current < 0 || current == encodingID
    }

    /// Makes the locks this process's, for a connection that is about to be opened.
    func adoptLocks() {
        lock.resetAfterFork()
        access.resetAfterFork()
    }

    /// Ends the session, under the lock and the GIL. In a fork's child, the parent's goes on.
    func finish() {
        session = nil
        opening = nil
        exchange = nil
        watch = nil
        reservation?.release()
        reservation = nil
    }

    /// A request to the server to give up what it does for this connection.
    func cancelMachine(within time: Duration) throws(PQError) -> CancelMachine {
        switch session {
        case .some(let session): return try CancelMachine(session, deadline: Monotonic.now + time)
        case .none: throw PQError(.usage, "connection already closed")
        }
    }

    /// Whether the process is still the one that opened the connection, or began to.
    var isOurs: Bool { generation.isOurs }

    /// Lets go of a connection that a fork's child inherited. If the fork came while a thread of the parent was at it,
    /// that thread will never give the lock back, and what libpq has in memory is half done: it stays as it is.
    func letGo() {
        if lock.tryLock() {
            finish()
            lock.unlock()
        } else {
            _ = Unmanaged.passRetained(self)
        }
    }
}
