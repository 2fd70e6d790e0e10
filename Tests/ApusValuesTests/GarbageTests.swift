import Testing

@testable import ApusValues

/// No bytes make a reader trap, and only ASCII is read as a number or a time.
@Suite("Garbage")
struct GarbageTests {
    /// Valid texts, which the tests damage.
    static let seeds = [
        "12345678901234567", "-0.8444218515250481e-5", "2024-01-02 03:04:05.123456+00", "0044-03-15 BC",
        "04:05:06.789-15:59:59", "1 year 2 mons -3 days +04:05:06.789", "@ 1 hour 6.789 secs ago", "+1-2 -3 +4:05:06",
        "P1Y2M-3DT4H5M6.789S", #"{{1,NULL},{"a\"b",c}}"#, #"(1,"a ""b""",)"#, #"{[1,"3"),(,5]}"#,
        #"\x0123456789abcdef00"#,
        #"a\\b\000"#, "01234567-89ab-cdef-fedc-ba9876543210", "-Infinity", "NaN", "192.168.0.1/24",
        "::ffff:1.2.3.4/128",
        "08:00:2b:01:02:03",
    ]

    func parseEverything(_ bytes: UnsafeRawBufferPointer) {
        _ = IntegerText.parse(bytes)
        _ = FloatText.parse(bytes)
        _ = FloatText.parseFloat(bytes)
        _ = NumericText.scan(bytes)
        _ = NumericText.parseWord(bytes)
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: NumericText.maximumWords) { words in
            if let start = words.baseAddress { _ = NumericText.parse(bytes, to: start) }
        }
        _ = BoolText.parse(bytes)
        _ = DateText.parse(bytes).flatMap { PGDate($0) }
        _ = TimeText.parse(bytes).flatMap { PGTimeTZ($0) }
        _ = TimestampText.parse(bytes).flatMap { PGTimestampTZ($0) }
        _ = TimestampText.parse(bytes).flatMap { PGTimestamp($0) }
        _ = IntervalText.parse(bytes)
        _ = UUIDText.parse(bytes)
        if let count = ByteaText.decodedCount(bytes) {
            var decoded = [UInt8](repeating: 0, count: count)
            decoded.withUnsafeMutableBytes { buffer in
                if let base = buffer.baseAddress { _ = ByteaText.decode(bytes, to: base) }
            }
        }
        for delimiter in [UInt8(ascii: ","), UInt8(ascii: ";")] {
            var array = ArrayText.Tokenizer(bytes, delimiter: delimiter)
            elements: while true {
                switch array.next() {
                case .element(let slice): _ = slice.unescaped()
                case .end, .malformed: break elements
                default: break
                }
            }
        }
        var record = RecordText.Tokenizer(bytes)
        fields: while true {
            switch record.next() {
            case .field(let slice): _ = slice.unescaped()
            case .null: break
            case .end, .malformed: break fields
            }
        }
        _ = RangeText.parse(bytes)
        var multirange = MultirangeText.Tokenizer(bytes)
        ranges: while true {
            switch multirange.next() {
            case .range: break
            case .end, .malformed: break ranges
            }
        }
    }

    @Test func randomBytes() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...48, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            bytes.withUnsafeBytes(parseEverything)
        }
        parseEverything(UnsafeRawBufferPointer(start: nil, count: 0))
    }

    @Test func damagedTexts() {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<2_000 {
            for seed in Self.seeds {
                var bytes = Array(seed.utf8)
                for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                    case 1: bytes.remove(at: place)
                    case 2: bytes.insert(bytes[place], at: place)
                    default: bytes.removeLast(bytes.count - place)
                    }
                }
                bytes.withUnsafeBytes(parseEverything)
            }
        }
    }

    @Test func oneWrongByteInATime() {
        // Wide loads check eight bytes at once, but each byte has to be checked.
        let right = Array("2024-01-02 03:04:05.123456+00".utf8)
        for place in right.indices {
            for byte in UInt8.min...UInt8.max where byte &- 0x30 > 9 {
                var bytes = right
                bytes[place] = byte
                let parsed = bytes.withUnsafeBytes { TimestampText.parse($0) }
                let isAllowed =
                    byte == right[place] || (place == 10 && byte == UInt8(ascii: "T"))
                    || (place == 26 && byte == UInt8(ascii: "-"))
                    || (20..<26).contains(place) && place > 20
                        && (byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"))
                if !isAllowed { #expect(parsed == nil, "\(place) \(byte)") }
            }
        }
        let number = Array("1234567890123456".utf8)
        for count in 1...number.count {
            for place in 0..<count {
                for byte in UInt8.min...UInt8.max where byte &- 0x30 > 9 {
                    var bytes = Array(number[..<count])
                    bytes[place] = byte
                    guard !(place == 0 && count > 1 && (byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+"))) else {
                        continue
                    }
                    #expect(bytes.withUnsafeBytes { IntegerText.parse($0) } == nil)
                    if byte > 0x7F { #expect(bytes.withUnsafeBytes { FloatText.parse($0) } == nil) }
                }
            }
        }
    }
}
