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
        self.message = ASCII.withoutLineEnds(message)
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

    private typealias Bytes = ArraySlice<UInt8>
    private static let lineFeed = UInt8(ascii: "\n")
    private static let colon = UInt8(ascii: ":")
    private static let space = UInt8(ascii: " ")

    init(_ verbose: String) {
        var kept: [UInt8] = []
        for line in Array(verbose.utf8).split(separator: Self.lineFeed, omittingEmptySubsequences: false) {
            if sqlState != nil && Self.isLocation(line) { continue }
            if let (state, range) = Self.state(in: line) {
                sqlState = state
                kept += line[..<range.lowerBound]
                kept += line[range.upperBound...]
            } else {
                kept += line
            }
            kept.append(Self.lineFeed)
        }
        text = ASCII.withoutLineEnds(String(decoding: kept, as: UTF8.self))
    }

    /// Finds `:  XXXXX: `, and the range of `XXXXX: ` in it.
    private static func state(in line: Bytes) -> (SQLState, Range<Int>)? {
        var rest = line
        while let mark = rest.firstIndex(of: colon) {
            rest = rest[(mark + 1)...]
            guard rest.starts(with: [space, space]) else { continue }
            let code = rest.dropFirst(2).prefix(5)
            let isCode =
                code.count == 5 && code.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
            if isCode, line[code.endIndex...].starts(with: [colon, space]) {
                return (
                    SQLState(rawValue: String(decoding: code, as: UTF8.self)), code.startIndex..<(code.endIndex + 2)
                )
            }
        }
        return nil
    }

    /// Whether a line is `WORD:  function, file.c:123`.
    private static func isLocation(_ line: Bytes) -> Bool {
        guard let first = line.firstIndex(of: colon), !line[..<first].contains(space),
            line[(first + 1)...].starts(with: [space, space]), let last = line.lastIndex(of: colon), last > first
        else { return false }
        let number = line[(last + 1)...]
        let place = line[(first + 3)..<max(first + 3, last)]
        return !number.isEmpty && number.allSatisfy { (0x30...0x39).contains($0) }
            && zip(place, place.dropFirst()).contains { $0 == UInt8(ascii: ",") && $1 == space }
    }
}
