import ApusSessions
import Testing

@Suite("Positions and messages without the text in front of the statement")
struct StatementPrefixTests {
    private static func removed(_ text: String, lines: Int, head: Int = 1) -> String {
        let bytes = StatementPrefix(characters: 7, lines: lines).removed(from: Array(text.utf8), head: head)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("A position in the prefix is the statement's first")
    func position() {
        let begin = StatementPrefix(characters: 7, lines: 1)
        for (message, own) in [(1, 1), (7, 1), (8, 1), (9, 2), (107, 100), (0, 1), (-5, 1)] {
            #expect(begin.position(message) == own, "\(message)")
        }
        #expect(StatementPrefix().position(42) == 42)
        #expect(StatementPrefix().position(0) == 1)
    }

    @Test("The line's number gets smaller, and the caret moves with a number that gets shorter")
    func lines() {
        #expect(
            Self.removed("ERROR:  no\nLINE 2: SELECT x\n               ^\n", lines: 1)
                == "ERROR:  no\nLINE 1: SELECT x\n               ^\n")
        #expect(
            Self.removed("ERROR:  no\nLINE 10: SELECT x\n                ^\n", lines: 1)
                == "ERROR:  no\nLINE 9: SELECT x\n               ^\n")
        #expect(
            Self.removed("ERROR:  no\nLINE 1001: x\n           ^\nHINT:  yes\n", lines: 1000)
                == "ERROR:  no\nLINE 1: x\n        ^\nHINT:  yes\n")
    }

    @Test(
        "A text without a line of the statement stays as it is",
        arguments: [
            "", "ERROR:  no", "ERROR:  no\n", "ERROR:  no\nDETAIL:  none\n", "ERROR:  no\nLINE 1: x\n        ^\n",
            "ERROR:  no\nLINE 2\n", "ERROR:  no\nLINE two: x\n", "ERROR:  no\nLINE : x\n", "ERROR:  no\nLINE -3: x\n",
            "ERROR:  no\nLINE 99999999999999999999: x\n", "ERROR:  no\nline 3: x\n", "LINE 3: x\n        ^\n",
            "ERROR:  no\nDETAIL:  none\nLINE 3: x\n",
        ])
    func unchanged(_ text: String) {
        #expect(Self.removed(text, lines: 1) == text)
    }

    @Test("Lines of the message itself that look like libpq's stay as they are")
    func head() {
        let text = "ERROR:  LINE 5: a\nLINE 7: b\nLINE 9: c\n        ^\n"
        #expect(Self.removed(text, lines: 2, head: 2) == "ERROR:  LINE 5: a\nLINE 7: b\nLINE 7: c\n        ^\n")
        #expect(Self.removed(text, lines: 2, head: 100) == text)
        #expect(Self.removed(text, lines: 0, head: 2) == text)
    }

    @Test("A line that is no caret's, behind a number that gets shorter, stays as it is")
    func noCaret() {
        #expect(Self.removed("ERROR:  no\nLINE 10: x\nHINT:  y\n", lines: 5) == "ERROR:  no\nLINE 5: x\nHINT:  y\n")
        #expect(Self.removed("ERROR:  no\nLINE 10: x", lines: 5) == "ERROR:  no\nLINE 5: x")
    }

    @Test("Bytes that are not UTF-8 stay as they are")
    func otherEncodings() {
        let text = Array("ERROR:  ".utf8) + [0xE9, 0x0A] + Array("LINE 2: ".utf8) + [0xFF, 0x0A]
        let own = Array("ERROR:  ".utf8) + [0xE9, 0x0A] + Array("LINE 1: ".utf8) + [0xFF, 0x0A]
        #expect(StatementPrefix(characters: 7, lines: 1).removed(from: text, head: 1) == own)
    }

    @Test("The text is the one of a message with the statement alone", arguments: 1...300 as ClosedRange<UInt64>)
    func asAlone(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let magnitudes = [1, 9, 10, 99, 100, 1_000, 1_000_000]
        let own = Int.random(in: 1...(magnitudes.randomElement(using: &random) ?? 1), using: &random)
        let lines = Int.random(in: 1...(magnitudes.randomElement(using: &random) ?? 1), using: &random)
        let primary =
            ["no", "two\nlines", "LINE 8: x\n        ^", "", "ends with a feed\n"].randomElement(using: &random) ?? ""
        let statement = ["SELECT x", "", "LINE 4: ", "é", "...  cut"].randomElement(using: &random) ?? ""
        let indent = Int.random(in: 0...70, using: &random)
        let tail = ["", "HINT:  yes\n", "CONTEXT:  LINE 5: x\n"].randomElement(using: &random) ?? ""
        /// As libpq writes it.
        func message(_ line: Int) -> String {
            let front = "LINE \(line): "
            let caret = String(repeating: " ", count: front.count + indent) + "^"
            return "ERROR:  \(primary)\n\(front)\(statement)\n\(caret)\n\(tail)"
        }
        let head = 1 + primary.count { $0 == "\n" }
        #expect(Self.removed(message(own + lines), lines: lines, head: head) == message(own), "seed \(seed)")
    }
}
