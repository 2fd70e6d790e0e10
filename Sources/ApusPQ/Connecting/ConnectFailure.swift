/// Why a connection could not be opened, sorted by what to do about it.
///
/// libpq gives no SQLSTATE for a failed connect, only words, perhaps translated. ``ConnectMachine`` therefore asks it
/// for verbose messages while it connects, takes the code out of them, and judges the rest by how far the attempt
/// came, never by the wording.
public struct ConnectFailure: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Reason: Sendable, Hashable {
        /// No address, no route, refused, cut off before it was answered: the node is likely down.
        case unreachable
        /// No answer in time.
        case timedOut
        /// The server is starting up, shutting down or recovering (57P01, 57P02, 57P03, class 08).
        case unavailable
        /// The server has no room for another session (class 53); the node itself is well.
        case overloaded
        /// The server spoke, and this node cannot serve this client: TLS, `target_session_attrs`, protocol, a server's
        /// internal error (classes 58 and XX). Another node may do.
        case unsuitable
        /// The server refused the login or a setting: wrong password, no such database, no such role. Every node
        /// would say the same.
        case rejected
        /// The options are wrong: nothing was tried.
        case invalidOptions
        /// The operating system refused something to this process.
        case system
    }

    public var reason: Reason
    /// libpq's message, without a trailing line feed.
    public var message: String
    public var sqlState: SQLState?
    /// The server asked for a password and none was found.
    public var needsPassword: Bool

    public init(_ reason: Reason, _ message: String, sqlState: SQLState? = nil, needsPassword: Bool = false) {
        self.reason = reason
        self.message = message.withoutLineEnd
        self.sqlState = sqlState
        self.needsPassword = needsPassword
    }

    public var description: String { message }

    /// The reason that a SQLSTATE stands for during a connect.
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

/// Takes the SQLSTATE out of a message that libpq wrote with `PQERRORS_VERBOSE`, and leaves the message as it is
/// without that verbosity.
///
/// A verbose message is `FATAL:  28P01: password authentication failed for user "x"`, perhaps behind
/// `connection to server at … failed: `, and ends with `LOCATION:  auth_failed, auth.c:326`; the words may be
/// translated, the shape is libpq's `pqBuildErrorMessage3`.
struct VerboseMessage {
    let text: String
    /// The last code in the text: the one that ended the last attempt.
    private(set) var sqlState: SQLState?

    /// Works on bytes: to Swift's characters, a colon or a space with a combining mark behind it is no colon and no
    /// space, and a carriage return with its line feed is one character.
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
