import ApusWaiting
import CApusLibPQ

/// Opens one connection, step by step.
///
/// libpq does the work; the machine adds what libpq's own asynchronous connect leaves out (`PQconnectPoll` knows no
/// time-out): `connect_timeout` for each host and each address of a host, as `PQconnectdb` has it, and the class of a
/// failure (``ConnectFailure``).
///
/// A step may block in name resolution and for some milliseconds of SCRAM's arithmetic, so an event loop advances it
/// on a thread of its own.
public struct ConnectMachine: ~Copyable, StepMachine, Sendable {
    private var hosts: RemainingHosts
    private let parameters: [ConnectionParameter]
    private let timeout: Duration?
    private let notices = NoticeCollector()

    private var attempt: Attempt?
    private var connection: PQConnection?
    /// How often the socket was ready and the connect got on by that.
    public private(set) var progress = 0
    /// How many of these were answers to read. A frozen process never answers, although its system still accepts.
    public private(set) var answers = 0
    /// Messages of the attempts that ended by a time-out, in front of what follows.
    private var earlier = ""

    /// - Parameters:
    ///   - parameters: libpq's keywords; what is missing comes from the environment, as libpq has it. `dbname` is not
    ///     expanded.
    ///   - timeout: how long each address of each host may take; `nil` for no limit. A `connect_timeout` among the
    ///     parameters is not read: see ``timeout(from:)``.
    public init(parameters: [ConnectionParameter], timeout: Duration?) {
        self.parameters = parameters
        self.timeout = timeout
        hosts = RemainingHosts(parameters)
    }

    /// The meaning of `connect_timeout`: seconds; zero, negative and none wait for ever.
    /// - Throws: ``PQError/Kind/options`` for what is no integer.
    public static func timeout(from value: String?) throws(PQError) -> Duration? {
        guard let value else { return nil }
        let digits = ASCII.trimmed(value.utf8[...])
        if digits.isEmpty { return nil }
        guard let seconds = Int32(String(decoding: digits, as: UTF8.self)) else {
            throw PQError(.options, "invalid integer value \"\(value)\" for connection option \"connect_timeout\"")
        }
        return seconds > 0 ? .seconds(Int64(seconds)) : nil
    }

    public mutating func advance(now: Duration) throws(ConnectFailure) -> Wait? {
        ProcessGate.enter()
        defer { ProcessGate.leave() }
        LibraryExit.watchBeforeConnecting()
        while true {
            if attempt == nil { try begin(now) }
            guard let entry = attempt?.entry, let pointer = attempt?.pointer else {
                throw ConnectFailure(.system, "out of memory")
            }
            // libpq moved on to another host or address: its time begins now.
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
                // The server answered in time, as far as can be known: it is the program that comes late.
                attempt?.deadline = timeout.map { now + $0 }
            }
            guard let wait = try poll(pointer, now) else {
                if attempt == nil { continue }
                attempt?.release()
                attempt = nil
                PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
                var opened = PQConnection(owning: pointer, notices: notices)
                // What came behind the server's greeting, and broke nothing yet, is for the first statement to find.
                try? opened.readDecrypted()
                connection = consume opened
                LibraryExit.watchAfterConnecting()
                return nil
            }
            return wait
        }
    }

    /// The open connection, once ``advance(now:)`` returned `nil`; `nil` before, and when it was taken already.
    public mutating func takeConnection() -> PQConnection? { connection.take() }

    // MARK: One PGconn

    private mutating func begin(_ now: Duration) throws(ConnectFailure) {
        var list = parameters.filter { !HostList.keywords.contains($0.keyword) }
        list += hosts.parameters
        guard let pointer = Self.start(list) else { throw ConnectFailure(.system, "out of memory") }
        let attempt = Attempt(owning: pointer)
        if PQstatus(pointer) == CONNECTION_BAD {
            // Nothing was waited for yet: an option is wrong, or no name resolved and no address could be tried.
            let failure = failure(pointer, before: CONNECTION_NEEDED, lost: false)
            throw Self.isRefused(list, failure) ? ConnectFailure(.invalidOptions, failure.message) : failure
        }
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        notices.attach(to: pointer)
        attempt.entry = HostList.Entry(of: pointer)
        attempt.deadline = timeout.map { now + $0 }
        self.attempt = attempt
    }

    /// What to wait for, or `nil` when connected.
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

    /// The present address gave no answer in time: goes on to the next one, or fails.
    private mutating func giveUpAddress() throws(ConnectFailure) {
        guard let entry = attempt?.entry, let pointer = attempt?.pointer else { return }
        let message = VerboseMessage(PQerrorMessage(pointer).map { String(cString: $0) } ?? "").text
        // libpq may have begun a line for this address, and found nothing to say yet.
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

    /// Whether libpq refuses the options themselves: then it says the same whatever the host is, while an unreachable
    /// host has a message of its own. The words may be translated; whether they are equal is all that counts.
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
        // Not PQconnectStartParams: it takes an empty value for a missing one, and lets the environment fill it.
        // It looks up names, which may last, and does nothing that the gate is for.
        let text = ConnectionParameter.format(parameters)
        return ProcessGate.outside { PQconnectStart(text) }
    }

    // MARK: Looking at the socket

    /// How long after its deadline a machine is advanced at most by a caller that waits for it. One that comes later
    /// has done something else meanwhile: a program with an asynchronous connection.
    private static let lateness: Duration = .milliseconds(100)

    /// Whether what was waited for last is there.
    private func hasAnswer(_ pointer: OpaquePointer) -> Bool {
        guard let wait = attempt?.wait, wait.descriptor == PQsocket(pointer) else { return false }
        return Self.isReady(wait)
    }

    /// Whether a wait is over. Machines may be advanced before (a deadline, a spurious wake-up), but
    /// `PQconnectPoll` must not be called then: it would block.
    private static func isReady(_ wait: Wait) -> Bool {
        BlockingWaiter.wait(for: wait, slice: .zero) == .ready
    }

    /// Whether the next read will find an end of file or an error: the server, or what stands before it, went away.
    private static func isClosedByPeer(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
    }
}

/// A `PGconn` that is being opened; finished unless it is released.
///
/// It is `Sendable` because only one machine has it, and a machine, which cannot be copied, is used by one thread at a
/// time.
private final class Attempt: @unchecked Sendable {
    let pointer: OpaquePointer
    let generation = ForkGeneration.current
    var entry: HostList.Entry?
    var deadline: Duration?
    var polled = false
    var wait: Wait?
    private var owns = true

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    func release() { owns = false }

    deinit { if owns { PQConnection.finish(pointer, generation) } }
}
