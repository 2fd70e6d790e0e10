import ApusPQ

/// A server that was tried, and why no session was opened there.
struct FailedAttempt: Sendable {
    var target: Target
    /// What the server is to the connect, such as a node's placement.
    var role: String
    var failure: ConnectFailure

    var description: String {
        // libpq's messages may have several lines, but the list of attempts has one line for each.
        let lines = failure.message.utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        let words = lines.map { String(decoding: ASCII.trimmed($0), as: UTF8.self) }
        return "\(target) (\(role)): \(words.joined(separator: "; "))"
    }
}

extension PQError {
    /// The error for a failure to connect to one server.
    init(_ failure: ConnectFailure) {
        let kind: Kind
        switch failure.reason {
        case .invalidOptions: kind = .options
        case .system: kind = .system
        default: kind = .connect
        }
        self.init(kind, failure.message, sqlState: failure.sqlState)
    }

    /// The error for a connect that found no server. If all attempts failed with the same SQLSTATE, the error has it
    /// too.
    ///
    /// The message begins as psycopg2-yugabytedb's does, because programs look for that sentence.
    init(noServer reason: String, after attempts: [FailedAttempt]) {
        var text = "Could not find a server to connect to. Reason: \(reason)"
        for attempt in attempts { text += "\n  \(attempt.description)" }
        let states = Set(attempts.map(\.failure.sqlState))
        self.init(.connect, text, sqlState: states.count == 1 ? states.first ?? nil : nil)
    }
}
