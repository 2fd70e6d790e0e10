/// Why a connection could not be opened.
///
/// For a failed connect, libpq offers no SQLSTATE, only a message, which may be translated. ``ConnectMachine``
/// therefore asks it for verbose messages while it connects, and takes the code out of them. Without a code, the reason
/// follows from how far the attempt got, never from the wording.
public struct ConnectFailure: Error, Sendable, CustomStringConvertible {
    /// The kinds of failures, by what a caller can do about them.
    public enum Reason: Sendable, Hashable {
        /// The host has no address or no route, refused the connection, or closed it before an answer. The node is
        /// probably down.
        case unreachable
        /// The node did not answer in time.
        case timedOut
        /// The server is starting up, shutting down or recovering (57P01, 57P02, 57P03, class 08).
        case unavailable
        /// The server has no resources for another session (class 53), but works.
        case overloaded
        /// The server answered, but cannot serve this client: TLS, `target_session_attrs`, the protocol, an internal
        /// error (classes 58 and XX). Another node may be able to.
        case unsuitable
        /// The server rejected the login or a setting: wrong password, no such database, no such role. Every node would
        /// reject it.
        case rejected
        /// The options are invalid; no connection was tried.
        case invalidOptions
        /// A call of the operating system failed in this process.
        case system
    }

    /// The kind of failure.
    public var reason: Reason
    /// libpq's message, without a line feed at its end.
    public var message: String
    /// The SQLSTATE, if the server sent one.
    public var sqlState: SQLState?
    /// Whether the server asked for a password and none was available.
    public var needsPassword: Bool

    /// Makes a failure. Line feeds at the end of the message are removed.
    public init(_ reason: Reason, _ message: String, sqlState: SQLState? = nil, needsPassword: Bool = false) {
        self.reason = reason
        self.message = message.withoutLineEnd
        self.sqlState = sqlState
        self.needsPassword = needsPassword
    }

    /// The message.
    public var description: String { message }

    /// The reason that a SQLSTATE means while connecting.
    static func reason(for state: SQLState) -> Reason {
        switch state {
        case .adminShutdown, .crashShutdown, .cannotConnectNow: return .unavailable
        default: break
        }
        switch state.errorClass {
        case "08": return .unavailable
        case "53": return .overloaded
        case "58", "XX": return .unsuitable
        default: return .rejected
        }
    }
}

/// Splits a message that libpq wrote with `PQERRORS_VERBOSE` into the SQLSTATE and the message without verbosity.
///
/// A verbose message is `FATAL:  28P01: password authentication failed for user "x"`, perhaps after
/// `connection to server at … failed: `, and ends with the line `LOCATION:  auth_failed, auth.c:326`. Its words may be
/// translated; its form is fixed by libpq's `pqBuildErrorMessage3`.
struct VerboseMessage {
    /// The message without SQLSTATE and location.
    let text: String
    /// The last code in the message, which ended the last attempt.
    private(set) var sqlState: SQLState?

    /// It works on bytes, because a Swift `Character` can hold a colon or a space with a combining mark, or a carriage
    /// return with its line feed.
    init(_ verbose: String) {
        var lines: [ArraySlice<UInt8>] = []
        for line in Array(verbose.utf8).split(separator: Self.lineFeed, omittingEmptySubsequences: false) {
            if sqlState != nil && Self.isLocation(line) { continue }
            if let (state, range) = Self.state(in: line) {
                sqlState = state
                lines.append(line[..<range.lowerBound] + line[range.upperBound...])
            } else {
                lines.append(line)
            }
        }
        text = String(decoding: Array(lines.joined(separator: [Self.lineFeed])), as: UTF8.self).withoutLineEnd
    }

    private static let lineFeed = UInt8(ascii: "\n")
    private static let colon = UInt8(ascii: ":")

    /// Finds `:  XXXXX: `, and the range of `XXXXX: ` in it.
    private static func state(in line: ArraySlice<UInt8>) -> (SQLState, Range<Int>)? {
        var rest = line
        while let colon = rest.firstIndex(of: colon) {
            rest = rest[colon...].dropFirst()
            guard rest.starts(with: "  ".utf8) else { continue }
            let code = rest.dropFirst(2).prefix(5)
            let isCode = code.count == 5 && code.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
            let end = rest.dropFirst(7)
            if isCode, end.starts(with: ": ".utf8) {
                let state = SQLState(rawValue: String(decoding: code, as: UTF8.self))
                return (state, code.startIndex..<end.dropFirst(2).startIndex)
            }
        }
        return nil
    }

    /// Whether a line is `WORD:  function, file.c:123`.
    private static func isLocation(_ line: ArraySlice<UInt8>) -> Bool {
        guard let first = line.firstIndex(of: colon), !line[..<first].contains(UInt8(ascii: " ")),
            line[first...].dropFirst().starts(with: "  ".utf8), let last = line.lastIndex(of: colon), last > first
        else { return false }
        let number = line[last...].dropFirst()
        let place = line[first...].dropFirst(3).prefix { $0 != colon }
        return !number.isEmpty && number.allSatisfy { (0x30...0x39).contains($0) }
            && zip(place, place.dropFirst()).contains { $0 == UInt8(ascii: ",") && $1 == UInt8(ascii: " ") }
    }
}
