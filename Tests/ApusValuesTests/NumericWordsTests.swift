import Testing

@testable import ApusValues

@Suite("Numeric in words of 19 digits")
struct NumericWordsTests {
    func words(_ text: String) -> (number: NumericText.Words, words: [UInt64])? {
        var words = [UInt64](repeating: .max, count: NumericText.maximumWords)
        guard let number = reading(text, { NumericText.parse($0, to: &words) }) else { return nil }
        return (number, Array(words.prefix(number.count)))
    }

    /// The same through strings.
    func expected(_ text: String) -> (number: NumericText.Words, words: [UInt64])? {
        let isNegative = text.first == "-"
        let parts = text.dropFirst(isNegative ? 1 : 0).split(separator: ".", omittingEmptySubsequences: false)
        let significant = String(parts.joined().drop { $0 == "0" })
        guard significant.count <= 76 else { return nil }
        var words: [UInt64] = []
        var rest = Substring(significant)
        repeat {
            words.append(UInt64(rest.suffix(19)) ?? 0)
            rest = rest.dropLast(19)
        } while !rest.isEmpty
        let number = NumericText.Words(
            lowest: words[0], scale: parts.count == 2 ? parts[1].count : 0, digits: max(significant.count, 1),
            isNegative: isNegative)
        return (number, words)
    }

    @Test func randomNumbers() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            let zeros = String(repeating: "0", count: Int.random(in: 0...25, using: &generator))
            let nines = Int.random(in: 0..<4, using: &generator) == 0
            var text =
                (Bool.random(using: &generator) ? zeros : "")
                + (0..<Int.random(in: 0...80, using: &generator)).map { _ in
                    nines ? "9" : String(Int.random(in: 0...9, using: &generator))
                }.joined()
            if text.isEmpty { text = "0" }
            let point = Int.random(in: 0...(text.count + 3), using: &generator)
            if point <= text.count { text.insert(".", at: text.index(text.startIndex, offsetBy: point)) }
            if Bool.random(using: &generator) { text = "-" + text }
            let (got, wanted) = (words(text), expected(text))
            #expect(got?.number == wanted?.number, "\(text)")
            #expect(got?.words == wanted?.words, "\(text)")
            let digits = text.utf8.count { $0 &- 0x30 <= 9 }
            #expect(reading(text, NumericText.parseWord) == (digits <= 19 ? wanted?.number : nil), "\(text)")
        }
    }

    @Test func zeros() {
        for text in ["0", "-0", "0.00", "000", ".0", "0."] {
            let number = reading(text, NumericText.parseWord)
            #expect(number?.lowest == 0 && number?.digits == 1 && number?.count == 1, "\(text)")
            #expect(number?.isNegative == text.hasPrefix("-"))
            #expect(words(text)?.number == number)
        }
        #expect(reading("0.00", NumericText.parseWord)?.scale == 2)
    }

    @Test func whatIsNoFiniteNumber() {
        for text in [
            "", "-", ".", "-.", "+1", "1e5", "1.2.3", "--1", "1-", "1 ", " 1", "NaN", "Infinity", "-inf", "1_0", "0x1",
            "12345678901234567890x", "1\u{0}", "\u{0}", "1234567\u{0}",
        ] {
            #expect(reading(text, NumericText.parseWord) == nil, "\(text)")
            #expect(words(text) == nil, "\(text)")
        }
        #expect(words(String(repeating: "9", count: 77)) == nil)
        #expect(words("0." + String(repeating: "0", count: 100) + "7")?.number.digits == 1)
    }
}
