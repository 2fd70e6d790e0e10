import ApusPQ
import ApusValues
import ApusWaiting
import CApusPython

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

    mutating func send(_ bytes: UnsafeRawBufferPointer) throws(Raised) {
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
    mutating func flush() throws(Raised) {
        if gathered.count == 0 { return }
        try gathered.withUnsafeBytes { (bytes) throws(Raised) in try put(bytes) }
        gathered.removeAll()
    }

    private func put(_ piece: UnsafeRawBufferPointer) throws(Raised) {
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
    init(_ file: PyObj, _ encoding: ClientEncoding) throws(Raised) {
        self.file = file
        self.encoding = encoding
        // Files of the `io` module say what they are by their base.
        let io = try Owned(owned(PyImport_ImportModule("io")))
        takesText = try Self.isInstance(file, of: "TextIOBase", in: io.object)
        isRaw = try Self.isInstance(file, of: "RawIOBase", in: io.object)
    }

    private static func isInstance(_ file: PyObj, of name: StaticString, in io: PyObj) throws(Raised) -> Bool {
        let base = try Owned(attribute(name, of: io))
        let fits = PyObject_IsInstance(file, base.object)
        try check(fits)
        return fits != 0
    }

    /// Writes all of the bytes. Raises BlockingIOError if a raw file takes none of them, OSError or TypeError if it
    /// says that it took what it cannot have taken: with less than all of it the copy would be another.
    func write(_ bytes: UnsafeRawBufferPointer) throws(Raised) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let chunk = try Owned(takesText ? encoding.decode(piece) : pythonBytes(piece))
            let answer = try Owned(owned(apus_method1(file, module.pointee.nameWrite, chunk.object)))
            // Others take all that they are given, and what they return means anything.
            guard isRaw else { return }
            rest = try rest.dropFirst(Self.count(answer.object, of: rest.count))
        }
    }

    /// What a raw file's `write()` says that it took of so many bytes.
    private static func count(_ answer: PyObj, of size: Int) throws(Raised) -> Int {
        if answer.isNone { throw blocks("None", size) }
        guard apus_is_int(answer) != 0 else {
            throw raiseTypeError("the raw file's write() returned \(answer.typeName) instead of a number of bytes")
        }
        let shown = try Owned(owned(PyObject_Str(answer)))
        var overflow: Int32 = 0
        let count = PyLong_AsLongAndOverflow(answer, &overflow)
        if count == 0, overflow == 0 { throw blocks("0", size) }
        guard overflow == 0, count > 0, count <= size else {
            throw try raise(
                apus_exc_os(),
                "the raw file's write() returned \(text(of: shown.object)), which is not between 0 and the \(size) bytes given"
            )
        }
        return count
    }

    private static func blocks(_ answer: String, _ size: Int) -> Raised {
        do throws(Raised) {
            let message = try Owned(
                python(
                    "the raw file's write() returned \(answer): it took none of \(size) bytes, and COPY cannot wait for it"
                ))
            let number = try Owned(python(Int(EAGAIN)))
            let error = try Owned(owned(apus_call2(apus_exc_blocking(), number.object, message.object)))
            PyErr_SetObject(apus_exc_blocking(), error.object)
        } catch {}
        return Raised()
    }
}
