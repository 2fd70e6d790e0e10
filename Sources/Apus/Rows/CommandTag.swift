/// How the server says that a command is done, such as `INSERT 0 3`.
public struct CommandTag: Sendable, Hashable, CustomStringConvertible {
    /// The server's words; empty for an empty statement.
    public let text: String

    init(_ text: String) { self.text = text }

    /// The rows that the command inserted, changed, deleted, moved or returned; `nil` where the command counts none.
    public var affectedRows: Int? {
        guard let number = text.split(separator: " ").last, text.contains(" ") else { return nil }
        return Int(number)
    }

    public var description: String { text }
}
