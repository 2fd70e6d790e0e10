/// PostgreSQL's lexer in the simplest form, for comparison: it splits a text into quoted parts, comments, semicolons
/// and everything else. It follows `scan.l`, not `StatementScan`.
struct ReferenceLexer {
    enum Token: Equatable {
        /// A literal in quotes or dollars, with its prefix.
        case literal(Range<Int>)
        case identifier, comment, semicolon, other
        /// A quote or comment that is not closed, or a zero byte, which ends the message.
        case open
        /// What the server refuses, with the whole message.
        case refused
    }

    private let text: [UInt8]
    private let doublesBackslashes: Bool

    init(_ text: String, doublesBackslashes: Bool) {
        (self.text, self.doublesBackslashes) = (Array(text.utf8), doublesBackslashes)
    }

    /// Whether the text is a single statement with everything closed. A comment to the end of the line counts as closed.
    static func isWhole(_ text: String, doublesBackslashes: Bool) -> Bool {
        let tokens = ReferenceLexer(text, doublesBackslashes: doublesBackslashes).tokens()
        return !tokens.contains(.open) && !tokens.contains(.semicolon)
    }

    static func isRefused(_ text: String, doublesBackslashes: Bool) -> Bool {
        ReferenceLexer(text, doublesBackslashes: doublesBackslashes).tokens().contains(.refused)
    }

    func tokens() -> [Token] {
        var tokens: [Token] = []
        var index = 0
        while index < text.count {
            let (token, end) = next(index)
            tokens.append(token)
            if token == .open || token == .refused { break }
            index = end
        }
        return tokens
    }

    private func starts(_ index: Int, _ word: String) -> Bool { text[index...].starts(with: word.utf8) }

    private func end(of index: Int, while condition: (UInt8) -> Bool) -> Int {
        text[index...].firstIndex { !condition($0) } ?? text.count
    }

    private static func startsName(_ byte: UInt8) -> Bool {
        byte >= 0x80 || byte == UInt8(ascii: "_") || (0x61...0x7A).contains(byte | 0x20)
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
        startsName(byte) || (0x30...0x39).contains(byte)
    }

    private func next(_ start: Int) -> (Token, Int) {
        let byte = text[start]
        if byte == 0 { return (.open, start) }
        for prefix in ["E", "e", "B", "b", "X", "x", "U&", "u&"] where starts(start, prefix + "'") {
            // "unsafe use of string constant with Unicode escapes"
            if prefix.hasSuffix("&"), doublesBackslashes { return (.refused, start) }
            let isEscaped = prefix == "E" || prefix == "e"
            return literal(start, quote: start + prefix.utf8.count, isEscaped: isEscaped)
        }
        if byte == UInt8(ascii: "'") { return literal(start, quote: start, isEscaped: doublesBackslashes) }
        if byte == UInt8(ascii: "\"") {
            guard let end = text[(start + 1)...].firstIndex(of: byte) else { return (.open, start) }
            return (.identifier, end + 1)
        }
        if byte == UInt8(ascii: "$") { return dollars(start) }
        if starts(start, "--") { return (.comment, end(of: start) { $0 != 0 && $0 != 0x0A && $0 != 0x0D }) }
        if starts(start, "/*") { return comment(start) }
        if byte == UInt8(ascii: ";") { return (.semicolon, start + 1) }
        if Self.startsName(byte) {
            // N'…' is a name and a literal.
            if (byte | 0x20) == UInt8(ascii: "n"), starts(start + 1, "'") { return (.other, start + 1) }
            return (.other, end(of: start) { Self.continuesName($0) || $0 == UInt8(ascii: "$") })
        }
        return (.other, start + 1)
    }

    /// A literal and what continues it on later lines, by the rules of its beginning.
    private func literal(_ start: Int, quote: Int, isEscaped: Bool) -> (Token, Int) {
        var index = quote + 1
        while index < text.count {
            if text[index] == 0 { break }
            if isEscaped, text[index] == UInt8(ascii: "\\") {
                index += 2
            } else if text[index] != UInt8(ascii: "'") {
                index += 1
            } else if index + 1 < text.count, text[index + 1] == UInt8(ascii: "'") {
                index += 2
            } else if let next = continuation(index + 1) {
                index = next + 1
            } else {
                return (.literal(start..<index + 1), index + 1)
            }
        }
        return (.open, start)
    }

    /// The quote that continues a literal: there are only spaces and comments to the end of the line before it, and at
    /// least one line feed.
    private func continuation(_ start: Int) -> Int? {
        var index = start
        var hasLineFeed = false
        while index < text.count {
            let byte = text[index]
            if byte == 0x0A || byte == 0x0D {
                hasLineFeed = true
                index += 1
            } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
                index += 1
            } else if starts(index, "--") {
                index = end(of: index) { $0 != 0x0A && $0 != 0x0D }
            } else {
                return byte == UInt8(ascii: "'") && hasLineFeed ? index : nil
            }
        }
        return nil
    }

    private func dollars(_ start: Int) -> (Token, Int) {
        var end = start + 1
        if end < text.count, Self.startsName(text[end]) { end = self.end(of: end, while: Self.continuesName) }
        guard end < text.count, text[end] == UInt8(ascii: "$") else { return (.other, start + 1) }
        let tag = text[start...end]
        var index = end + 1
        while index < text.count, text[index] != 0 {
            if text[index...].starts(with: tag) { return (.literal(start..<index + tag.count), index + tag.count) }
            index += 1
        }
        return (.open, start)
    }

    private func comment(_ start: Int) -> (Token, Int) {
        var depth = 1
        var index = start + 2
        while index < text.count, text[index] != 0 {
            if starts(index, "/*") {
                depth += 1
                index += 2
            } else if starts(index, "*/") {
                depth -= 1
                index += 2
                if depth == 0 { return (.comment, index) }
            } else {
                index += 1
            }
        }
        return (.open, start)
    }
}
