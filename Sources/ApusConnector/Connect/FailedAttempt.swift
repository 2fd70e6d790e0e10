import ApusPQ

/// A node that was tried, and why it did not serve.
struct FailedAttempt: Sendable {
    var target: NodeTarget
    /// What the place is, such as the node's placement.
    var role: String
    var failure: ConnectFailure

    var description: String {
        // libpq's messages have several lines; a list of nodes reads better with one each.
        let words = failure.message.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
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

    /// The failure to connect to anybody. Where all nodes said the same, their SQLSTATE is the error's.
    init(nobodyLeft reason: String, after attempts: [FailedAttempt]) {
        var text = reason
        for attempt in attempts { text += "\n  \(attempt.description)" }
        let states = Set(attempts.map(\.failure.sqlState))
        self.init(.connect, text, sqlState: states.count == 1 ? states.first ?? nil : nil)
    }
}
