/// Reads a statement as the server's lexer does, as far as it takes to know whether it is one, complete in itself:
/// whether it means behind and in front of others what it means alone. Where that is uncertain, the answer is no.
///
/// The rules are in the chapter "Lexical Structure" of PostgreSQL's manual. The bytes are UTF-8.
public struct StatementScan {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether copies of a statement with placeholders can stand behind one another, whatever literals of the driver's
    /// own are put into them: it changes rows, there is nothing in it that a copy could close or go on with, and no
    /// placeholder is where a literal would not be one.
    public static func mayJoin(template: UnsafeRawBufferPointer) -> Bool {
        let words: [StaticString] = ["insert", "update", "delete"]
        let start = template.drop { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
        let isChange = words.contains { word in
            let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
            return start.count > letters.count && start.prefix(letters.count).elementsEqual(letters) { $0 | 0x20 == $1 }
        }
        guard isChange else { return false }
        var scan = StatementScan(template)
        return scan.isPlainTemplate()
    }

    /// Whether a statement that an adapter of the program's own had a part in is a single one, with every quote and
    /// comment closed. A comment to the end of the line is closed by the line feed that follows a statement.
    /// - Parameter doublesBackslashes: whether a backslash in a plain literal is an escape.
    public static func isWhole(_ statement: UnsafeRawBufferPointer, doublesBackslashes: Bool) -> Bool {
        var scan = StatementScan(statement)
        return scan.isWhole(doublesBackslashes)
    }

    private func byte(at index: Int) -> UInt8 { index >= 0 && index < bytes.count ? bytes[index] : 0 }

    /// What a name goes on with.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
            true
        default: false
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    // MARK: Templates

    private mutating func isPlainTemplate() -> Bool {
        var quote: UInt8 = 0
        while position < bytes.count {
            let byte = bytes[position]
            let next = self.byte(at: position + 1)
            switch byte {
            case 0, UInt8(ascii: "\\"): return false
            case UInt8(ascii: "%") where next == byte: position += 1
            case UInt8(ascii: "%"):
                // Within quotes a literal would end them; behind a name it would be a literal of another kind.
                if quote != 0 || !passesPlaceholder(next) { return false }
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                // A doubled quote closes and opens again, which is the same here.
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

    /// Goes to the last byte of a placeholder; false for what is none.
    private mutating func passesPlaceholder(_ next: UInt8) -> Bool {
        let before = byte(at: position - 1)
        if Self.isOfName(before) || before == UInt8(ascii: "\"") || before == UInt8(ascii: "&") { return false }
        // A literal that follows another one goes on with it, by its rules.
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

    private mutating func isWhole(_ doublesBackslashes: Bool) -> Bool {
        while position < bytes.count {
            let byte = bytes[position]
            let next = self.byte(at: position + 1)
            switch byte {
            case 0, UInt8(ascii: ";"): return false
            case UInt8(ascii: "'"):
                guard let isEscaped = kindOfLiteral(doublesBackslashes), passesLiteral(isEscaped) else { return false }
            case UInt8(ascii: "\""): if !passesQuotes(byte) { return false }
            case UInt8(ascii: "$"):
                if Self.isOfName(self.byte(at: position - 1)) || !passesDollars() { return false }
            case UInt8(ascii: "-") where next == byte:
                while position < bytes.count, !Self.endsLine(bytes[position]) { position += 1 }
            case UInt8(ascii: "/") where next == UInt8(ascii: "*"): if !passesComment() { return false }
            default: position += 1
            }
        }
        return true
    }

    private static func endsLine(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    /// Whether backslashes are escapes in the literal that begins here; nil where that is uncertain.
    private func kindOfLiteral(_ doublesBackslashes: Bool) -> Bool? {
        let before = byte(at: position - 1)
        guard Self.isOfName(before) else { return doublesBackslashes }
        if Self.isOfName(byte(at: position - 2)) { return nil }
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

    /// Goes behind a literal; false if it is not closed, or may go on in the next line.
    private mutating func passesLiteral(_ isEscaped: Bool) -> Bool {
        position += 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\") where isEscaped: position += 2
            case UInt8(ascii: "'"):
                position += 1
                if byte(at: position) == UInt8(ascii: "'") {
                    position += 1
                } else {
                    return !isEscaped || !mayGoOn()
                }
            default: position += 1
            }
        }
        return false
    }

    /// Whether a literal may follow which is part of the one before, with its rules: they are on lines of their own.
    private func mayGoOn() -> Bool {
        var index = position
        while index < bytes.count, Self.isSpace(bytes[index]) { index += 1 }
        return byte(at: index) == UInt8(ascii: "'") || byte(at: index) == UInt8(ascii: "-")
    }

    private mutating func passesQuotes(_ quote: UInt8) -> Bool {
        position += 1
        while position < bytes.count {
            position += 1
            if bytes[position - 1] == quote { return true }
        }
        return false
    }

    /// Goes behind a dollar-quoted literal; a dollar that begins none is passed over.
    private mutating func passesDollars() -> Bool {
        var end = position + 1
        if Self.isOfName(byte(at: end)), !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte(at: end)) {
            while Self.isOfName(byte(at: end)), byte(at: end) != UInt8(ascii: "$") { end += 1 }
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

    /// Goes behind a comment; comments nest.
    private mutating func passesComment() -> Bool {
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
