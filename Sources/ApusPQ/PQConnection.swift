import ApusWaiting
import CApusLibPQ

/// The exclusive owner of an open `PGconn`: it cannot leak, be used after it is closed, or be used by two threads at
/// once. To share it, put it behind a lock.
///
/// The connection never blocks: statements are sent with the `send…` calls, and answers are fetched with
/// ``nextResult()``, which says what to wait for.
public struct PQConnection: ~Copyable, @unchecked Sendable {
    /// libpq's connection, for callers that need a call which this type does not offer. Never finish it.
    public let pointer: OpaquePointer
    let notices: NoticeCollector
    let generation: ForkGeneration
    /// libpq holds bytes that the socket did not take.
    @usableFromInline var mustFlush = false
    /// A wait was handed out, so the socket may hold bytes now.
    @usableFromInline var mustRead = false
    /// Where else bytes may be; a test may forbid to ask OpenSSL.
    @usableFromInline var decrypted: DecryptedBytes

    /// Takes over an open connection.
    init(owning pointer: OpaquePointer, notices: NoticeCollector) {
        self.pointer = pointer
        self.notices = notices
        generation = .current
        decrypted = DecryptedBytes(of: pointer)
        PQsetnonblocking(pointer, 1)
    }

    deinit { Self.finish(pointer, generation) }

    /// Closes the connection now; the same as letting go of it.
    public consuming func close() {}

    /// Frees a connection. In the child of a fork the socket is the parent's: it is replaced by `/dev/null` first, so
    /// that neither libpq's farewell nor a TLS close reaches the parent's server session.
    static func finish(_ pointer: OpaquePointer, _ generation: ForkGeneration) {
        if !generation.isOurs { Self.detach(PQsocket(pointer)) }
        ProcessGate.enter()
        PQfinish(pointer)
        ProcessGate.leave()
    }

    /// Puts `/dev/null` in the place of a socket that another process uses, too.
    private static func detach(_ socket: Int32) {
        if socket < 0 { return }
        var null = open("/dev/null", O_RDWR | O_CLOEXEC)
        if null < 0 {
            // No descriptor is left, or there is no such file: then nothing is written to either.
            Descriptor.close(socket)
            null = open("/dev/null", O_RDWR | O_CLOEXEC)
        }
        if null < 0 || null == socket { return }
        dup2(null, socket)
        Descriptor.close(null)
    }

    /// Goes through the gate for a call of libpq that reads or writes, and works with OpenSSL or Kerberos then.
    @inlinable
    @inline(__always)
    func enter() { if decrypted.isPossible { ProcessGate.enter() } }

    @inlinable
    @inline(__always)
    func leave() { if decrypted.isPossible { ProcessGate.leave() } }

    // MARK: State

    /// Whether this process opened the connection; in a fork's child nothing may be done with it but let it go.
    public var isOurs: Bool { generation.isOurs }

    /// The socket, or -1 when the connection is broken.
    @inlinable public var descriptor: Int32 { PQsocket(pointer) }

    /// Whether the connection is known to be broken.
    @inlinable public var isBroken: Bool { PQstatus(pointer) != CONNECTION_OK }

    /// Whether the connection is in a transaction, as the server last reported it.
    @inlinable public var transactionStatus: TransactionStatus { TransactionStatus(PQtransactionStatus(pointer)) }

    /// As `150018` for 15.18.
    @inlinable public var serverVersion: Int { Int(PQserverVersion(pointer)) }
    @inlinable public var protocolVersion: Int { Int(PQprotocolVersion(pointer)) }
    /// The server process, as the server reported it; behind a connection manager not the real one.
    @inlinable public var backendPID: Int32 { PQbackendPID(pointer) }

    public var host: String? { string(PQhost(pointer)) }
    /// The address that was reached; empty for Unix sockets.
    public var hostAddress: String? { string(PQhostaddr(pointer)) }
    public var port: String? { string(PQport(pointer)) }
    public var database: String? { string(PQdb(pointer)) }
    public var user: String? { string(PQuser(pointer)) }
    public var password: String? { string(PQpass(pointer)) }
    public var commandLineOptions: String? { string(PQoptions(pointer)) }
    public var usedPassword: Bool { PQconnectionUsedPassword(pointer) != 0 }
    public var needsPassword: Bool { PQconnectionNeedsPassword(pointer) != 0 }
    public var isEncrypted: Bool { PQsslInUse(pointer) != 0 }

    /// A parameter that the server reports, such as `server_encoding`.
    public func parameterStatus(_ name: String) -> String? { string(PQparameterStatus(pointer, name)) }

    /// PostgreSQL's name of the client encoding, such as `UTF8`.
    public var clientEncoding: String? { string(pg_encoding_to_char(PQclientEncoding(pointer))) }

    /// libpq's last words about this connection.
    public var errorMessage: String { String(decoding: errorText, as: UTF8.self) }

    /// Their bytes, in the client's encoding, whatever that is.
    public var errorText: [UInt8] { notices.lastWords ?? libpqsWords }

    var libpqsWords: [UInt8] { bytes(PQerrorMessage(pointer)) }

    /// Every parameter that the connection was opened with and its value, as `PQconninfo` tells.
    public var parameters: [ConnectionParameter] {
        guard let options = PQconninfo(pointer) else { return [] }
        defer { PQconninfoFree(options) }
        return ConnectionParameter.read(options).map(\.parameter)
    }

    @inline(__always)
    private func string(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

    /// The failure that libpq reports now.
    @usableFromInline
    mutating func failure() -> PQError {
        guard isBroken else { return PQError(.usage, errorMessage) }
        notices.lastWords = notices.lastWords ?? libpqsWords
        return PQError(.connectionLost, errorMessage.isEmpty ? "the connection is closed" : errorMessage)
    }

    // MARK: What arrives unasked

    /// The notices that came since the last call, oldest first.
    public mutating func takeNotices() -> [ServerMessage] { notices.take() }

    /// Whether ``takeNotices()`` would return anything.
    public var hasNotices: Bool { notices.hasAny }

    /// How many notices ``takeNotices()`` would return.
    public var noticeCount: Int { notices.count }

    /// Forgets the notices that came after the first so many.
    public mutating func dropNotices(after count: Int) { notices.drop(after: count) }

    /// The next notification that libpq has read, or `nil`. Does not read the socket: see ``consumeInput()``.
    public mutating func takeNotification() -> PQNotification? {
        guard let notify = PQnotifies(pointer) else { return nil }
        defer { PQfreemem(notify) }
        return PQNotification(
            encodedChannel: bytes(notify.pointee.relname), encodedPayload: bytes(notify.pointee.extra),
            backendPID: notify.pointee.be_pid)
    }
}

/// An answer to `LISTEN`.
public struct PQNotification: Sendable, Equatable {
    public var channel: String { String(decoding: encodedChannel, as: UTF8.self) }
    public var payload: String { String(decoding: encodedPayload, as: UTF8.self) }
    /// The two's bytes, in the client's encoding, whatever that is.
    public var encodedChannel: [UInt8]
    public var encodedPayload: [UInt8]
    /// The server process that notified; not unique across the nodes of a YugabyteDB cluster.
    public var backendPID: Int32

    init(encodedChannel: [UInt8], encodedPayload: [UInt8], backendPID: Int32) {
        self.encodedChannel = encodedChannel
        self.encodedPayload = encodedPayload
        self.backendPID = backendPID
    }

    public init(channel: String, payload: String, backendPID: Int32) {
        self.init(encodedChannel: Array(channel.utf8), encodedPayload: Array(payload.utf8), backendPID: backendPID)
    }
}

/// Keeps notices from libpq's callback until their owner fetches them. libpq calls it from within its own calls, so
/// the exclusive owner of the connection is the only one who ever touches it.
final class NoticeCollector: @unchecked Sendable {
    private var messages: [ServerMessage] = []
    /// What libpq said when the connection ended. Whatever it says later is about its own closed socket.
    var lastWords: [UInt8]?

    var hasAny: Bool { !messages.isEmpty }
    var count: Int { messages.count }

    func drop(after count: Int) { messages.removeLast(max(0, messages.count - count)) }

    func take() -> [ServerMessage] {
        defer { messages = [] }
        return messages
    }

    /// Makes libpq deliver here. The connection's owner keeps the collector alive as long as the connection.
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
