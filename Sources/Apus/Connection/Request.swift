import ApusPQ
import ApusWaiting

/// One statement or script: what is sent, the task that waits for it, and what has been answered so far.
///
/// It is Sendable because the lock of the connection that it is submitted to guards everything that changes.
final class Request: @unchecked Sendable {
    /// How it is sent.
    enum Form: Sendable {
        /// One statement with parameters, by the extended protocol, in pipeline mode.
        case statement
        /// Several statements in one text, by the simple protocol, outside of pipeline mode.
        case script
    }

    /// How a request has ended.
    enum Outcome: Sendable {
        case finished(CommandTag)
        case failed(ApusError)
    }

    /// A part of an answer, with which a task is resumed: rows, the end, or both.
    struct Delivery: Sendable {
        var batch: RowBatch?
        /// Not `nil` if the answer ends with this part.
        var outcome: Outcome?
        /// `nil` for a statement that returns no rows.
        var columns: ApusColumns?
    }

    /// How far a request has come.
    enum Stage {
        /// It is not submitted to a connection yet.
        case new
        /// It is in the queue.
        case waiting
        /// It was sent, and its answer is not complete.
        case sent
        /// It has an outcome.
        case ended
    }

    let sql: SQL
    let form: Form
    /// Whether the rows are delivered; otherwise they are dropped as they are received.
    let keepsRows: Bool
    /// The transaction that it belongs to.
    let lease: Lease?
    /// Whether it is the transaction's `BEGIN`, which takes the connection for ``lease``.
    let takesLease: Bool
    /// Whether it is the `ROLLBACK` of a transaction that was given up while it began. Its answer ends the lease.
    let releasesLease: Bool
    /// When it is stopped. A request that releases a lease gets its deadline when its answer is the next to come.
    var deadline: Duration?
    let site: CallSite

    var stage = Stage.new
    /// The task that waits for the next part of the answer.
    var waiter: UnsafeContinuation<Delivery, Never>?
    var columns: ApusColumns?
    /// Full batches, oldest first.
    var batches = Deque<RowBatch>()
    /// The batch that rows are added to.
    var openBatch: RowBatch?
    var outcome: Outcome?
    /// The server's error, until the synchronization point ends the answer.
    var error: ApusError?
    /// The error because of which it was sent again. In a transaction that the program began by hand, the second error
    /// only says that the transaction has failed.
    var firstError: ApusError?
    var tag: CommandTag?
    /// Why it is being stopped: ``ApusError/Code/cancelled`` or ``ApusError/Code/timeout``.
    var stopReason: ApusError.Code?
    /// Whether the rest of the answer is dropped, because no task waits for it.
    var isAbandoned = false
    /// The statement that is prepared together with the request, until the server has confirmed it.
    var preparing: StatementCache.Statement?
    /// The prepared statement that it executes.
    var executing: StatementCache.Statement?
    /// Whether it was in the pipeline behind a request that was being cancelled, so that the cancel may hit it instead.
    var mayBeHitByCancel = false
    /// Whether rows of it were delivered.
    var hasDelivered = false
    /// Whether libpq returns its rows one by one.
    var isStreaming = false

    init(
        _ sql: SQL, form: Form = .statement, keepsRows: Bool, lease: Lease?, takesLease: Bool = false,
        releasesLease: Bool = false, timeout: Duration?, site: CallSite
    ) {
        self.sql = sql
        self.form = form
        self.keepsRows = keepsRows
        self.lease = lease
        self.takesLease = takesLease
        self.releasesLease = releasesLease
        deadline = timeout.map(Monotonic.moment(after:))
        self.site = site
    }

    /// Whether there is a full batch that the task has not fetched yet.
    var hasFullBatch: Bool { !batches.isEmpty }

    /// Whether an error certainly undoes the whole statement, because it is of a kind that cannot commit by itself.
    var isAtomic: Bool {
        let text = sql.text.utf8.drop { $0 == UInt8(ascii: "(") || ASCII.isSpace($0) }
        let word = ASCII.lowercased(
            String(decoding: text.prefix { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A }, as: UTF8.self))
        return ["select", "insert", "update", "delete", "merge", "with", "values", "table"].contains(word)
    }

    /// Copies the rows of a result.
    func append(_ result: borrowing PQResult) {
        guard keepsRows, !isAbandoned else { return }
        for row in 0..<result.rowCount {
            // Rows are read by the columns of the first result, even if a later result has more or fewer.
            let batch = openBatch ?? RowBatch(columnCount: columns?.count ?? result.columnCount)
            batch.append(result, row: row)
            openBatch = batch
            if batch.isFull {
                batches.append(batch)
                openBatch = nil
            }
        }
    }

    /// Removes the next part of the answer; `nil` if there are no rows and no end yet.
    func takeDelivery() -> Delivery? {
        var batch = batches.removeFirst()
        if batch == nil {
            batch = openBatch
            openBatch = nil
        }
        let end = batches.isEmpty && openBatch == nil ? outcome : nil
        if batch == nil && end == nil { return nil }
        if batch != nil { hasDelivered = true }
        return Delivery(batch: batch, outcome: end, columns: columns)
    }

    /// Drops what was answered, so that the request can be sent again.
    func prepareResend() {
        stage = .waiting
        mayBeHitByCancel = false
        isStreaming = false
        preparing = nil
        executing = nil
        firstError = error
        error = nil
        tag = nil
        columns = nil
        openBatch = nil
    }

    /// Drops the rows that were not fetched, and those that are still to come.
    func abandon() {
        isAbandoned = true
        openBatch = nil
        _ = batches.removeAll()
    }
}

/// A transaction's hold on its connection. While it lasts, only the transaction's own statements are sent.
final class Lease: Sendable {
    /// The lease of the transaction whose closure the current task executes.
    @TaskLocal static var current: Lease?

    /// The ``ConnectionCore`` that it belongs to.
    let connection: ObjectIdentifier
    init(_ connection: ConnectionCore) { self.connection = ObjectIdentifier(connection) }
}
