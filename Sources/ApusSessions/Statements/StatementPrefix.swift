/// What the driver sent in front of the program's statement, in the same message: the server counts positions, and
/// libpq lines, from the start of the message, and the program is shown those of its statement.
public struct StatementPrefix: Sendable {
    /// How long it is, in characters.
    public var characters = 0
    /// How many line feeds it has, of which the last ends it.
    public var lines = 0

    /// BEGIN or the like, on a line of its own.
    public init(characters: Int = 0, lines: Int = 0) {
        self.characters = characters
        self.lines = lines
    }

    /// The position in the statement of a position in the message; both count characters from 1.
    public func position(_ position: Int) -> Int { max(1, position &- characters) }

    /// A message of the server as it would be without the prefix. Below the message proper, libpq shows the line of the
    /// error and a caret that points at it: `LINE 2: …`. A number that becomes shorter moves the caret with it.
    /// - Parameter head: how many lines the message proper has: it may hold lines that look like libpq's.
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
