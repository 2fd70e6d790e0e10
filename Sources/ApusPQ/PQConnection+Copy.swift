import ApusWaiting
import CApusLibPQ

/// A step of `COPY … TO STDOUT`.
public enum CopyOutEvent: ~Copyable {
    /// One row (formats text and csv) or one piece of the data (format binary).
    case data(CopyOutData)
    /// The data has ended. Fetch the command's result with ``PQConnection/nextResult()`` next.
    case end
}

/// The exclusive owner of bytes that libpq allocated. It is Sendable because no other value refers to them.
public struct CopyOutData: ~Copyable, @unchecked Sendable {
    private let pointer: UnsafeMutablePointer<CChar>
    private let count: Int

    init(owning pointer: UnsafeMutablePointer<CChar>, count: Int) {
        self.pointer = pointer
        self.count = count
    }

    deinit { PQfreemem(pointer) }

    /// The bytes; they live as long as this value.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }
}

/// COPY. Source: <https://www.postgresql.org/docs/current/libpq-copy.html>
extension PQConnection {
    /// Sends a piece of the data of `COPY … FROM STDIN`. Pieces need not end at the end of a row.
    ///
    /// libpq copies the whole piece into its buffer; pieces of ``copyPieceSize`` bytes make the best use of it.
    /// - Parameter bytes: the piece, shorter than 2 GiB.
    /// - Returns: `.wait` as long as the socket has not taken the piece before, so that never more than one piece is
    ///   held in memory. Send the same piece again after the wait.
    /// - Throws: ``PQError/Kind/usage`` for a longer piece or when there is no `COPY`, ``PQError/Kind/connectionLost``.
    public mutating func sendCopyData(_ bytes: UnsafeRawBufferPointer) throws(PQError) -> Step<Void> {
        enter()
        defer { leave() }
        if let wait = try flush() { return .wait(wait) }
        guard let count = Int32(exactly: bytes.count) else {
            throw PQError(.usage, "COPY takes pieces of less than 2 GiB")
        }
        switch PQputCopyData(pointer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count) {
        case 1:
            mustFlush = true
            return .done(())
        case 0:
            mustFlush = true
            mustRead = true
            return .wait(Wait(descriptor: descriptor, interest: [.read, .write]))
        default:
            throw failure()
        }
    }

    /// The best size of a piece, in bytes. With the message's header it is a multiple of the blocks that libpq writes,
    /// so that no remainder of a few bytes needs a packet of its own.
    public static var copyPieceSize: Int { 8 * 8192 - 5 }

    /// Ends the data of `COPY … FROM STDIN`. Fetch the command's result with ``nextResult()`` next.
    /// - Parameter error: makes the command fail with this message, if it is not `nil`.
    /// - Returns: `.wait` if the socket cannot take it now; call it again after the wait.
    /// - Throws: ``PQError/Kind/usage`` when there is no `COPY`, ``PQError/Kind/connectionLost``.
    public mutating func sendCopyEnd(error: String? = nil) throws(PQError) -> Step<Void> {
        enter()
        defer { leave() }
        switch PQputCopyEnd(pointer, error) {
        case 1:
            mustFlush = true
            return .done(())
        case 0:
            mustRead = true
            return .wait(Wait(descriptor: descriptor, interest: [.read, .write]))
        default:
            throw failure()
        }
    }

    /// The next piece of the data of `COPY … TO STDOUT`.
    /// - Throws: ``PQError/Kind/usage`` when there is no `COPY`, ``PQError/Kind/connectionLost``.
    public mutating func nextCopyData() throws(PQError) -> Step<CopyOutEvent> {
        enter()
        defer { leave() }
        if let wait = try flush() { return .wait(wait) }
        try readIfMarked()
        var silentReads = 0
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(pointer, &buffer, 1)
            if count > 0, let buffer { return .done(.data(CopyOutData(owning: buffer, count: Int(count)))) }
            if count != 0 {
                try checkCopyEnd(count)
                return .done(.end)
            }
            if let wait = try readBeforeWaiting(&silentReads) { return .wait(wait) }
        }
    }

    /// Passes the received pieces of `COPY … TO STDOUT` to a function, one after another.
    /// - Parameter take: receives one row (formats text and csv) or one piece (format binary), valid only during the
    ///   call; returns whether it takes another.
    /// - Returns: `true` at the end of the data, `false` if `take` returned `false`, or what to wait for.
    /// - Throws: as ``nextCopyData()``.
    @inlinable
    public mutating func copyData(to take: (UnsafeRawBufferPointer) -> Bool) throws(PQError) -> Step<Bool> {
        if let wait = try flush() { return .wait(wait) }
        try readIfMarked()
        var silentReads = 0
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(pointer, &buffer, 1)
            if count > 0, let buffer {
                let takesMore = take(UnsafeRawBufferPointer(start: buffer, count: Int(count)))
                PQfreemem(buffer)
                if !takesMore { return .done(false) }
                continue
            }
            if count != 0 {
                try checkCopyEnd(count)
                return .done(true)
            }
            if let wait = try readBeforeWaiting(&silentReads) { return .wait(wait) }
        }
    }

    /// Reads the socket once, if it may hold bytes.
    @usableFromInline
    mutating func readIfMarked() throws(PQError) {
        guard mustRead else { return }
        enter()
        defer { leave() }
        mustRead = false
        if PQconsumeInput(pointer) == 0 { throw failure() }
    }

    /// Throws unless a negative result of `PQgetCopyData` is -1, the end of the data.
    @usableFromInline
    mutating func checkCopyEnd(_ count: Int32) throws(PQError) {
        if count != -1 { throw failure() }
    }

    /// Makes the socket readable only once it holds a number of bytes, or the connection has ended (`SO_RCVLOWAT`).
    ///
    /// The last bytes of an answer may be fewer, so a caller that sets more than 1 must limit its waits by a deadline,
    /// and set 1 again in the end. On Unix sockets the call has no effect.
    /// - Parameter count: bytes; at least 1.
    public func setReadable(atBytes count: Int) {
        var threshold = Int32(clamping: max(count, 1))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &threshold, socklen_t(MemoryLayout<Int32>.size))
    }
}
