import ApusWaiting
import CApusLibPQ

/// The exclusive owner of an open `PGconn`: it cannot leak, be used after it is closed, or be used by two threads at
/// once. To share it, put it behind a lock.
///
/// The connection never blocks. Statements are sent with the `send…` calls, and their results are fetched with
/// ``nextResult()``, which returns what to wait for as long as there is none:
///
///     try connection.send(query: "SELECT 1")
///     while true {
///         switch try connection.nextResult() {
///         case .wait(let wait): BlockingWaiter.wait(for: wait)
///         case .done(nil): return  // All results were fetched.
///         case .done(.some(let result)): print(result.text(0, 0) ?? "NULL")
///         }
///     }
///
/// Source: <https://www.postgresql.org/docs/current/libpq-async.html>
public struct PQConnection: ~Copyable, @unchecked Sendable {
    /// libpq's connection, for calls that this type does not offer. The caller must not finish it.
    public let pointer: OpaquePointer
    let notices: NoticeCollector
    let generation: ForkGeneration
    /// Whether libpq may hold bytes that the socket has not taken yet.
    @usableFromInline var mustFlush = false
    /// Whether the socket may hold bytes: a wait was returned, or the caller reported that the socket is ready.
    @usableFromInline var mustRead = false
    /// Where received bytes can be besides the socket. Tests replace it by a library that does not tell.
    @usableFromInline var decrypted: DecryptedBytes

    /// Takes ownership of an open connection, and makes it non-blocking.
    init(owning pointer: OpaquePointer, notices: NoticeCollector) {
        self.pointer = pointer
        self.notices = notices
        generation = .current
        decrypted = DecryptedBytes(of: pointer)
        PQsetnonblocking(pointer, 1)
    }

    deinit { Self.finish(pointer, generation) }

    /// Closes the connection now, instead of at the end of its lifetime.
    public consuming func close() {}

    /// Closes and frees a connection. In a forked child the socket belongs to the parent, so it is replaced by
    /// `/dev/null` first: neither libpq's Terminate message nor a TLS close reaches the parent's server session.
    static func finish(_ pointer: OpaquePointer, _ generation: ForkGeneration) {
        if !generation.isOurs { Self.detach(PQsocket(pointer)) }
        ProcessGate.enter()
        PQfinish(pointer)
        ProcessGate.leave()
    }

    /// Replaces a socket that another process shares by `/dev/null`, under the same descriptor number.
    private static func detach(_ socket: Int32) {
        if socket < 0 { return }
        var null = open("/dev/null", O_RDWR | O_CLOEXEC)
        if null < 0 {
            // No descriptor is left, or the file does not exist. With the socket closed, libpq writes to nothing.
            Descriptor.close(socket)
            null = open("/dev/null", O_RDWR | O_CLOEXEC)
        }
        if null < 0 || null == socket { return }
        dup2(null, socket)
        Descriptor.close(null)
    }

    /// Enters the process gate for a call that reads or writes, because OpenSSL and Kerberos must not be used while the
    /// process exits. An unencrypted connection needs no gate.
    @inlinable
    @inline(__always)
    func enter() { if decrypted.isPossible { ProcessGate.enter() } }

    /// Leaves the gate that ``enter()`` entered.
    @inlinable
    @inline(__always)
    func leave() { if decrypted.isPossible { ProcessGate.leave() } }

    // MARK: State

    /// Whether this process opened the connection. In a forked child it is `false`, and the only operation allowed is
    /// to destroy the value.
    public var isOurs: Bool { generation.isOurs }

    /// The socket's descriptor, or -1 when the connection is broken.
    @inlinable public var descriptor: Int32 { PQsocket(pointer) }

    /// Whether the connection is known to be broken.
    @inlinable public var isBroken: Bool { PQstatus(pointer) != CONNECTION_OK }

    /// Whether the connection is in a transaction, as the server last reported it.
    @inlinable public var transactionStatus: TransactionStatus { TransactionStatus(PQtransactionStatus(pointer)) }

    /// The server's version as a number: 150018 means 15.18. 0 if the connection is broken.
    @inlinable public var serverVersion: Int { Int(PQserverVersion(pointer)) }
    /// The major version of the protocol: 3. 0 if the connection is broken.
    @inlinable public var protocolVersion: Int { Int(PQprotocolVersion(pointer)) }
    /// The process ID of the server process, as the server reported it. Behind a connection manager it is not the
    /// process that executes the statements.
    @inlinable public var backendPID: Int32 { PQbackendPID(pointer) }

    // Source of the following: <https://www.postgresql.org/docs/current/libpq-status.html>

    /// The host that was connected to: a name, an address, or the directory of a Unix socket.
    public var host: String? { string(PQhost(pointer)) }
    /// The numeric IP address that was connected to; empty for a Unix socket.
    public var hostAddress: String? { string(PQhostaddr(pointer)) }
    /// The port that was connected to.
    public var port: String? { string(PQport(pointer)) }
    /// The name of the database.
    public var database: String? { string(PQdb(pointer)) }
    /// The name of the user.
    public var user: String? { string(PQuser(pointer)) }
    /// The password that the connection was opened with; empty if there was none.
    public var password: String? { string(PQpass(pointer)) }
    /// The command-line options for the server process that were passed when connecting (keyword `options`).
    public var commandLineOptions: String? { string(PQoptions(pointer)) }
    /// Whether the server asked for a password, and one was sent.
    public var usedPassword: Bool { PQconnectionUsedPassword(pointer) != 0 }
    /// Whether the server asked for a password, and none was available.
    public var needsPassword: Bool { PQconnectionNeedsPassword(pointer) != 0 }
    /// Whether the connection uses TLS.
    public var isEncrypted: Bool { PQsslInUse(pointer) != 0 }

    /// The current value of a parameter that the server reports, such as `server_encoding`; `nil` for other names.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-status.html#LIBPQ-PQPARAMETERSTATUS>
    public func parameterStatus(_ name: String) -> String? { string(PQparameterStatus(pointer, name)) }

    /// libpq's number of the client encoding; negative on a broken connection.
    @inlinable public var clientEncodingID: Int32 { PQclientEncoding(pointer) }

    /// libpq's number of the connection's status: 0 for one that is open.
    public var connectionStatus: Int { Int(PQstatus(pointer).rawValue) }
    /// The status of a connection that is broken, or closed.
    public static var badStatus: Int { Int(CONNECTION_BAD.rawValue) }

    /// The names that ``tlsAttribute(_:)`` knows.
    public var tlsAttributeNames: [String] {
        var names: [String] = []
        var next = PQsslAttributeNames(pointer)
        while let current = next, let name = current.pointee {
            names.append(String(cString: name))
            next = current + 1
        }
        return names
    }

    /// A property of the TLS connection, such as `cipher`; `nil` without TLS, and for a name that it does not know.
    public func tlsAttribute(_ name: String) -> String? { string(PQsslAttribute(pointer, name)) }

    /// PostgreSQL's name of the client encoding, such as `UTF8`.
    public var clientEncoding: String? { string(pg_encoding_to_char(PQclientEncoding(pointer))) }

    /// libpq's latest error message for this connection; after a loss, the message that explains the loss.
    public var errorMessage: String { String(decoding: errorText, as: UTF8.self) }

    /// The bytes of ``errorMessage``, in the client encoding.
    public var errorText: [UInt8] { notices.messageOfLoss ?? libpqMessage }

    /// The bytes of libpq's own error message now.
    var libpqMessage: [UInt8] { bytes(PQerrorMessage(pointer)) }

    /// Every parameter that the connection was opened with, and its value.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNINFO>
    public var parameters: [ConnectionParameter] {
        guard let options = PQconninfo(pointer) else { return [] }
        defer { PQconninfoFree(options) }
        return ConnectionParameter.read(options).map(\.parameter)
    }

    @inline(__always)
    private func string(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

    /// The error for a call of libpq that has just failed: ``PQError/Kind/connectionLost`` on a broken connection,
    /// otherwise ``PQError/Kind/usage``.
    @usableFromInline
    mutating func failure() -> PQError {
        guard isBroken else { return PQError(.usage, errorMessage) }
        notices.messageOfLoss = notices.messageOfLoss ?? libpqMessage
        return PQError(.connectionLost, errorMessage.isEmpty ? "the connection is closed" : errorMessage)
    }

    // MARK: Notices and notifications

    /// Removes and returns the notices received since the last call, oldest first.
    public mutating func takeNotices() -> [ServerMessage] { notices.take() }

    /// Whether ``takeNotices()`` would return anything.
    public var hasNotices: Bool { notices.hasAny }

    /// How many notices ``takeNotices()`` would return.
    public var noticeCount: Int { notices.count }

    /// Drops the latest notices.
    /// - Parameter count: how many of the oldest are kept.
    public mutating func dropNotices(after count: Int) { notices.drop(after: count) }

    /// Removes and returns the oldest notification that libpq has read, or `nil`. It does not read the socket: call
    /// ``consumeInput()`` before.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-notify.html>
    public mutating func takeNotification() -> PQNotification? {
        guard let notify = PQnotifies(pointer) else { return nil }
        defer { PQfreemem(notify) }
        return PQNotification(
            encodedChannel: bytes(notify.pointee.relname), encodedPayload: bytes(notify.pointee.extra),
            backendPID: notify.pointee.be_pid)
    }
}

/// A notification that a session receives after `LISTEN`.
public struct PQNotification: Sendable, Equatable {
    /// The name of the channel, decoded as UTF-8.
    public var channel: String { String(decoding: encodedChannel, as: UTF8.self) }
    /// The payload, decoded as UTF-8; empty if there is none.
    public var payload: String { String(decoding: encodedPayload, as: UTF8.self) }
    /// The bytes of ``channel``, in the client encoding.
    public var encodedChannel: [UInt8]
    /// The bytes of ``payload``, in the client encoding.
    public var encodedPayload: [UInt8]
    /// The process ID of the server process that sent it; not unique across the nodes of a YugabyteDB cluster.
    public var backendPID: Int32

    init(encodedChannel: [UInt8], encodedPayload: [UInt8], backendPID: Int32) {
        self.encodedChannel = encodedChannel
        self.encodedPayload = encodedPayload
        self.backendPID = backendPID
    }

    /// Makes a notification whose text is UTF-8.
    public init(channel: String, payload: String, backendPID: Int32) {
        self.init(encodedChannel: Array(channel.utf8), encodedPayload: Array(payload.utf8), backendPID: backendPID)
    }
}

/// Stores the notices that libpq's callback receives until the connection's owner fetches them.
///
/// It is Sendable because libpq runs the callback inside its own calls only, so that the exclusive owner of the
/// connection is the only user of the collector.
final class NoticeCollector: @unchecked Sendable {
    private var messages: [ServerMessage] = []
    /// libpq's error message from when the connection was lost. Its later messages are about its own closed socket.
    var messageOfLoss: [UInt8]?

    var hasAny: Bool { !messages.isEmpty }
    var count: Int { messages.count }

    func drop(after count: Int) { messages.removeLast(max(0, messages.count - count)) }

    func take() -> [ServerMessage] {
        defer { messages = [] }
        return messages
    }

    /// Installs the collector as a connection's notice receiver. The caller must keep it alive as long as the
    /// connection.
    func attach(to connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeCollector>.fromOpaque(context).takeUnretainedValue()
                    .messages.append(ServerMessage(reading: result))
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}
