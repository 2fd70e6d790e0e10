import ApusPQ
import ApusPython
import ApusSessions
import ApusValues
import CApusPsycopg

/// A Python large object, borrowed. Its methods call functions of the server (see "Large Objects" in PostgreSQL's
/// manual) by ordinary statements, so they wait and can be interrupted as every statement.
struct LargeObject {
    let object: PyObj
    let fields: UnsafeMutablePointer<apus_lobject>

    /// Checks the `self` of a method. Raises InterfaceError if `__init__` never ran.
    init(_ object: PyObj?) throws(PythonError) {
        guard let object, object.fields(apus_lobject.self).pointee.connection != nil else {
            throw raise(module.pointee.interfaceError, "the large object is not initialized")
        }
        self.object = object
        fields = object.fields(apus_lobject.self)
    }

    // MARK: Opening

    /// Opens the large object `oid`. If `oid` is 0, creates one, with the OID `newOID` unless that is 0 too, and fills
    /// it with the content of a file.
    func open(oid: UInt32, mode: LargeObjectMode, newOID: UInt32, file: PyObj?) throws(PythonError) {
        let connection = try checkConnection()
        fields.pointee.descriptor = -1
        fields.pointee.transaction = connection.core.transactionNumber
        fields.pointee.is_text = mode.isText ? 1 : 0
        fields.pointee.oid = oid
        if oid == 0 {
            if let file {
                // The file is opened first, so that no large object is created if there is no such file.
                try withFile(file, "rb") { (file) throws(PythonError) in
                    try create(newOID, connection)
                    try copyContent(of: file)
                }
            } else {
                try create(newOID, connection)
            }
        }
        guard let access = mode.access else { return }
        try openDescriptor(access)
    }

    private func openDescriptor(_ access: Int32) throws(PythonError) {
        let oid = fields.pointee.oid
        fields.pointee.descriptor = try Int32(
            truncatingIfNeeded: integer("SELECT pg_catalog.lo_open($1, $2)") { parameters in
                parameters.appendOID(oid)
                parameters.append(access)
            })
    }

    private func create(_ newOID: UInt32, _ connection: Connection) throws(PythonError) {
        fields.pointee.oid = try UInt32(
            truncatingIfNeeded: integer("SELECT pg_catalog.lo_create($1)") { parameters in
                parameters.appendOID(newOID)
            })
        // Read again, because the statement may have begun the transaction.
        fields.pointee.transaction = connection.core.transactionNumber
    }

    /// Writes the content of an open file into the large object.
    private func copyContent(of file: PyObj) throws(PythonError) {
        try openDescriptor(LargeObjectMode.write)
        let size = try PyRef(Self.pieceSize)
        while true {
            let piece = try file.callMethod(module.pointee.nameRead, size.object)
            if !piece.object.isBytes || piece.object.bytes.count == 0 { break }
            _ = try write(piece.object)
        }
        try close()
    }

    private func withFile(
        _ path: PyObj, _ mode: StaticString, _ body: (PyObj) throws(PythonError) -> Void
    ) throws(PythonError) {
        guard path.isStr else { throw raiseTypeError("expected a file's path, not \(path.typeName)") }
        let file = try openFile(path, mode)
        do throws(PythonError) { try body(file.object) } catch {
            PendingException.preserving { () throws(PythonError) in
                _ = try file.object.callMethod(module.pointee.nameClose)
            }
            throw error
        }
        _ = try file.object.callMethod(module.pointee.nameClose)
    }

    private func openFile(_ path: PyObj, _ mode: StaticString) throws(PythonError) -> PyRef {
        let open = try Python.object("open", of: "io")
        let mode = try PyRef(interned: mode)
        do throws(PythonError) { return try open.object.call(path, mode.object) } catch {
            throw try unopened(path, error)
        }
    }

    /// Returns an OperationalError for a file that could not be opened. The pending exception has the reason.
    private func unopened(_ path: PyObj, _ error: PythonError) throws(PythonError) -> PythonError {
        guard PendingException.isInstance(of: Python.osError), let cause = PendingException.take() else { return error }
        let reason = try cause.object.attribute("strerror")
        return try raise(
            module.pointee.operationalError, "could not open file \"\(text(of: path))\": \(reason.object.shown)")
    }

    // MARK: Checks

    var isClosed: Bool {
        guard fields.pointee.descriptor >= 0, let connection = try? Connection(fields.pointee.connection) else {
            PendingException.clear()
            return true
        }
        return connection.core.closed != .open
    }

    /// True while the transaction in which the descriptor was opened is open.
    private func isCurrent(_ connection: Connection) -> Bool {
        fields.pointee.transaction == connection.core.transactionNumber
    }

    private func checkConnection() throws(PythonError) -> Connection {
        let connection = try Connection(fields.pointee.connection)
        try connection.checkOpen()
        try connection.checkSynchronous("lobject")
        if connection.core.transaction.autocommit, !connection.core.isInBlock {
            throw raise(module.pointee.programmingError, "can't use a lobject outside of transactions")
        }
        return connection
    }

    private func checkUsable() throws(PythonError) {
        if isClosed { throw raise(module.pointee.interfaceError, "lobject already closed") }
        guard try isCurrent(checkConnection()) else {
            throw raise(module.pointee.programmingError, "lobject isn't valid anymore")
        }
    }

    // MARK: Content

    private static var pieceSize: Int { 1 << 20 }

    /// Reads at most `count` bytes, or up to the end if it is negative. The mode determines whether they are returned
    /// as text or bytes.
    func read(_ count: Int) throws(PythonError) -> PyRef {
        try checkUsable()
        var content = ByteWriter()
        var left = count < 0 ? Int.max : count
        while left > 0 {
            let wanted = min(left, Self.pieceSize)
            let got = try readPiece(wanted, to: &content)
            if got < wanted { break }
            left -= got
        }
        let encoding = try Connection(fields.pointee.connection).core.encoding
        let isText = fields.pointee.is_text != 0
        return try content.withUnsafeBytes { (bytes) throws(PythonError) in
            try isText ? encoding.decode(bytes) : PyRef(bytes: bytes)
        }
    }

    private func readPiece(_ count: Int, to content: inout ByteWriter) throws(PythonError) -> Int {
        let descriptor = fields.pointee.descriptor
        let exchange = try callServer("SELECT pg_catalog.loread($1, $2)") { parameters in
            parameters.append(descriptor)
            parameters.append(Int32(clamping: count))
        }
        guard let result = exchange.result else { return 0 }
        guard let cell = result.cell(0, 0) else { return 0 }
        content.append(cell)
        return cell.count
    }

    /// Writes text or bytes.
    /// - Returns: the number of bytes written.
    func write(_ data: PyObj) throws(PythonError) -> Int {
        try checkUsable()
        let content: EncodedText
        if data.isBytes {
            content = EncodedText(bytes: data.bytes, owner: PyRef(retaining: data))
        } else if data.isStr {
            content = try Connection(fields.pointee.connection).core.encoding.encode(data)
        } else {
            throw raiseTypeError("lobject.write requires a string; got \(data.typeName) instead")
        }
        let bytes = content.bytes
        let descriptor = fields.pointee.descriptor
        var start = 0
        while start < bytes.count {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + 16 * Self.pieceSize)])
            _ = try integer("SELECT pg_catalog.lowrite($1, $2)") { parameters in
                parameters.append(descriptor)
                parameters.append(type: OID.bytea.rawValue, binary: true) { $0.append(contentsOf: piece) }
            }
            start += piece.count
        }
        return bytes.count
    }

    /// Moves the position to `offset` from the start, from the current position or from the end.
    /// - Returns: the new position.
    func seek(_ offset: Int, whence: Int) throws(PythonError) -> Int {
        try checkUsable()
        guard let whence = Int32(exactly: whence) else {
            throw raise(
                Python.overflowError, "whence is 0 (SEEK_SET), 1 (SEEK_CUR) or 2 (SEEK_END), and not \(whence)")
        }
        let descriptor = fields.pointee.descriptor
        return try integer("SELECT pg_catalog.lo_lseek64($1, $2, $3)") { parameters in
            parameters.append(descriptor)
            parameters.append(Int64(offset))
            parameters.append(whence)
        }
    }

    func tell() throws(PythonError) -> Int {
        try checkUsable()
        let descriptor = fields.pointee.descriptor
        return try integer("SELECT pg_catalog.lo_tell64($1)") { parameters in parameters.append(descriptor) }
    }

    func truncate(_ length: Int) throws(PythonError) {
        try checkUsable()
        let descriptor = fields.pointee.descriptor
        _ = try integer("SELECT pg_catalog.lo_truncate64($1, $2)") { parameters in
            parameters.append(descriptor)
            parameters.append(Int64(length))
        }
    }

    // MARK: Closing

    func close() throws(PythonError) {
        let descriptor = fields.pointee.descriptor
        if descriptor < 0 { return }
        fields.pointee.descriptor = -1
        let connection = try Connection(fields.pointee.connection)
        // The descriptor ended with its transaction.
        guard connection.core.closed == .open, isCurrent(connection), connection.core.status == .begin,
            connection.core.session?.transactionStatus == .inTransaction
        else { return }
        _ = try integer("SELECT pg_catalog.lo_close($1)") { parameters in parameters.append(descriptor) }
    }

    func unlink() throws(PythonError) {
        _ = try checkConnection()
        try close()
        let oid = fields.pointee.oid
        _ = try integer("SELECT pg_catalog.lo_unlink($1)") { parameters in parameters.appendOID(oid) }
    }

    /// Writes the content to a file on the client.
    func export(_ path: PyObj) throws(PythonError) {
        _ = try checkConnection()
        let connection = PyRef(retaining: fields.pointee.connection ?? Python.none)
        let reader = try LargeObject.make(
            module.pointee.lobject, connection.object, oid: fields.pointee.oid, mode: "rb")
        let source = try LargeObject(reader.object)
        try withFile(path, "wb") { (file) throws(PythonError) in
            while true {
                let piece = try source.read(Self.pieceSize)
                if piece.object.bytes.count == 0 { break }
                _ = try file.callMethod(module.pointee.nameWrite, piece.object)
            }
        }
        try source.close()
    }

    private static func make(_ type: PyObj, _ connection: PyObj, oid: UInt32, mode: StaticString) throws(PythonError)
        -> PyRef
    {
        let number = try PyRef(Int(oid))
        let mode = try PyRef(interned: mode)
        return try type.call(connection, number.object, mode.object)
    }

    // MARK: Calls of the server's functions

    /// Calls a function of the server. Raises an error of the server as OperationalError.
    private func callServer(_ sql: StaticString, _ write: (inout PQParameters) -> Void) throws(PythonError) -> Exchange
    {
        let connection = try checkConnection()
        // Retained, because another thread or a callback may call `__init__` again during the wait, which replaces the
        // connection.
        let keeper = PyRef(retaining: connection.object)
        defer { keeper.keepAlive() }
        try connection.checkNotPrepared("lobject")
        var parameters = PQParameters()
        write(&parameters)
        let call = ServerCall(sql, parameters)
        let exchange = try connection.perform(Exchange(call))
        try connection.checkSuccess(exchange, cursor: nil, raising: module.pointee.operationalError)
        return exchange
    }

    /// Calls a function of the server that returns an integer.
    private func integer(_ sql: StaticString, _ write: (inout PQParameters) -> Void) throws(PythonError) -> Int {
        let exchange = try callServer(sql, write)
        guard let result = exchange.result, result.rowCount > 0, let bytes = result.cell(0, 0) else { return 0 }
        // Big-endian. The first bit of an OID is not a sign.
        let isSigned = result.columnType(0) != OID.oid.rawValue
        let first = Int(bytes.first ?? 0)
        return bytes.dropFirst().reduce(isSigned && first > 127 ? first - 256 : first) { $0 << 8 | Int($1) }
    }
}

/// The mode of an open large object.
struct LargeObjectMode {
    static let read: Int32 = 0x40000
    static let write: Int32 = 0x20000

    /// Flags of libpq-fs.h; nil if the large object is not opened.
    let access: Int32?
    let isText: Bool
    /// The value of `lobject.mode`.
    let shown: String

    /// Parses "r", "w", "rw" or "n", optionally followed by "b" or "t"; nil for any other text.
    init?(_ text: String) {
        var access = text
        let kind = access.last
        isText = kind != "b"
        if kind == "b" || kind == "t" { access.removeLast() }
        switch access {
        case "", "r": self.access = Self.read
        case "w": self.access = Self.write
        case "rw": self.access = Self.read | Self.write
        case "n": self.access = nil
        default: return nil
        }
        let name = access.isEmpty ? "r" : access
        shown = name == "n" ? name : name + (isText ? "t" : "b")
    }
}

extension PQParameters {
    fileprivate mutating func append(_ value: Int32) { append(.int4, value) }
    fileprivate mutating func append(_ value: Int64) { append(.int8, value) }
    fileprivate mutating func appendOID(_ value: UInt32) { append(.oid, value) }

    private mutating func append(_ type: OID, _ value: some FixedWidthInteger) {
        var writer = ByteWriter(minimumCapacity: 8)
        writer.append(bigEndian: value)
        append(type: type.rawValue, binary: true) { bytes in
            writer.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }
}
