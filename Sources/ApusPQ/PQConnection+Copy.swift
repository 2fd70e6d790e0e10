import ApusWaiting
import CApusLibPQ

/// Something that `COPY … TO STDOUT` delivered.
public enum CopyOutEvent: ~Copyable {
    /// One row (text and csv) or one piece (binary), to be read before it is released.
    case data(CopyOutData)
    /// The data has ended: fetch the command's own result with ``PQConnection/nextResult()``.
    case end
}

/// The exclusive owner of bytes that libpq allocated.
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

extension PQConnection {
    /// Sends a piece of the data of `COPY … FROM STDIN`; pieces need not end at rows. libpq takes the whole of a piece
    /// into its buffer: those of ``copyPieceSize`` bytes go through it best.
    /// - Returns: `.wait` as long as the socket has not taken what was sent before, so that no more than one piece is
    ///   ever held in memory: send the same piece again then.
    /// - Throws: ``PQError`` of kind ``PQError/Kind/usage`` for a piece of 2 GiB or more.
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

    /// How much to send at once, bytes: with the message's head, a number of the blocks that libpq writes, so that no
    /// rest of a few bytes is left behind for a packet of its own.
    public static var copyPieceSize: Int { 8 * 8192 - 5 }

    /// Ends `COPY … FROM STDIN`; with an error message, makes it fail.
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

    /// The next piece of `COPY … TO STDOUT`.
    public mutating func nextCopyData() throws(PQError) -> Step<CopyOutEvent> {
        enter()
        defer { leave() }
        if let wait = try flush() { return .wait(wait) }
        try readIfAsked()
        var silentReads = 0
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(pointer, &buffer, 1)
            if count > 0, let buffer { return .done(.data(CopyOutData(owning: buffer, count: Int(count)))) }
            if count != 0 {
                try endOfCopyData(count)
                return .done(.end)
            }
            if let wait = try readArrived(&silentReads) { return .wait(wait) }
        }
    }

    /// The pieces of `COPY … TO STDOUT` that have come, one after the other.
    /// - Parameter take: is lent a row (text and csv) or a piece (binary), and says whether it takes another.
    /// - Returns: whether the data has ended; if not, `take` had enough.
    @inlinable
    public mutating func copyData(to take: (UnsafeRawBufferPointer) -> Bool) throws(PQError) -> Step<Bool> {
        if let wait = try flush() { return .wait(wait) }
        try readIfAsked()
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
                try endOfCopyData(count)
                return .done(true)
            }
            if let wait = try readArrived(&silentReads) { return .wait(wait) }
        }
    }

    @usableFromInline
    mutating func readIfAsked() throws(PQError) {
        guard mustRead else { return }
        enter()
        defer { leave() }
        mustRead = false
        if PQconsumeInput(pointer) == 0 { throw failure() }
    }

    /// What `PQgetCopyData` means by a negative number: -1 is the end of the data.
    @usableFromInline
    mutating func endOfCopyData(_ count: Int32) throws(PQError) {
        if count != -1 { throw failure() }
    }

    /// Makes a wait for reading last until so many bytes have come, or the data end, or its deadline comes. A caller
    /// that asks for more than one sets a deadline, and asks for one again in the end. Without effect on Unix sockets.
    public func setReadable(atBytes count: Int) {
        var threshold = Int32(clamping: max(count, 1))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &threshold, socklen_t(MemoryLayout<Int32>.size))
    }
}
