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
        var text = Substring(message)
        while text.last?.isNewline == true { text.removeLast() }
        self.reason = reason
        self.message = String(text)
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
    private(set) var text = ""
    /// The last code in the text: the one that ended the last attempt.
    private(set) var sqlState: SQLState?

    init(_ verbose: String) {
        for line in verbose.split(separator: "\n", omittingEmptySubsequences: false) {
            if sqlState != nil && Self.isLocation(line) { continue }
            if let (state, range) = Self.state(in: line) {
                sqlState = state
                text += line[..<range.lowerBound]
                text += line[range.upperBound...]
            } else {
                text += line
            }
            text += "\n"
        }
        while text.last?.isNewline == true { text.removeLast() }
    }

    /// Finds `:  XXXXX: `, and the range of `XXXXX: ` in it.
    private static func state(in line: Substring) -> (SQLState, Range<Substring.Index>)? {
        var start = line.startIndex
        while let colon = line[start...].firstIndex(of: ":") {
            let rest = line[colon...].dropFirst()
            if rest.hasPrefix("  ") {
                let code = rest.dropFirst(2).prefix(5)
                let isCode =
                    code.utf8.count == 5
                    && code.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
                if isCode, line[code.endIndex...].hasPrefix(": ") {
                    return (SQLState(rawValue: String(code)), code.startIndex..<line.index(code.endIndex, offsetBy: 2))
                }
            }
            start = line.index(after: colon)
        }
        return nil
    }

    /// Whether a line is `WORD:  function, file.c:123`.
    private static func isLocation(_ line: Substring) -> Bool {
        guard let colon = line.firstIndex(of: ":"), !line[..<colon].contains(" "),
            line[colon...].dropFirst().hasPrefix("  "), let last = line.lastIndex(of: ":"), last > colon
        else { return false }
        let number = line[last...].dropFirst()
        let place = line[line.index(colon, offsetBy: 3)..<last]
        return !number.isEmpty && number.allSatisfy(\.isASCII) && number.allSatisfy(\.isNumber) && place.contains(", ")
    }
}
