import ApusWaiting
import CApusLibPQ

/// Where bytes can be that have arrived although the socket is silent.
///
/// TLS and GSSAPI decrypt a whole record, up to 16 KiB. libpq takes as much of it as its buffer has room for, often
/// 8 KiB; the rest stays in the library, where `poll(2)` does not see it. libpq's own blocking calls ask `SSL_pending`
/// before they wait, so a caller that waits in libpq's place must do the same. PostgreSQL writes records of 8 KiB and
/// hides the difference; YugabyteDB, poolers and balancers that terminate TLS write larger ones.
@usableFromInline
enum DecryptedBytes {
    /// Nowhere: the connection is not encrypted.
    case none
    /// In OpenSSL, which says how many there are.
    case openSSL(apus_ssl_pending_function)
    /// In a library that does not say: GSSAPI, or an OpenSSL that was linked into this program.
    case unknown

    private static let sslPending = apus_find_ssl_pending()

    /// For a connection whose encryption, if any, has been negotiated.
    init(of connection: OpaquePointer) {
        if PQgssEncInUse(connection) != 0 {
            self = .unknown
        } else if PQsslInUse(connection) == 0 {
            self = .none
        } else if PQsslStruct(connection, "OpenSSL") != nil, let pending = Self.sslPending {
            self = .openSSL(pending)
        } else {
            self = .unknown
        }
    }

    /// Whether there can be any: whether the connection is encrypted.
    @inlinable
    @inline(__always)
    var isPossible: Bool { if case .none = self { false } else { true } }

    /// Whether another read can bring bytes that do not show on the socket.
    ///
    /// Where the library does not say, two reads while the socket is silent are enough: a record has 16 KiB at most,
    /// and libpq makes room for at least 8 KiB before each read. While the socket is not silent, waiting for it costs
    /// nothing.
    /// - Parameter silentReads: how many reads were tried while the socket was silent; 0 at first.
    @inlinable
    func mayHoldMore(_ silentReads: inout Int, of connection: OpaquePointer) -> Bool {
        if !isPossible { return false }
        return mayHoldMoreEncrypted(&silentReads, connection)
    }

    @usableFromInline
    func mayHoldMoreEncrypted(_ silentReads: inout Int, _ connection: OpaquePointer) -> Bool {
        switch self {
        case .none: return false
        case .openSSL(let pending):
            // Asked for each time: libpq frees OpenSSL's connection as soon as it finds that its own has broken.
            guard let ssl = PQsslStruct(connection, "OpenSSL") else { return false }
            return pending(ssl) > 0
        case .unknown:
            let socket = PQsocket(connection)
            if socket < 0 { return false }
            let wait = Wait(descriptor: socket, interest: .read)
            if silentReads == 2 || BlockingWaiter.wait(for: wait, slice: .zero) == .ready { return false }
            silentReads += 1
            return true
        }
    }
}

extension PQConnection {
    /// Reads what has arrived, before a wait for more is handed out.
    /// - Parameter silentReads: as for ``DecryptedBytes/mayHoldMore(_:of:)``.
    /// - Returns: `nil` if something was read: look again at what libpq has now. Otherwise what to wait for.
    @inlinable
    mutating func readArrived(_ silentReads: inout Int) throws(PQError) -> Wait? {
        if decrypted.mayHoldMore(&silentReads, of: pointer) {
            if try !consumeOnce() { throw failure() }
            return nil
        }
        return try waitToRead()
    }

    /// Waits for more from the server. libpq may have found the end of the connection together with the last bytes
    /// before it: then there is nothing to wait for.
    @inlinable
    mutating func waitToRead() throws(PQError) -> Wait {
        mustRead = true
        let socket = PQsocket(pointer)
        if socket < 0 { throw failure() }
        return Wait(descriptor: socket, interest: .read)
    }

    /// Reads what has arrived and does not show on the socket. Every answer ends with this, because a program may then
    /// wait for the socket alone, and a notification can be in the record that ended the answer.
    @inlinable
    public mutating func readDecrypted() throws(PQError) {
        if !decrypted.isPossible { return }
        enter()
        defer { leave() }
        var silentReads = 0
        while decrypted.mayHoldMore(&silentReads, of: pointer) {
            if try !consumeOnce() { return noteEnd() }
        }
    }

    /// Reads once.
    /// - Returns: false if the connection has ended: what libpq still has is handed out by ``lastResult()``.
    @inlinable
    mutating func consumeOnce() throws(PQError) -> Bool {
        if PQconsumeInput(pointer) != 0 { return true }
        if PQisBusy(pointer) != 0 { throw failure() }
        return false
    }

    /// Keeps what libpq says of the end of the connection, and makes the next ``nextResult()`` look for what is left.
    @usableFromInline
    mutating func noteEnd() {
        notices.lastWords = notices.lastWords ?? libpqsWords
        mustRead = true
    }

    /// The next result of a connection that has ended. Where libpq has none left, it waits for its socket, which it has
    /// closed, and makes a result of the complaint about that ("invalid socket"): then what it said before is thrown.
    @usableFromInline
    mutating func lastResult() throws(PQError) -> Step<PQResult?> {
        let isFirst = notices.lastWords == nil
        noteEnd()
        let before = libpqsWords
        guard let pointer = PQgetResult(self.pointer) else { return .done(nil) }
        let result = PQResult(owning: pointer)
        let after = libpqsWords
        guard after.count > before.count, after.starts(with: before) else { return .done(result) }
        // The words without those of results that were handed out, and without the complaint.
        var words = bytes(PQresultErrorMessage(result.pointer))
        let complaint = after.dropFirst(before.count)
        if isFirst, words.count > complaint.count, words.reversed().starts(with: complaint.reversed()) {
            words.removeLast(complaint.count)
        } else {
            words = errorText
        }
        throw PQError(.connectionLost, String(decoding: words, as: UTF8.self))
    }

    /// Reads everything that has arrived, without waiting.
    public mutating func consumeInput() throws(PQError) {
        enter()
        defer { leave() }
        if PQconsumeInput(pointer) == 0 { throw failure() }
        var silentReads = 0
        while decrypted.mayHoldMore(&silentReads, of: pointer) {
            if PQconsumeInput(pointer) == 0 { throw failure() }
        }
    }
}
