import ApusWaiting
import CApusLibPQ

/// Where received bytes can be that `poll(2)` on the socket does not report.
///
/// TLS and GSSAPI decrypt a whole record, up to 16 KiB. libpq takes as much of it as its buffer has room for, often
/// 8 KiB; the rest stays in the library. libpq's own blocking calls ask `SSL_pending` before they wait, so a caller
/// that waits instead of libpq must do the same. The problem is not seen with PostgreSQL, because it writes records of
/// 8 KiB; YugabyteDB, poolers and load balancers that terminate TLS write larger ones.
@usableFromInline
enum DecryptedBytes {
    /// Nowhere, because the connection is not encrypted.
    case none
    /// In OpenSSL, whose `SSL_pending` returns their number.
    case openSSL(apus_ssl_pending_function)
    /// In a library that cannot be asked: GSSAPI, or an OpenSSL that was linked into this program.
    case unknown

    private static let sslPending = apus_find_ssl_pending()

    /// Finds out which library encrypts a connection. The encryption must have been negotiated.
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

    /// Whether there can be such bytes, that is, whether the connection is encrypted.
    @inlinable
    @inline(__always)
    var isPossible: Bool { if case .none = self { false } else { true } }

    /// Whether another read can return bytes although the socket is not readable.
    ///
    /// If the library cannot be asked, two reads while the socket is not readable are enough, because a record has 16
    /// KiB at most and libpq makes room for at least 8 KiB before each read. If the socket is readable, the result is
    /// `false`, because a wait for it returns at once.
    /// - Parameter silentReads: the number of reads tried so far while the socket was not readable; 0 at first.
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
            // The pointer is not kept, because libpq frees OpenSSL's connection as soon as it detects a loss.
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
    /// Reads bytes that the encryption library still holds; if there are none, returns the wait for the socket.
    /// - Parameter silentReads: as for ``DecryptedBytes/mayHoldMore(_:of:)``.
    /// - Returns: `nil` if something was read, so that libpq must be asked again. Otherwise what to wait for.
    @inlinable
    mutating func readBeforeWaiting(_ silentReads: inout Int) throws(PQError) -> Wait? {
        if decrypted.mayHoldMore(&silentReads, of: pointer) {
            if try !consumeOnce() { throw failure() }
            return nil
        }
        return try waitToRead()
    }

    /// The wait for more bytes from the server.
    /// - Throws: ``PQError/Kind/connectionLost`` if libpq has already closed the socket, because it read the end of the
    ///   connection together with the last bytes before it.
    @inlinable
    mutating func waitToRead() throws(PQError) -> Wait {
        mustRead = true
        let socket = PQsocket(pointer)
        if socket < 0 { throw failure() }
        return Wait(descriptor: socket, interest: .read)
    }

    /// Reads the bytes that the encryption library still holds. It must be called at the end of every answer, because a
    /// program may then wait for the socket alone, and a notification can be in the record that ended the answer.
    @inlinable
    public mutating func readDecrypted() throws(PQError) {
        if !decrypted.isPossible { return }
        enter()
        defer { leave() }
        var silentReads = 0
        while decrypted.mayHoldMore(&silentReads, of: pointer) {
            if try !consumeOnce() { return recordLoss() }
        }
    }

    /// Reads from the socket once.
    /// - Returns: `false` if the connection has ended. The results that libpq has read before are returned by
    ///   ``resultAfterLoss()``.
    @inlinable
    mutating func consumeOnce() throws(PQError) -> Bool {
        if PQconsumeInput(pointer) != 0 { return true }
        if PQisBusy(pointer) != 0 { throw failure() }
        return false
    }

    /// Keeps libpq's message about the loss of the connection, and makes the next ``nextResult()`` look for the results
    /// that are left.
    @usableFromInline
    mutating func recordLoss() {
        notices.messageOfLoss = notices.messageOfLoss ?? libpqMessage
        mustRead = true
    }

    /// The next result of a connection that has ended.
    ///
    /// If libpq has no result left, it waits for its socket, which it has closed, and makes a result of the error from
    /// that ("invalid socket"). Such a result is dropped, and the message from before is thrown instead.
    @usableFromInline
    mutating func resultAfterLoss() throws(PQError) -> Step<PQResult?> {
        let isFirst = notices.messageOfLoss == nil
        recordLoss()
        let before = libpqMessage
        guard let pointer = PQgetResult(self.pointer) else { return .done(nil) }
        let result = PQResult(owning: pointer)
        let after = libpqMessage
        guard after.count > before.count, after.starts(with: before) else { return .done(result) }
        // The message without those of earlier results, and without the one about the closed socket.
        var message = bytes(PQresultErrorMessage(result.pointer))
        let socketMessage = after.dropFirst(before.count)
        if isFirst, message.count > socketMessage.count, message.reversed().starts(with: socketMessage.reversed()) {
            message.removeLast(socketMessage.count)
        } else {
            message = errorText
        }
        throw PQError(.connectionLost, String(decoding: message, as: UTF8.self))
    }

    /// Reads everything that the server has sent so far, without waiting.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-async.html#LIBPQ-PQCONSUMEINPUT>
    /// - Throws: ``PQError/Kind/connectionLost``.
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
