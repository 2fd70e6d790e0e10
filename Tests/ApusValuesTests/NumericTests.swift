import Testing

@testable import ApusValues

@Suite("Numeric")
struct NumericTests {
    func throughBinary(_ value: PGNumeric) throws -> PGNumeric {
        var writer = ByteWriter()
        value.writeBinary(to: &writer)
        return try writer.withUnsafeBytes { bytes throws(ValueFormatError) in try PGNumeric(binary: bytes) }
    }

    @Test func numbersAsLargeAsTheyGet() throws {
        let largest = String(repeating: "9", count: 131_072) + "." + String(repeating: "7", count: 16_383)
        let value = try #require(PGNumeric(largest))
        #expect(value.weight == .max && value.scale == 16_383)
        #expect(value.description == largest)
        #expect(try throughBinary(value).description == largest)
        let smallest = "-0." + String(repeating: "0", count: 16_382) + "1"
        #expect(try throughBinary(#require(PGNumeric(smallest))).description == smallest)
        #expect(PGNumeric(String(repeating: "9", count: 131_073)) == nil)
        #expect(PGNumeric("0." + String(repeating: "0", count: 16_384)) == nil)
        #expect(PGNumeric("1e131071")?.description.count == 131_072)
        #expect(PGNumeric("1e131072") == nil)
        #expect(PGNumeric("1e-16383")?.scale == 16_383)
        #expect(PGNumeric("1e-16384") == nil)
    }

    @Test func exponents() {
        let written = [
            ("1e3", "1000"), ("1.5e3", "1500"), ("1.5e-3", "0.0015"), ("-12.34e1", "-123.4"), ("0e5", "0"),
            ("0.00e1", "0.0"), ("123456e-3", "123.456"), ("1E+2", "100"), (".5", "0.5"), ("5.", "5"), ("+7", "7"),
            ("-0", "0"), ("-0.00", "0.00"), ("000123", "123"), ("0.0001e4", "1"), ("inf", "Infinity"),
        ]
        for (text, canonical) in written { #expect(PGNumeric(text)?.description == canonical, "\(text)") }
        for text in [
            "", ".", "-", "e1", "1e", "1e+", "1.2.3", "1 ", "0x1", "1e9999999", "1e99999999999999999999", "--1",
        ] {
            #expect(PGNumeric(text) == nil, "\(text)")
        }
    }

    @Test func equalityIsThatOfValues() {
        #expect(PGNumeric("1.0") == PGNumeric("1.000"))
        #expect(PGNumeric("1.0")?.hashValue == PGNumeric("1.000")?.hashValue)
        #expect(PGNumeric("0.0") == .zero)
        #expect(PGNumeric.nan == .nan)
        #expect(PGNumeric("1") != PGNumeric("-1"))
        #expect(PGNumeric("10000") != PGNumeric("1"))
        #expect(PGNumeric.infinity != .negativeInfinity)
    }

    @Test func wholeNumbers() {
        #expect(PGNumeric(Int64.min).description == "-9223372036854775808")
        #expect(PGNumeric(UInt64.max).description == "18446744073709551615")
        #expect(PGNumeric(0).description == "0")
        #expect(PGNumeric(Int64.min).exactly(Int64.self) == .min)
        #expect(PGNumeric(Int64.max).exactly(Int64.self) == .max)
        #expect(PGNumeric("9223372036854775808")?.exactly(Int64.self) == nil)
        #expect(PGNumeric("-9223372036854775809")?.exactly(Int64.self) == nil)
        #expect(PGNumeric("100000000.000")?.exactly(Int32.self) == 100_000_000)
        #expect(PGNumeric("255")?.exactly(UInt8.self) == 255)
        #expect(PGNumeric("256")?.exactly(UInt8.self) == nil)
        #expect(PGNumeric("10000")?.exactly(Int8.self) == nil)
        #expect(PGNumeric("-1")?.exactly(UInt8.self) == nil)
        #expect(PGNumeric("0.5")?.exactly(Int.self) == nil)
        #expect(PGNumeric("10000.5")?.exactly(Int.self) == nil)
        #expect(PGNumeric.nan.exactly(Int.self) == nil)
        #expect(PGNumeric("0.00")?.exactly(Int.self) == 0)
    }

    @Test func doubles() {
        #expect(PGNumeric("0.1")?.double == 0.1)
        #expect(PGNumeric("1e400")?.double == .infinity)
        #expect(PGNumeric("-123456789.987654321")?.double == -123456789.987654321)
        #expect(PGNumeric.nan.double.isNaN)
    }

    @Test func randomNumbersSurvive() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<5_000 {
            func digits(_ count: Int) -> String {
                (0..<count).map { _ in
                    Bool.random(using: &generator) ? "0" : String(Int.random(in: 0...9, using: &generator))
                }
                .joined()
            }
            let fraction = digits(Int.random(in: 0...20, using: &generator))
            let whole = digits(Int.random(in: 1...40, using: &generator))
            let sign = Bool.random(using: &generator) ? "-" : ""
            let value = try #require(PGNumeric(sign + whole + "." + fraction))
            let trimmed = whole.drop { $0 == "0" }
            var expected = (trimmed.isEmpty ? "0" : String(trimmed)) + (fraction.isEmpty ? "" : "." + fraction)
            if sign == "-", expected.contains(where: { $0 != "0" && $0 != "." }) { expected = "-" + expected }
            #expect(value.description == expected)
            let back = try throughBinary(value)
            #expect(back == value && back.scale == value.scale)
            let exponent = Int.random(in: -30...30, using: &generator)
            let scaled = try #require(PGNumeric(sign + whole + "." + fraction + "e\(exponent)"))
            #expect(PGNumeric(scaled.description + "e\(-exponent)") == value)
        }
    }

    @Test func malformedBinary() throws {
        let wrong: [[UInt8]] = [
            [0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10],  // a digit of 10,000
            [0, 1, 0, 0, 0x12, 0x34, 0, 0, 0, 1],  // no such sign
            [0, 2, 0, 0, 0, 0, 0, 0, 0, 1],  // too short
            [0, 1, 0xFF, 0xFF, 0, 0, 0, 2, 0, 1],  // digits beyond the scale
            [0, 1, 0, 0, 0, 0, 0x40, 0, 0, 1],  // too large a scale
            [0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1],  // a weight below the smallest
        ]
        for bytes in wrong {
            #expect(throws: ValueFormatError.self) { try bytes.withUnsafeBytes { try PGNumeric(binary: $0) } }
        }
        // Zeros at both ends are allowed.
        let padded: [UInt8] = [0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0]
        let five = try padded.withUnsafeBytes { try PGNumeric(binary: $0) }
        #expect(five == PGNumeric("5"))
    }
}
