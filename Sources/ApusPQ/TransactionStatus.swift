import CApusLibPQ

/// Whether a connection is in a transaction, as its server last reported it. The raw values are libpq's.
///
/// Source: `PQtransactionStatus`,
/// <https://www.postgresql.org/docs/current/libpq-status.html#LIBPQ-PQTRANSACTIONSTATUS>
public enum TransactionStatus: Int32, Sendable {
    /// No transaction is open.
    case idle = 0
    /// A statement was sent, and its answer is not complete.
    case active = 1
    /// A transaction is open.
    case inTransaction = 2
    /// A transaction is open, and a statement in it has failed.
    case inError = 3
    /// The connection is broken.
    case unknown = 4

    @inlinable
    init(_ status: PGTransactionStatusType) {
        self = Self(rawValue: Int32(truncatingIfNeeded: status.rawValue)) ?? .unknown
    }
}
