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

    /// Whether another read can bring bytes that do not show on the socket.
    ///
    /// Where the library does not say, two reads while the socket is silent are enough: a record has 16 KiB at most,
    /// and libpq makes room for at least 8 KiB before each read. While the socket is not silent, waiting for it costs
    /// nothing.
    /// - Parameter silentReads: how many reads were tried while the socket was silent; 0 at first.
    @inlinable
    func mayHoldMore(_ silentReads: inout Int, of connection: OpaquePointer) -> Bool {
        if case .none = self { return false }
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
            try consumeOnce()
            return nil
        }
        mustRead = true
        let socket = PQsocket(pointer)
        // The end of the connection was read, and with it the last that there is.
        if socket < 0 { throw sendFailure() }
        return Wait(descriptor: socket, interest: .read)
    }

    /// Reads what has arrived and does not show on the socket. Every answer ends with this, because a program may then
    /// wait for the socket alone, and a notification can be in the record that ended the answer.
    @inlinable
    public mutating func readDecrypted() throws(PQError) {
        if case .none = decrypted { return }
        enter()
        defer { leave() }
        var silentReads = 0
        while decrypted.mayHoldMore(&silentReads, of: pointer) { try consumeOnce() }
    }

    /// Reads once. A connection that broke fails only when libpq has no result left to hand out.
    @inlinable
    mutating func consumeOnce() throws(PQError) {
        if PQconsumeInput(pointer) == 0, PQisBusy(pointer) != 0 { throw sendFailure() }
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
