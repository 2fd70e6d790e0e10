import ApusPQ
import ApusWaiting

/// One statement on its way: what is sent, who waits, and what has been answered so far. Everything that changes is
/// guarded by the lock of the connection that it was given to.
final class Request: @unchecked Sendable {
    /// What is sent, and how.
    enum Form: Sendable {
        /// One statement with parameters, by the extended protocol, in the pipeline.
        case statement
        /// Statements in one text, by the simple protocol, which needs the pipeline for itself.
        case script
    }

    /// How a request ended.
    enum Outcome: Sendable {
        case finished(CommandTag)
        case failed(ApusError)
    }

    /// What a waiter is resumed with: rows, the end, or both.
    struct Delivery: Sendable {
        var batch: RowBatch?
        var outcome: Outcome?
        var columns: ApusColumns?
    }

    enum Stage { case new, waiting, sent, ended }

    let sql: SQL
    let form: Form
    /// Whether the rows are handed over; otherwise they are dropped as they come.
    let keepsRows: Bool
    /// The transaction that it belongs to.
    let lease: Lease?
    /// Whether it takes the connection for ``lease``: it is the transaction's `BEGIN`.
    let takesLease: Bool
    /// Whether it gives the connection back: it is the `ROLLBACK` of a transaction that no call waits for any more.
    let endsLease: Bool
    /// When it is given up. What ends a lease gets one when its answer is the next to come.
    var deadline: Duration?
    let site: CallSite

    var stage = Stage.new
    var waiter: UnsafeContinuation<Delivery, Never>?
    var columns: ApusColumns?
    var batches = Deque<RowBatch>()
    /// The batch that rows are added to.
    var filling: RowBatch?
    var outcome: Outcome?
    /// The error that the server answered, until its pipeline's unit ends.
    var error: ApusError?
    /// Why it was sent again. Within a transaction that the program began by hand, that has failed, and the second
    /// error says no more than this.
    var firstError: ApusError?
    var tag: CommandTag?
    /// Why the server is asked to stop, if it is.
    var stopped: ApusError.Code?
    /// No task waits any more: what still comes is dropped.
    var isAbandoned = false
    /// The statement that is being prepared on the way, until the server has confirmed it.
    var preparing: StatementCache.Statement?
    /// The prepared statement that it executes.
    var executing: StatementCache.Statement?
    /// It was in the pipeline behind a request that was being cancelled, and may be hit in its stead.
    var isExposed = false
    /// Whether any of its rows was handed over.
    var hasDelivered = false
    var isStreaming = false

    init(
        _ sql: SQL, form: Form = .statement, keepsRows: Bool, lease: Lease?, takesLease: Bool = false,
        endsLease: Bool = false, timeout: Duration?, site: CallSite
    ) {
        self.sql = sql
        self.form = form
        self.keepsRows = keepsRows
        self.lease = lease
        self.takesLease = takesLease
        self.endsLease = endsLease
        deadline = timeout.map(Monotonic.moment(after:))
        self.site = site
    }

    /// Whether there are rows that no task has fetched yet.
    var isAhead: Bool { !batches.isEmpty }

    /// Whether an error surely undoes all that the statement did: it is one of those that do not commit by themselves.
    var isUndoneAsAWhole: Bool {
        let text = sql.text.utf8.drop { $0 == UInt8(ascii: "(") || ASCII.isSpace($0) }
        let word = ASCII.lowercased(
            String(decoding: text.prefix { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }, as: UTF8.self))
        return ["select", "insert", "update", "delete", "merge", "with", "values", "table"].contains(word)
    }

    /// Takes a row over.
    func append(_ result: borrowing PQResult) {
        guard keepsRows, !isAbandoned else { return }
        for row in 0..<result.rowCount {
            // Rows are read by the columns that were announced first, however many another result has.
            let batch = filling ?? RowBatch(columnCount: columns?.count ?? result.columnCount)
            batch.append(result, row: row)
            filling = batch
            if batch.isFull {
                batches.append(batch)
                filling = nil
            }
        }
    }

    /// What can be handed over now, or `nil` when there is nothing and no end.
    func takeDelivery() -> Delivery? {
        var batch = batches.removeFirst()
        if batch == nil {
            batch = filling
            filling = nil
        }
        let end = batches.isEmpty && filling == nil ? outcome : nil
        if batch == nil && end == nil { return nil }
        if batch != nil { hasDelivered = true }
        return Delivery(batch: batch, outcome: end, columns: columns)
    }

    /// Forgets what was answered, so that it can be sent again.
    func reset() {
        stage = .waiting
        isExposed = false
        isStreaming = false
        preparing = nil
        executing = nil
        firstError = error
        error = nil
        tag = nil
        columns = nil
        filling = nil
    }

    /// Drops the rows that no task will fetch.
    func abandon() {
        isAbandoned = true
        filling = nil
        _ = batches.removeAll()
    }
}

/// A transaction's hold on its connection: while it lasts, only its own statements are sent.
final class Lease: Sendable {
    /// The lease that the present task works under.
    @TaskLocal static var current: Lease?

    let connection: ObjectIdentifier
    init(_ connection: ConnectionCore) { self.connection = ObjectIdentifier(connection) }
}
