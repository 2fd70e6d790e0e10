/// The server's message at the end of a command, such as `INSERT 0 3`.
///
/// Source: <https://www.postgresql.org/docs/current/protocol-message-formats.html>, "CommandComplete".
public struct CommandTag: Sendable, Hashable, CustomStringConvertible {
    /// The tag as the server sent it; empty for an empty statement.
    public let text: String

    init(_ text: String) { self.text = text }

    /// The number of rows that the command inserted, updated, deleted, moved, copied or returned; `nil` for a command
    /// that does not count rows.
    public var affectedRows: Int? {
        guard let number = text.split(separator: " ").last, text.contains(" ") else { return nil }
        return Int(number)
    }

    /// The tag as the server sent it.
    public var description: String { text }
}
