/// Scans a statement as the server's lexer does, to find out whether it can be sent together with others: whether it
/// has the same meaning between other statements as alone. If that is uncertain, the result is false.
///
/// The rules are in the chapter "Lexical Structure" of PostgreSQL's manual. The text is in UTF-8.
public struct StatementScan {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether copies of a statement can be joined, for any literals that the driver writes instead of its
    /// placeholders. True for an INSERT, UPDATE or DELETE in which every quote is closed, which has no semicolon,
    /// comment, dollar quote or backslash that could affect the next copy, and whose placeholders are where a literal
    /// can be.
    public static func mayJoin(template: UnsafeRawBufferPointer) -> Bool {
        let words: [StaticString] = ["insert", "update", "delete"]
        let start = template.drop { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
        let isChange = words.contains { word in
            let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
            return start.count > letters.count && start.prefix(letters.count).elementsEqual(letters) { $0 | 0x20 == $1 }
        }
        guard isChange else { return false }
        var scan = StatementScan(template)
        return scan.isJoinableTemplate()
    }

    /// Whether a statement is a single one, with all quotes and comments closed. To be checked if an adapter of the
    /// program wrote a part of it. A `--` comment counts as closed, because a line feed follows every statement.
    /// - Parameter doublesBackslashes: whether a backslash in a plain literal is an escape.
    public static func isComplete(_ statement: UnsafeRawBufferPointer, doublesBackslashes: Bool) -> Bool {
        var scan = StatementScan(statement)
        return scan.isComplete(doublesBackslashes)
    }

    private func byte(at index: Int) -> UInt8 { index >= 0 && index < bytes.count ? bytes[index] : 0 }

    /// Whether a byte can be inside a name, after the first character.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
            true
        default: false
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    // MARK: Templates

    private mutating func isJoinableTemplate() -> Bool {
        var quote: UInt8 = 0
        while position < bytes.count {
            let byte = bytes[position]
            let next = self.byte(at: position + 1)
            switch byte {
            case 0, UInt8(ascii: "\\"): return false
            case UInt8(ascii: "%") where next == byte: position += 1
            case UInt8(ascii: "%"):
                // Inside quotes, a literal would close them; after a name, it would be a literal of another kind.
                if quote != 0 || !skipPlaceholder(next) { return false }
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                // A doubled quote is read as closing and opening, which has the same result.
                if quote == 0 { quote = byte } else if quote == byte { quote = 0 }
            case UInt8(ascii: ";"), UInt8(ascii: "$"): if quote == 0 { return false }
            case UInt8(ascii: "-") where next == byte && quote == 0: return false
            case UInt8(ascii: "/") where next == UInt8(ascii: "*") && quote == 0: return false
            default: break
            }
            position += 1
        }
        return quote == 0
    }

    /// Moves to the last byte of a placeholder.
    /// - Returns: false if it is none, or if a literal cannot be there.
    private mutating func skipPlaceholder(_ next: UInt8) -> Bool {
        let before = byte(at: position - 1)
        if Self.isNameByte(before) || before == UInt8(ascii: "\"") || before == UInt8(ascii: "&") { return false }
        // A literal after another one continues it, with the rules of the first.
        var start = position
        while start > 0, Self.isSpace(bytes[start - 1]) { start -= 1 }
        if byte(at: start - 1) == UInt8(ascii: "'") { return false }
        if next == UInt8(ascii: "(") {
            guard let end = bytes[(position + 2)...].firstIndex(of: UInt8(ascii: ")")) else { return false }
            position = end + 1
        } else {
            position += 1
        }
        return byte(at: position) == UInt8(ascii: "s")
    }

    // MARK: Statements

    private mutating func isComplete(_ doublesBackslashes: Bool) -> Bool {
        while position < bytes.count {
            let byte = bytes[position]
            let next = self.byte(at: position + 1)
            switch byte {
            case 0, UInt8(ascii: ";"): return false
            case UInt8(ascii: "'"):
                guard let isEscaped = literalIsEscaped(doublesBackslashes), skipLiteral(isEscaped) else { return false }
            case UInt8(ascii: "\""): if !skipQuoted(byte) { return false }
            case UInt8(ascii: "$"):
                if Self.isNameByte(self.byte(at: position - 1)) || !skipDollarQuoted() { return false }
            case UInt8(ascii: "-") where next == byte:
                while position < bytes.count, !Self.endsLine(bytes[position]) { position += 1 }
            case UInt8(ascii: "/") where next == UInt8(ascii: "*"): if !skipComment() { return false }
            default: position += 1
            }
        }
        return true
    }

    private static func endsLine(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    /// Whether backslashes are escapes in the literal that begins here; nil if that is uncertain.
    private func literalIsEscaped(_ doublesBackslashes: Bool) -> Bool? {
        let before = byte(at: position - 1)
        guard Self.isNameByte(before) else { return doublesBackslashes }
        if Self.isNameByte(byte(at: position - 2)) { return nil }
        switch before {
        case UInt8(ascii: "e"), UInt8(ascii: "E"): return true
        case UInt8(ascii: "n"), UInt8(ascii: "N"): return doublesBackslashes
        case UInt8(ascii: "b"), UInt8(ascii: "B"), UInt8(ascii: "x"), UInt8(ascii: "X"):
            // A bit string has no escapes, and neither has its continuation on the next line, which looks like a plain
            // literal.
            return doublesBackslashes ? nil : false
        default: return nil
        }
    }

    /// Moves to the end of a literal.
    /// - Returns: false if the literal is not closed, or may continue on the next line.
    private mutating func skipLiteral(_ isEscaped: Bool) -> Bool {
        position += 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\") where isEscaped: position += 2
            case UInt8(ascii: "'"):
                position += 1
                if byte(at: position) == UInt8(ascii: "'") {
                    position += 1
                } else {
                    return !isEscaped || !mayContinue()
                }
            default: position += 1
            }
        }
        return false
    }

    /// Whether the literal may continue in a second pair of quotes on another line, with the rules of the first.
    private func mayContinue() -> Bool {
        var index = position
        while index < bytes.count, Self.isSpace(bytes[index]) { index += 1 }
        return byte(at: index) == UInt8(ascii: "'") || byte(at: index) == UInt8(ascii: "-")
    }

    private mutating func skipQuoted(_ quote: UInt8) -> Bool {
        position += 1
        while position < bytes.count {
            position += 1
            if bytes[position - 1] == quote { return true }
        }
        return false
    }

    /// Moves to the end of a dollar-quoted literal, or past a dollar that begins none.
    /// - Returns: false if the literal is not closed.
    private mutating func skipDollarQuoted() -> Bool {
        var end = position + 1
        if Self.isNameByte(byte(at: end)), !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte(at: end)) {
            while Self.isNameByte(byte(at: end)), byte(at: end) != UInt8(ascii: "$") { end += 1 }
        }
        guard byte(at: end) == UInt8(ascii: "$") else {
            position += 1
            return true
        }
        let tag = bytes[position...end]
        var index = end + 1
        while index + tag.count <= bytes.count {
            if bytes[index..<index + tag.count].elementsEqual(tag) {
                position = index + tag.count
                return true
            }
            index += 1
        }
        return false
    }

    /// Moves to the end of a comment; comments nest.
    /// - Returns: false if the comment is not closed.
    private mutating func skipComment() -> Bool {
        var depth = 0
        while position + 1 < bytes.count {
            switch (bytes[position], bytes[position + 1]) {
            case (UInt8(ascii: "/"), UInt8(ascii: "*")):
                depth += 1
                position += 2
            case (UInt8(ascii: "*"), UInt8(ascii: "/")):
                depth -= 1
                position += 2
                if depth == 0 { return true }
            default: position += 1
            }
        }
        return false
    }
}
