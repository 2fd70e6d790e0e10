import Testing

@testable import ApusValues

/// The fast paths read the same values as the step-by-step parsers, and accept nothing else.
@Suite("Fast paths")
struct FastPathTests {
    static func damaged(_ text: String, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 0...2, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[place] = Array("0123456789-+:. {},".utf8).randomElement(using: &generator) ?? 0
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(bytes[place], at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return bytes
    }

    @Test func timestamps() {
        var generator = SeededGenerator(seed: 21)
        var taken = 0
        for _ in 0..<60_000 {
            func two(_ range: ClosedRange<Int>) -> String {
                let value = Int.random(in: range, using: &generator)
                return value < 10 ? "0\(value)" : "\(value)"
            }
            var text =
                two(0...99) + two(0...99)
                + "-\(two(0...13))-\(two(0...32)) \(two(0...25)):\(two(0...61)):\(two(0...61))"
            if Bool.random(using: &generator) {
                text += "." + (0..<Int.random(in: 1...7, using: &generator)).map { _ in two(0...99).prefix(1) }.joined()
            }
            if Bool.random(using: &generator) { text += (Bool.random(using: &generator) ? "+" : "-") + two(0...17) }
            Self.damaged(text, &generator).withUnsafeBytes { bytes in
                guard let usual = TimestampText.parseUsual(bytes) else { return }
                taken += 1
                #expect(usual == TimestampText.parseAny(bytes), "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
        #expect(taken > 10_000)
        for text in [
            "2024-02-29 23:59:59", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999+15", "2024-01-01 00:00:00.1",
            "2024-01-01 00:00:00.000001-00", "1999-12-31 01:02:03.12345+05",
        ] {
            let usual = reading(text, TimestampText.parseUsual)
            #expect(usual != nil && usual == reading(text, TimestampText.parseAny), "\(text)")
        }
        for text in ["2023-02-29 00:00:00", "0000-01-01 00:00:00", "2024-01-01 24:00:00", "2024-01-01 00:00:60"] {
            #expect(reading(text, TimestampText.parseUsual) == nil, "\(text)")
        }
    }

    func integers(_ bytes: UnsafeRawBufferPointer) -> [Int64]? {
        var numbers = [Int64](repeating: .min, count: bytes.count / 2 + 1)
        guard let count = ArrayText.parseIntegers(bytes, to: &numbers) else { return nil }
        return Array(numbers.prefix(count))
    }

    /// The same with the tokenizer; nil for texts that the fast path leaves to it.
    func integersByToken(_ bytes: UnsafeRawBufferPointer) -> [Int64]? {
        var tokens = ArrayText.Tokenizer(bytes)
        guard case .open = tokens.next() else { return nil }
        var result: [Int64] = []
        while true {
            switch tokens.next() {
            case .element(let slice):
                guard let number = IntegerText.parse(slice.bytes) else { return nil }
                result.append(number)
            case .close: if case .end = tokens.next() { return result } else { return nil }
            default: return nil
            }
        }
    }

    @Test func arraysOfIntegers() {
        var generator = SeededGenerator(seed: 22)
        var taken = 0
        for _ in 0..<40_000 {
            let numbers = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                Int64(bitPattern: generator.next()) >> Int64.random(in: 0..<64, using: &generator)
            }
            let text = "{" + numbers.map(String.init).joined(separator: ",") + "}"
            let whole = reading(text, integers)
            if !numbers.isEmpty, numbers.allSatisfy({ $0.magnitude < 1_000_000_000_000_000_000 }) {
                #expect(whole == numbers, "\(text)")
            }
            Self.damaged(text, &generator).withUnsafeBytes { bytes in
                guard let fast = integers(bytes) else { return }
                taken += 1
                #expect(fast == integersByToken(bytes), "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
        #expect(taken > 5_000)
        for text in [
            "", "{", "}", "{}", "{-}", "{1,}", "{,1}", "{1,,2}", "{1}2", "{1 }", "{NULL}", "{{1}}", "{1", "{12345678",
        ] {
            #expect(reading(text, integers) == nil, "\(text)")
        }
        #expect(reading("{999999999999999999,-999999999999999999}", integers)?.count == 2)
        #expect(reading("{1000000000000000000}", integers) == nil)
    }

    /// Numbers of every length, with a point at every place, at the end of the readable memory.
    @Test func digitsAtTheEndOfMemory() {
        for length in 1...24 {
            let digits = (0..<length).map { String(($0 * 7 + 3) % 10) }.joined()
            for point in 0...length {
                let text = digits.prefix(point) + "." + digits.dropFirst(point)
                // An allocation of exactly this size, so that sanitizers find a read beyond it.
                let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
                defer { memory.deallocate() }
                memory.copyBytes(from: text.utf8)
                let bytes = UnsafeRawBufferPointer(memory)
                #expect(FloatText.parse(bytes) == Double("0" + text + "0"), "\(text)")
                #expect(
                    NumericText.parseWord(bytes)?.lowest == (length <= 19 ? UInt64(digits) : nil), "\(text)")
            }
        }
    }
}
