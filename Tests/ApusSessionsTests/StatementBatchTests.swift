import ApusSessions
import ApusValues
import Testing

@Suite("Joining statements to one message")
struct StatementBatchTests {
    /// Statements as short pieces that are difficult to count: several bytes per character, line feeds, separators.
    private static let pieces = [
        "a", " ", "\n", ";", "\n;\n", "é", "€", "🐝", "e\u{301}", "'", "SELECT 1", "\t", "\r\n",
    ]

    private static func randomStatements(_ random: inout SeededGenerator) -> [String] {
        (0..<Int.random(in: 1...7, using: &random)).map { _ in
            (0..<Int.random(in: 0...9, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
        }
    }

    private static func batch(of statements: [String]) -> StatementBatch {
        var batch = StatementBatch()
        for statement in statements {
            var writer = ByteWriter(minimumCapacity: 1)
            writer.append(statement)
            batch.append(writer)
        }
        return batch
    }

    /// What a batch tells about itself. A macro cannot take a value that cannot be copied.
    private struct Facts: Equatable {
        var text: String
        var starts: [Int]
        var count: Int
        var isEmpty: Bool
        var isFull: Bool

        init(_ text: String, starts: [Int], isFull: Bool = false) {
            (self.text, self.starts, self.isFull) = (text, starts, isFull)
            (count, isEmpty) = (starts.count, starts.isEmpty)
        }

        init(_ batch: borrowing StatementBatch) {
            (text, starts, isFull) = (batch.text.string(), batch.starts, batch.isFull)
            (count, isEmpty) = (batch.count, batch.isEmpty)
        }
    }

    private static func isFull(_ statements: [String]) -> Bool { Facts(batch(of: statements)).isFull }

    @Test("The text is the statements, with a semicolon on a line of its own between them")
    func text() {
        let empty = Facts(StatementBatch())
        #expect(empty == Facts("", starts: []))
        var batch = Self.batch(of: ["INSERT 1 -- one", "INSERT 'é'", ""])
        let text = "INSERT 1 -- one\n;\nINSERT 'é'\n;\n"
        let before = Facts(batch)
        #expect(before == Facts(text, starts: [0, 18, 32]))
        batch.terminate()
        let terminated = Facts(batch)
        #expect(terminated == Facts(text + "\0", starts: [0, 18, 32]))
        batch.removeAll()
        let after = Facts(batch)
        #expect(after == empty)
    }

    @Test("A message is full at 32 KiB, separators included")
    func full() {
        let size = StatementBatch.messageSize
        #expect(size == 32768)
        #expect(!Self.isFull([String(repeating: "a", count: size - 1)]))
        #expect(Self.isFull([String(repeating: "a", count: size)]))
        #expect(!Self.isFull([String(repeating: "a", count: size - 5), "b"]))
        #expect(Self.isFull([String(repeating: "a", count: size - 4), "b"]))
    }

    @Test("A batch that was emptied is as good as a new one")
    func reused() {
        var batch = Self.batch(of: ["a\né", "b"])
        batch.terminate()
        batch.removeAll()
        for statement in ["x", "yy"] {
            var writer = ByteWriter()
            writer.append(statement)
            batch.append(writer)
        }
        batch.terminate()
        let facts = Facts(batch)
        #expect(facts == Facts("x\n;\nyy\0", starts: [0, 4]))
        let found = batch.statement(atCharacter: 5)
        #expect(found.number == 1 && found.prefix.characters == 4 && found.prefix.lines == 2)
    }

    @Test(
        "Every position belongs to the right statement, with the right prefix",
        arguments: 1...200 as ClosedRange<UInt64>)
    func positions(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let statements = Self.randomStatements(&random)
        var batch = Self.batch(of: statements)
        batch.terminate()

        // The same in a form that is too simple to be wrong: an array of characters, each with its statement.
        let separator = Array("\n;\n".unicodeScalars)
        var characters: [(scalar: Unicode.Scalar, statement: Int)] = []
        var starts: [Int] = []
        for (number, statement) in statements.enumerated() {
            if number > 0 { characters += separator.map { ($0, number - 1) } }
            starts.append(characters.count)
            characters += statement.unicodeScalars.map { ($0, number) }
        }
        // A position behind the last character belongs to the last statement.
        characters += Array(repeating: ("\0", statements.count - 1), count: 3)

        for (index, character) in characters.enumerated() {
            let found = batch.statement(atCharacter: index + 1)
            let start = starts[character.statement]
            let lines = characters[..<start].count { $0.scalar == "\n" }
            #expect(found.number == character.statement, "seed \(seed), position \(index + 1), \(statements)")
            #expect(found.prefix.characters == start, "seed \(seed), position \(index + 1), \(statements)")
            #expect(found.prefix.lines == lines, "seed \(seed), position \(index + 1), \(statements)")
            #expect(found.prefix.position(index + 1) == index + 1 - start, "seed \(seed), \(statements)")
        }
    }

    @Test("Positions that no server sends belong to the first or the last statement")
    func impossiblePositions() {
        var batch = Self.batch(of: ["a", "b", "c"])
        batch.terminate()
        let numbers = [Int.min, -1, 0, .max].map { batch.statement(atCharacter: $0).number }
        #expect(numbers == [0, 0, 0, 2])
        let empty = StatementBatch().statement(atCharacter: 1).number
        #expect(empty == 0)
    }

    @Test("Each statement is found again, with its number of characters", arguments: 1...100 as ClosedRange<UInt64>)
    func statements(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let statements = Self.randomStatements(&random)
        var batch = Self.batch(of: statements)
        batch.terminate()
        let facts = Facts(batch)
        #expect(facts.count == statements.count)
        #expect(facts.text == statements.joined(separator: "\n;\n") + "\0", "seed \(seed)")
        for (number, statement) in statements.enumerated() {
            let found = batch.withStatement(number) { Array($0) }
            #expect(found == Array(statement.utf8), "seed \(seed), statement \(number)")
            let characters = batch.characters(of: number)
            #expect(characters == statement.unicodeScalars.count, "seed \(seed), statement \(number)")
        }
    }
}
