import ApusLocalCluster
import ApusWaiting
import CApusLibPQ
import Testing

@testable import ApusPQ

/// Bytes are compared, not Swift's characters: a separator and a combining mark are one character, `\r\n` is one, and
/// `==` equates canonically equivalent texts.
@Suite struct WrittenTextTests {
    @Test func equivalentTextsAreTwo() {
        #expect("\u{E9}" == "e\u{301}")
        #expect(!"\u{E9}".isWritten(as: "e\u{301}"))
        #expect(!"\u{212A}".isWritten(as: "K"))
        for text in ["", "a", "\u{E9}", String(repeating: "long ", count: 100)] {
            #expect(text.isWritten(as: String(decoding: Array(text.utf8), as: UTF8.self)))
            #expect(!text.isWritten(as: text + "x"))
        }
    }

    @Test func columnsByTheirNames() async throws {
        try await withLocalCluster(.init(nodes: 1)) { cluster in
            var connection = try cluster.connect(1, ["client_encoding": "UTF8"])
            try connection.send(query: "SELECT 1 AS \"\u{E9}\", 2 AS \"e\u{301}\"")
            while true {
                switch try connection.nextResult() {
                case .wait(let wait): _ = BlockingWaiter.wait(for: wait)
                case .done(nil): return
                case .done(.some(let result)):
                    #expect(result.column(named: "\u{E9}") == 0)
                    #expect(result.column(named: "e\u{301}") == 1)
                }
            }
        }
    }

    @Test func listsAreCutAtEveryComma() {
        #expect("a,\u{301}b,,c".commaSeparated == ["a", "\u{301}b", "", "c"])
        #expect("".commaSeparated == [])
        #expect(",".commaSeparated == ["", ""])
    }

    @Test(arguments: [
        ("text\n", "text"), ("text\r\n\n", "text"), ("\n", ""), ("", ""), ("a\nb\n", "a\nb"),
        // A separator of Unicode is part of the message.
        ("text\u{2028}", "text\u{2028}"), ("text\u{301}\n", "text\u{301}"),
    ])
    func lineEnds(_ text: String, _ expected: String) {
        #expect(text.withoutLineEnd.isWritten(as: expected))
        #expect(ConnectFailure(.system, text).message.isWritten(as: expected))
        #expect(PQError(.system, text).message.isWritten(as: expected.isEmpty ? "unknown error" : expected))
    }

    @Test(arguments: [
        // The message begins with a combining mark, which forms a character with the space before it.
        ("FATAL:  28000: \u{301}x\nLOCATION:  f, a.c:1\n", "FATAL:  \u{301}x"),
        // Windows line ends in the message.
        ("FATAL:  28000: a\r\nLOCATION:  f, a.c:1\n", "FATAL:  a"),
        ("FATAL:  28000: a\r\nb\nLOCATION:  f, a.c:1\n", "FATAL:  a\r\nb"),
        ("FATAL:\u{301}  28000: FATAL:  28000: a\n", "FATAL:\u{301}  28000: FATAL:  a"),
    ])
    func verboseMessages(_ verbose: String, _ text: String) {
        let message = VerboseMessage(verbose)
        #expect(message.sqlState?.rawValue == "28000")
        #expect(message.text.isWritten(as: text), "\(message.text.debugDescription)")
    }

    @Test func whiteSpaceIsThatOfC() throws {
        #expect(try ConnectMachine.timeout(from: " \t10\r\n") == .seconds(10))
        #expect(try ConnectMachine.timeout(from: " \r\n ") == nil)
        for text in ["10\u{2003}", "\u{A0}10", "1 0", "10\u{301}", "99999999999"] {
            #expect(throws: PQError.self) { try ConnectMachine.timeout(from: text) }
        }
    }
}
