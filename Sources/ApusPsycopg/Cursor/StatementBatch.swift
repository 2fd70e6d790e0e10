import ApusValues
import CApusPython

/// The same statement with many sets of arguments, as one message for the server.
struct StatementBatch: ~Copyable {
    /// What a message may grow to before it is sent, bytes. More saves few round trips and keeps the server waiting.
    static let messageSize = 32 << 10

    private(set) var text = ByteWriter(minimumCapacity: messageSize + 4096)
    /// Where each statement begins.
    private(set) var starts: [Int] = []
    /// On a line of its own, so that the server shows none of it beside a statement's error.
    private static let separator: StaticString = "\n;\n"

    var isEmpty: Bool { starts.isEmpty }
    var isFull: Bool { text.count >= Self.messageSize }

    /// Whether copies of a statement can stand behind one another and mean what they mean apart: it is one that changes
    /// rows, it is one only, and nothing in it is left open that the next copy would close.
    static func mayJoin(_ statement: UnsafeRawBufferPointer) -> Bool {
        let words: [StaticString] = ["insert", "update", "delete"]
        let start = statement.drop { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
        let isChange = words.contains { word in
            let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
            return start.count > letters.count && start.prefix(letters.count).elementsEqual(letters) { $0 | 0x20 == $1 }
        }
        guard isChange else { return false }
        var quotes = 0
        var doubleQuotes = 0
        var previous: UInt8 = 0
        for byte in statement {
            switch byte {
            case UInt8(ascii: "'"): quotes ^= 1
            case UInt8(ascii: "\""): doubleQuotes ^= 1
            case UInt8(ascii: ";"), UInt8(ascii: "\\"), UInt8(ascii: "$"), 0: return false
            case UInt8(ascii: "-") where previous == byte, UInt8(ascii: "*") where previous == UInt8(ascii: "/"):
                return false
            default: break
            }
            previous = byte
        }
        return quotes == 0 && doubleQuotes == 0
    }

    /// Adds a statement. Raises ValueError for a zero byte.
    mutating func append(_ statement: borrowing ByteWriter) throws(Raised) {
        try statement.withUnsafeBytes { (bytes) throws(Raised) in
            if bytes.count > 0, let base = bytes.baseAddress, memchr(base, 0, bytes.count) != nil {
                throw raiseValueError("A statement cannot contain NUL (0x00) characters.")
            }
            if !starts.isEmpty { text.append(Self.separator) }
            starts.append(text.count)
            text.append(bytes)
        }
    }

    /// Puts a zero byte behind the text, which libpq wants.
    mutating func terminate() { text.append(0) }

    mutating func removeAll() {
        text.removeAll()
        starts.removeAll(keepingCapacity: true)
    }

    /// The number of the statement that a character of the text belongs to; counted from 0.
    func statement(atCharacter position: Int) -> Int {
        for index in starts.indices.dropFirst() where charactersAndLines(before: index).characters >= position {
            return index - 1
        }
        return starts.count - 1
    }

    /// What stands in front of a statement: how many characters, in UTF-8, and how many lines.
    func charactersAndLines(before index: Int) -> (characters: Int, lines: Int) {
        text.withUnsafeBytes { bytes in
            bytes[..<starts[index]].reduce(into: (0, 0)) { counts, byte in
                if byte & 0xC0 != 0x80 { counts.0 += 1 }
                if byte == UInt8(ascii: "\n") { counts.1 += 1 }
            }
        }
    }

    /// A statement as bytes; once the text is terminated.
    func statement(_ index: Int) throws(Raised) -> PyObj {
        let end = index + 1 < starts.count ? starts[index + 1] - Self.separator.utf8CodeUnitCount : text.count - 1
        return try text.withUnsafeBytes { (bytes) throws(Raised) in
            try pythonBytes(UnsafeRawBufferPointer(rebasing: bytes[starts[index]..<end]))
        }
    }
}
