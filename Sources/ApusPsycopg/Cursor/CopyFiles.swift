import ApusPQ
import ApusPython
import ApusSessions
import ApusValues
import ApusWaiting

/// Where the data of a COPY FROM go: small pieces are gathered, so that the server gets large ones, and the next is
/// asked of the file only when the socket has taken the last but one.
struct CopyOutlet: ~Copyable {
    private let connection: Connection
    private let exchange: Exchange
    private var gathered = ByteWriter(minimumCapacity: PQConnection.copyPieceSize)

    /// For a connection whose lock is held.
    init(_ connection: Connection, _ exchange: Exchange) {
        self.connection = connection
        self.exchange = exchange
    }

    mutating func send(_ bytes: UnsafeRawBufferPointer) throws(PythonError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // Whatever makes a whole piece need not be copied to one.
            let piece = rest.prefix(PQConnection.copyPieceSize - gathered.count)
            rest = rest[piece.endIndex...]
            if piece.count == PQConnection.copyPieceSize {
                try put(UnsafeRawBufferPointer(rebasing: piece))
                continue
            }
            gathered.append(UnsafeRawBufferPointer(rebasing: piece))
            if gathered.count == PQConnection.copyPieceSize { try flush() }
        }
    }

    /// Sends what was gathered.
    mutating func flush() throws(PythonError) {
        if gathered.count == 0 { return }
        try gathered.withUnsafeBytes { (bytes) throws(PythonError) in try put(bytes) }
        gathered.removeAll()
    }

    private func put(_ piece: UnsafeRawBufferPointer) throws(PythonError) {
        let core = connection.core
        try connection.blockingUnderLock(limiting: exchange) { () throws(PQError) in
            // The file may have closed the connection.
            guard let step = try core.session?.sendCopyData(piece) else { throw Exchange.closed }
            if case .wait(let wait) = step { return wait }
            return nil
        }
    }
}

/// The file that the data of a COPY TO go to.
struct CopySink {
    private let file: PyObj
    private let encoding: ClientEncoding
    private let takesText: Bool
    /// Whether `write()` may take less than it is given, and says how much.
    private let isRaw: Bool

    /// - Parameter file: borrowed for as long as the sink lives.
    init(_ file: PyObj, _ encoding: ClientEncoding) throws(PythonError) {
        self.file = file
        self.encoding = encoding
        // Files of the `io` module say what they are by their base.
        let io = try Python.module("io")
        takesText = try Self.isInstance(file, of: "TextIOBase", in: io.object)
        isRaw = try Self.isInstance(file, of: "RawIOBase", in: io.object)
    }

    private static func isInstance(_ file: PyObj, of name: StaticString, in io: PyObj) throws(PythonError) -> Bool {
        let base = try io.attribute(name)
        let fits = try file.isInstance(asking: base.object)
        return fits
    }

    /// Writes all of the bytes. Raises BlockingIOError if a raw file takes none of them, OSError or TypeError if it
    /// says that it took what it cannot have taken: with less than all of it the copy would be another.
    func write(_ bytes: UnsafeRawBufferPointer) throws(PythonError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let chunk = try takesText ? encoding.decode(piece) : PyRef(bytes: piece)
            let answer = try file.callMethod(module.pointee.nameWrite, chunk.object)
            // Others take all that they are given, and what they return means anything.
            guard isRaw else { return }
            rest = try rest.dropFirst(Self.count(answer.object, of: rest.count))
        }
    }

    /// What a raw file's `write()` says that it took of so many bytes.
    private static func count(_ answer: PyObj, of size: Int) throws(PythonError) -> Int {
        if answer.isNone { throw blocks("None", size) }
        guard answer.isInt else {
            throw raiseTypeError("the raw file's write() returned \(answer.typeName) instead of a number of bytes")
        }
        let count = try answer.integerIfSmall
        if count == 0 { throw blocks("0", size) }
        guard let count, count > 0, count <= size else {
            throw try raise(
                Python.osError,
                "the raw file's write() returned \(answer.shown), which is not between 0 and the \(size) bytes given")
        }
        return count
    }

    private static func blocks(_ answer: String, _ size: Int) -> PythonError {
        do throws(PythonError) {
            let message = try PyRef(
                "the raw file's write() returned \(answer): it took none of \(size) bytes, and COPY cannot wait for it")
            let number = try PyRef(Int(EAGAIN))
            let error = try Python.blockingIOError.call(number.object, message.object)
            return raise(Python.blockingIOError, value: error)
        } catch { return error }
    }
}
