import ApusPQ

/// A node that was tried, and why it did not serve.
struct FailedAttempt: Sendable {
    var target: Target
    /// What the place is, such as the node's placement.
    var role: String
    var failure: ConnectFailure

    var description: String {
        // libpq's messages have several lines; a list of nodes reads better with one each.
        let lines = failure.message.utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        let words = lines.map { String(decoding: ASCII.trimmed($0), as: UTF8.self) }
        return "\(target) (\(role)): \(words.joined(separator: "; "))"
    }
}

extension PQError {
    /// The failure to connect to one place.
    init(_ failure: ConnectFailure) {
        let kind: Kind
        switch failure.reason {
        case .invalidOptions: kind = .options
        case .system: kind = .system
        default: kind = .connect
        }
        self.init(kind, failure.message, sqlState: failure.sqlState)
    }

    /// No server could be connected to. Where all nodes said the same, their SQLSTATE is the error's.
    ///
    /// The first sentence is psycopg2-yugabytedb's: programs look for it.
    init(noServer reason: String, after attempts: [FailedAttempt]) {
        var text = "Could not find a server to connect to. Reason: \(reason)"
        for attempt in attempts { text += "\n  \(attempt.description)" }
        let states = Set(attempts.map(\.failure.sqlState))
        self.init(.connect, text, sqlState: states.count == 1 ? states.first ?? nil : nil)
    }
}
