import ApusPQ
import ApusPython
import ApusSessions
import ApusValues
import ApusWaiting

/// Buffers the data of a COPY FROM, so that small reads are sent in large pieces. The file is read again only when
/// libpq has written the piece before the last one to the socket, so that memory is limited to two pieces.
struct CopyInBuffer: ~Copyable {
    private let connection: Connection
    private let exchange: Exchange
    private var buffered = ByteWriter(minimumCapacity: PQConnection.copyPieceSize)

    /// The caller must hold the connection's lock.
    init(_ connection: Connection, _ exchange: Exchange) {
        self.connection = connection
        self.exchange = exchange
    }

    mutating func send(_ bytes: UnsafeRawBufferPointer) throws(PythonError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // A whole piece is sent without a copy.
            let piece = rest.prefix(PQConnection.copyPieceSize - buffered.count)
            rest = rest[piece.endIndex...]
            if piece.count == PQConnection.copyPieceSize {
                try sendPiece(UnsafeRawBufferPointer(rebasing: piece))
                continue
            }
            buffered.append(UnsafeRawBufferPointer(rebasing: piece))
            if buffered.count == PQConnection.copyPieceSize { try flush() }
        }
    }

    /// Sends the buffered bytes.
    mutating func flush() throws(PythonError) {
        if buffered.count == 0 { return }
        try buffered.withUnsafeBytes { (bytes) throws(PythonError) in try sendPiece(bytes) }
        buffered.removeAll()
    }

    private func sendPiece(_ piece: UnsafeRawBufferPointer) throws(PythonError) {
        let core = connection.core
        try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
            // The file's `read()` may have closed the connection.
            guard let step = try core.session?.sendCopyData(piece) else { throw Exchange.closed }
            if case .wait(let wait) = step { return wait }
            return nil
        }
    }
}

/// Writes the data of a COPY TO to a file.
struct CopySink {
    private let file: PyObj
    private let encoding: ClientEncoding
    private let takesText: Bool
    /// Whether `write()` may write fewer bytes than given, and returns their number.
    private let isRaw: Bool

    /// - Parameter file: must outlive the sink.
    init(_ file: PyObj, _ encoding: ClientEncoding) throws(PythonError) {
        self.file = file
        self.encoding = encoding
        // Files of the `io` module have one of these base classes.
        let io = try Python.module("io")
        takesText = try Self.isInstance(file, of: "TextIOBase", in: io.object)
        isRaw = try Self.isInstance(file, of: "RawIOBase", in: io.object)
    }

    private static func isInstance(_ file: PyObj, of name: StaticString, in io: PyObj) throws(PythonError) -> Bool {
        let base = try io.attribute(name)
        let fits = try file.isInstance(asking: base.object)
        return fits
    }

    /// Writes all of the bytes. Raises BlockingIOError if a raw file writes none of them, and OSError or TypeError if
    /// it returns an impossible number, because the file would be incomplete.
    func write(_ bytes: UnsafeRawBufferPointer) throws(PythonError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let chunk = try takesText ? encoding.decode(piece) : PyRef(bytes: piece)
            let answer = try file.callMethod(module.pointee.nameWrite, chunk.object)
            // Other files write all bytes, and the meaning of their returned value is not defined.
            guard isRaw else { return }
            rest = try rest.dropFirst(Self.count(answer.object, of: rest.count))
        }
    }

    /// Converts the returned value of a raw file's `write()` to a number of bytes, from 1 to `size`.
    private static func count(_ answer: PyObj, of size: Int) throws(PythonError) -> Int {
        if answer.isNone { throw blockingError("None", size) }
        guard answer.isInt else {
            throw raiseTypeError("the raw file's write() returned \(answer.typeName) instead of a number of bytes")
        }
        let count = try answer.integerIfSmall
        if count == 0 { throw blockingError("0", size) }
        guard let count, count > 0, count <= size else {
            throw try raise(
                Python.osError,
                "the raw file's write() returned \(answer.shown), which is not between 0 and the \(size) bytes given")
        }
        return count
    }

    private static func blockingError(_ answer: String, _ size: Int) -> PythonError {
        do throws(PythonError) {
            let message = try PyRef(
                "the raw file's write() returned \(answer): it took none of \(size) bytes, and COPY cannot wait for it")
            let number = try PyRef(Int(EAGAIN))
            let error = try Python.blockingIOError.call(number.object, message.object)
            return raise(Python.blockingIOError, value: error)
        } catch { return error }
    }
}
