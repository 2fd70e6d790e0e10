import ApusWaiting
import CApusLibPQ

/// Opens one connection with libpq, step by step.
///
/// The machine adds two things that libpq's asynchronous connect does not offer: a time-out for each address of each
/// host, as `PQconnectdb` has it (`PQconnectPoll` has none), and the kind of a failure (``ConnectFailure``).
///
/// A step can block in name resolution, and compute SCRAM for some milliseconds, so an event loop must advance the
/// machine on another thread.
///
///     var machine = ConnectMachine(parameters: [ConnectionParameter("host", "db1,db2")], timeout: .seconds(5))
///     while let wait = try machine.advance(now: Monotonic.now) { BlockingWaiter.wait(for: wait) }
///     guard let connection = machine.takeConnection() else { … }
///
/// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS>
public struct ConnectMachine: ~Copyable, StepMachine, Sendable {
    private var hosts: RemainingHosts
    private let parameters: [ConnectionParameter]
    private let timeout: Duration?
    private let notices = NoticeCollector()

    private var attempt: Attempt?
    private var connection: PQConnection?
    /// How many times the socket became ready and the connect advanced.
    public private(set) var progress = 0
    /// How many of these were for reading, that is, an answer. A frozen server never answers, although its operating
    /// system still accepts connections.
    public private(set) var answers = 0
    /// The messages of the attempts that timed out; the message of a later failure follows them.
    private var earlier = ""

    /// Prepares a connect; ``advance(now:)`` starts it.
    /// - Parameters:
    ///   - parameters: libpq's keywords. Missing ones come from the environment, as libpq reads it. A connection string
    ///     in `dbname` is not expanded.
    ///   - timeout: how long each address of each host may take; `nil` for no limit. `connect_timeout` among the
    ///     parameters is ignored: see ``timeout(from:)``.
    public init(parameters: [ConnectionParameter], timeout: Duration?) {
        self.parameters = parameters
        self.timeout = timeout
        hosts = RemainingHosts(parameters)
    }

    /// Parses a value of `connect_timeout`.
    ///
    /// Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-CONNECT-TIMEOUT>
    /// - Parameter value: a whole number of seconds.
    /// - Returns: `nil` for no limit: if the value is missing, empty, zero or negative.
    /// - Throws: ``PQError/Kind/options`` if the value is not an integer.
    public static func timeout(from value: String?) throws(PQError) -> Duration? {
        guard let value else { return nil }
        let digits = ASCII.trimmed(value.utf8[...])
        if digits.isEmpty { return nil }
        guard let seconds = Int32(String(decoding: digits, as: UTF8.self)) else {
            throw PQError(.options, "invalid integer value \"\(value)\" for connection option \"connect_timeout\"")
        }
        return seconds > 0 ? .seconds(Int64(seconds)) : nil
    }

    /// Takes the next step.
    /// - Parameter now: the time of ``Monotonic``.
    /// - Returns: what to wait for before the next step, or `nil` when the connection is open.
    public mutating func advance(now: Duration) throws(ConnectFailure) -> Wait? {
        ProcessGate.enter()
        defer { ProcessGate.leave() }
        LibraryExit.watchBeforeConnecting()
        while true {
            if attempt == nil { try begin(now) }
            guard let entry = attempt?.entry, let pointer = attempt?.pointer else {
                throw ConnectFailure(.system, "out of memory")
            }
            // If libpq has moved on to another host or address, the time-out begins again.
            let current = HostList.Entry(of: pointer)
            if current != entry {
                attempt?.entry = current
                attempt?.deadline = timeout.map { now + $0 }
            }
            if let deadline = attempt?.deadline, now >= deadline {
                guard now - deadline > Self.lateness, hasAnswer(pointer) else {
                    try giveUpAddress()
                    continue
                }
                // The answer is there, and it is the program that is late, so the time-out begins again.
                attempt?.deadline = timeout.map { now + $0 }
            }
            guard let wait = try poll(pointer, now) else {
                if attempt == nil { continue }
                attempt?.release()
                attempt = nil
                PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
                var opened = PQConnection(owning: pointer, notices: notices)
                // An error in bytes that follow the server's greeting is left for the first statement to find.
                try? opened.readDecrypted()
                connection = consume opened
                LibraryExit.watchAfterConnecting()
                return nil
            }
            return wait
        }
    }

    /// Returns the open connection once ``advance(now:)`` has returned `nil`; `nil` before that and when it was taken.
    public mutating func takeConnection() -> PQConnection? { connection.take() }

    // MARK: One PGconn

    private mutating func begin(_ now: Duration) throws(ConnectFailure) {
        var list = parameters.filter { !HostList.keywords.contains($0.keyword) }
        list += hosts.parameters
        guard let pointer = Self.start(list) else { throw ConnectFailure(.system, "out of memory") }
        let attempt = Attempt(owning: pointer)
        if PQstatus(pointer) == CONNECTION_BAD {
            // No wait was needed so far: an option is invalid, or no name could be resolved.
            let failure = failure(pointer, before: CONNECTION_NEEDED, lost: false)
            throw Self.isRefused(list, failure) ? ConnectFailure(.invalidOptions, failure.message) : failure
        }
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        notices.attach(to: pointer)
        attempt.entry = HostList.Entry(of: pointer)
        attempt.deadline = timeout.map { now + $0 }
        self.attempt = attempt
    }

    /// Calls `PQconnectPoll` if its wait is over. Returns what to wait for, or `nil` when connected.
    private mutating func poll(_ pointer: OpaquePointer, _ now: Duration) throws(ConnectFailure) -> Wait? {
        if attempt?.polled == false {
            // "If you have yet to call PQconnectPoll, behave as if it last returned PGRES_POLLING_WRITING."
            attempt?.polled = true
            let wait = Wait(descriptor: PQsocket(pointer), interest: .write, deadline: attempt?.deadline)
            attempt?.wait = wait
            return wait
        }
        if let wait = attempt?.wait, wait.descriptor == PQsocket(pointer) {
            if !Self.isReady(wait) { return wait.until(attempt?.deadline) }
            progress &+= 1
            if wait.interest == .read { answers &+= 1 }
        }
        let before = PQstatus(pointer)
        let lost = attempt?.wait?.interest == .read && Self.isClosedByPeer(PQsocket(pointer))
        var progress = PQconnectPoll(pointer)
        var silentReads = 0
        while progress == PGRES_POLLING_READING,
            DecryptedBytes(of: pointer).mayHoldMore(&silentReads, of: pointer)
        {
            progress = PQconnectPoll(pointer)
        }
        switch progress {
        case PGRES_POLLING_OK:
            return nil
        case PGRES_POLLING_READING, PGRES_POLLING_WRITING:
            let interest: Wait.Interest = progress == PGRES_POLLING_READING ? .read : .write
            let current = HostList.Entry(of: pointer)
            if current != attempt?.entry {
                attempt?.entry = current
                attempt?.deadline = timeout.map { now + $0 }
            }
            let wait = Wait(descriptor: PQsocket(pointer), interest: interest, deadline: attempt?.deadline)
            attempt?.wait = wait
            return wait
        default:
            throw failure(pointer, before: before, lost: lost)
        }
    }

    /// Ends an attempt that has timed out, and prepares one for the addresses that are left; fails if there is none.
    private mutating func giveUpAddress() throws(ConnectFailure) {
        guard let entry = attempt?.entry, let pointer = attempt?.pointer else { return }
        let message = VerboseMessage(PQerrorMessage(pointer).map { String(cString: $0) } ?? "").text
        // libpq may have written the beginning of a line for this address only.
        if !message.isEmpty && !message.utf8.suffix(2).elementsEqual(": ".utf8) { earlier += message + "\n" }
        earlier += "connection to server \(entry.description) failed: timeout expired\n"
        hosts.learn(from: pointer)
        attempt = nil
        if !hosts.drop(entry) { throw ConnectFailure(.timedOut, earlier) }
    }

    private func failure(_ pointer: OpaquePointer, before: ConnStatusType, lost: Bool) -> ConnectFailure {
        let message = VerboseMessage(PQerrorMessage(pointer).map { String(cString: $0) } ?? "")
        let needsPassword = PQconnectionNeedsPassword(pointer) != 0
        let reason: ConnectFailure.Reason
        switch before {
        case _ where message.sqlState != nil:
            reason = message.sqlState.map(ConnectFailure.reason(for:)) ?? .rejected
        case CONNECTION_STARTED, CONNECTION_NEEDED:
            reason = .unreachable
        default:
            reason = needsPassword ? .rejected : lost ? .unreachable : .unsuitable
        }
        let text = earlier + (message.text.isEmpty ? "connection failed" : message.text)
        return ConnectFailure(reason, text, sqlState: message.sqlState, needsPassword: needsPassword)
    }

    /// Whether libpq rejects the options themselves. If so, its message is the same for any host; for an unreachable
    /// host the message names the host. The messages are only compared, because they may be translated.
    private static func isRefused(_ parameters: [ConnectionParameter], _ failure: ConnectFailure) -> Bool {
        let nowhere =
            parameters.filter { !HostList.keywords.contains($0.keyword) }
            + [ConnectionParameter("host", "/dev/null/no-such-directory"), ConnectionParameter("port", "1")]
        guard let pointer = start(nowhere) else { return false }
        defer { PQfinish(pointer) }
        let message = ConnectFailure(.invalidOptions, PQerrorMessage(pointer).map { String(cString: $0) } ?? "").message
        return message == failure.message
    }

    private static func start(_ parameters: [ConnectionParameter]) -> OpaquePointer? {
        // Not PQconnectStartParams, because it replaces an empty value by the one of the environment. The call is
        // outside the gate, because it may resolve names for a long time, and does not use OpenSSL.
        let text = ConnectionParameter.format(parameters)
        return ProcessGate.outside { PQconnectStart(text) }
    }

    // MARK: Looking at the socket

    /// The longest time between a deadline and the step after it, for a caller that waits. A caller that is later was
    /// busy with other work: a program with an asynchronous connection.
    private static let lateness: Duration = .milliseconds(100)

    /// Whether the socket is ready as the last wait asked.
    private func hasAnswer(_ pointer: OpaquePointer) -> Bool {
        guard let wait = attempt?.wait, wait.descriptor == PQsocket(pointer) else { return false }
        return Self.isReady(wait)
    }

    /// Whether a wait is over. A machine may be advanced earlier, because of a deadline or a spurious wake-up, but
    /// `PQconnectPoll` would block then.
    private static func isReady(_ wait: Wait) -> Bool {
        BlockingWaiter.wait(for: wait, slice: .zero) == .ready
    }

    /// Whether the next read returns the end of the stream or an error, because the server or a proxy has closed it.
    private static func isClosedByPeer(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
    }
}

/// A `PGconn` that is being opened. It is finished with the object, unless ``release()`` was called.
///
/// It is Sendable because the machine is its only owner.
private final class Attempt: @unchecked Sendable {
    let pointer: OpaquePointer
    let generation = ForkGeneration.current
    var entry: HostList.Entry?
    var deadline: Duration?
    var polled = false
    var wait: Wait?
    private var owns = true

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    /// Gives up ownership of the pointer.
    func release() { owns = false }

    deinit { if owns { PQConnection.finish(pointer, generation) } }
}
