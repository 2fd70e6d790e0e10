/// The size of the text that the driver sent before the program's statement in the same message. The server counts
/// positions, and libpq lines, from the start of the message, but the program expects positions in its statement.
public struct StatementPrefix: Sendable {
    /// The length in characters.
    public var characters = 0
    /// The number of line feeds; the last one ends the prefix.
    public var lines = 0

    /// A prefix such as BEGIN, on its own lines.
    public init(characters: Int = 0, lines: Int = 0) {
        self.characters = characters
        self.lines = lines
    }

    /// Converts a position in the message to a position in the statement; both count characters from 1.
    public func position(_ position: Int) -> Int { max(1, position &- characters) }

    /// Converts a server message to the one for the statement without the prefix. After the message itself, libpq shows
    /// the line of the error, as `LINE 2: …`, and a caret that points at the error. If the line number has fewer
    /// digits, the caret moves to the left.
    /// - Parameter head: the number of lines of the message itself, which may look like those that libpq adds.
    public func removed(from text: [UInt8], head: Int) -> [UInt8] {
        if lines == 0 { return text }
        let feed = UInt8(ascii: "\n")
        var shown = text.split(separator: feed, omittingEmptySubsequences: false).map(Array.init)
        let front = Array("LINE ".utf8)
        guard head < shown.count, shown[head].starts(with: front),
            let colon = shown[head].firstIndex(of: UInt8(ascii: ":")),
            let number = Int(String(decoding: shown[head][front.count..<colon], as: UTF8.self)), number > lines
        else { return text }
        let own = Array(String(number - lines).utf8)
        let shorter = colon - front.count - own.count
        shown[head].replaceSubrange(front.count..<colon, with: own)
        if shorter > 0, head + 1 < shown.count, shown[head + 1].starts(with: Array(repeating: 32, count: shorter)) {
            shown[head + 1].removeFirst(shorter)
        }
        return Array(shown.joined(separator: [feed]))
    }
}
