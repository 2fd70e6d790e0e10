import CApusLibPQ

/// Something that `COPY … TO STDOUT` delivered.
public enum CopyOutEvent: ~Copyable {
    /// One row (text and csv) or one piece (binary), to be read before it is let go.
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
    /// Sends a piece of the data of `COPY … FROM STDIN`; pieces need not end at rows.
    /// - Returns: `.wait` when libpq's buffer is full: send the same piece again then.
    public mutating func sendCopyData(_ bytes: UnsafeRawBufferPointer) throws(PQError) -> Step<Void> {
        if mustRead {
            mustRead = false
            if PQconsumeInput(pointer) == 0 { throw failure() }
        }
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        switch PQputCopyData(pointer, start, Int32(clamping: bytes.count)) {
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

    /// Ends `COPY … FROM STDIN`; with an error message, makes it fail.
    public mutating func sendCopyEnd(error: String? = nil) throws(PQError) -> Step<Void> {
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
        if let wait = try flush() { return .wait(wait) }
        if mustRead {
            mustRead = false
            if PQconsumeInput(pointer) == 0 { throw failure() }
        }
        var buffer: UnsafeMutablePointer<CChar>?
        let count = PQgetCopyData(pointer, &buffer, 1)
        if count > 0, let buffer { return .done(.data(CopyOutData(owning: buffer, count: Int(count)))) }
        switch count {
        case 0:
            mustRead = true
            return .wait(Wait(descriptor: descriptor, interest: .read))
        case -1:
            return .done(.end)
        default:
            throw failure()
        }
    }
}
