import ApusPQ
import ApusValues
import CApusLibPQ
import CApusPython

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The statements of an `executemany` under way that have not been sent yet, and what those before have done.
///
/// The connection knows of them, so that a statement, a commit or a COPY by the iterator that the arguments come from
/// finds the rows before executed. It is used under the GIL.
final class PendingStatements {
    private let cursor: Cursor
    private let connection: Connection
    private let thread = pthread_self()
    private var batch = StatementBatch()
    private var isSending = false
    /// What the statements did that were sent.
    private(set) var tally = Exchange.Tally()

    /// Both outlive it: `executemany` keeps them.
    init(of cursor: Cursor, _ connection: Connection) {
        self.cursor = cursor
        self.connection = connection
    }

    /// Whether they are this thread's, and not on their way.
    var isOurs: Bool { pthread_equal(thread, pthread_self()) != 0 && !isSending }

    /// Adds a statement; sends it with those before if they are enough. Raises ValueError for a zero byte.
    func append(_ statement: borrowing ByteWriter) throws(Raised) {
        try batch.append(statement)
        if batch.isFull { try send() }
    }

    /// Executes what came before the arguments that raised, as if each had been sent when its turn was. The pending
    /// exception stays, unless the server objects.
    func sendBeforeRaising() throws(Raised) {
        guard let exception = apus_take_exception() else { return }
        do throws(Raised) { try send() } catch {
            exception.release()
            throw error
        }
        apus_give_exception(exception)
    }

    func send() throws(Raised) {
        if batch.isEmpty { return }
        isSending = true
        // Whatever becomes of them, they are not sent again.
        defer {
            batch.removeAll()
            isSending = false
        }
        try connection.checkOpen()
        try connection.checkIdle("executemany")
        batch.terminate()
        let exchange = batch.text.withUnsafeBytes {
            Exchange(Statement(copying: UnsafeRawBufferPointer(rebasing: $0.dropLast())))
        }
        exchange.tally = Exchange.Tally()
        try connection.perform(exchange) { () throws(Raised) in try cursor.prepare(for: exchange) }
        let sent = exchange.tally ?? Exchange.Tally()
        let last = failed(exchange, sent)
        try replace(&cursor.fields.pointee.query, with: batch.statement(last ?? batch.starts.count - 1))
        if let last {
            let front = batch.charactersAndLines(before: last)
            exchange.extendPrefix(characters: front.characters, lines: front.lines)
        }
        try cursor.accept(exchange, connection)
        tally.add(sent)
    }

    /// The number of the statement that the server objects to; nil if it does not.
    private func failed(_ exchange: Exchange, _ tally: Exchange.Tally) -> Int? {
        guard let result = exchange.result, PQresultStatus(result) == PGRES_FATAL_ERROR else { return nil }
        if let field = PQresultErrorField(result, apus_diag_statement_position),
            let position = Int(String(cString: field))
        {
            return batch.statement(atCharacter: position - exchange.prefixLength)
        }
        return min(tally.results, batch.starts.count - 1)
    }
}
