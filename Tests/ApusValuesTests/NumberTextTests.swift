import Testing

@testable import ApusValues

@Suite("Numbers as text")
struct NumberTextTests {
    func integer(_ text: String) -> Int64? { reading(text, IntegerText.parse) }
    func double(_ text: String) -> Double? { reading(text, FloatText.parse) }

    @Test func integersAtTheirBounds() {
        #expect(integer("0") == 0)
        #expect(integer("-1") == -1)
        #expect(integer("+17") == 17)
        #expect(integer("999999999999999999") == 999_999_999_999_999_999)
        #expect(integer("9223372036854775807") == .max)
        #expect(integer("-9223372036854775808") == .min)
        #expect(integer("00000000000000000000000000012") == 12)
        #expect(reading("-32768") { IntegerText.parse($0, as: Int16.self) } == .min)
        #expect(reading("4294967295") { IntegerText.parse($0, as: UInt32.self) } == .max)
    }

    @Test(arguments: [
        "", "-", "+", "--1", "1-", "1.0", " 1", "1 ", "a", "0x1", "9223372036854775808", "-9223372036854775809",
        "99999999999999999999999", "12345678901234567890x", "1_000",
    ])
    func noInteger(_ text: String) {
        #expect(integer(text) == nil)
    }

    @Test func integersSurviveTheRoundTrip() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let value = Int64(bitPattern: generator.next()) >> Int64.random(in: 0..<64, using: &generator)
            let text = writing { IntegerText.write(value, to: &$0) }
            #expect(text == String(value))
            #expect(integer(text) == value)
        }
        #expect(writing { IntegerText.write(Int64.min, to: &$0) } == "-9223372036854775808")
        #expect(writing { IntegerText.write(UInt64.max, to: &$0) } == "18446744073709551615")
        #expect(writing { IntegerText.write(Int8.min, to: &$0) } == "-128")
    }

    @Test func floatsThatAreHardToRound() {
        #expect(double("0") == 0)
        #expect(double("-0")?.sign == .minus)
        #expect(double("0.1") == 0.1)
        #expect(double("1e23") == 1e23)
        #expect(double("9007199254740993") == 9_007_199_254_740_992)
        #expect(double("9007199254740993.0000000000000000000000000001") == 9_007_199_254_740_994)
        #expect(double("4.9406564584124654e-324") == Double.leastNonzeroMagnitude)
        #expect(double("2.4703282292062327e-324") == 0)
        #expect(double("2.4703282292062328e-324") == Double.leastNonzeroMagnitude)
        #expect(double("2.2250738585072011e-308") == Double(bitPattern: 0x000F_FFFF_FFFF_FFFF))
        #expect(double("2.2250738585072014e-308") == 0x1p-1022)
        #expect(double("1.7976931348623157e308") == .greatestFiniteMagnitude)
        #expect(double("1.7976931348623159e308") == .infinity)
        #expect(double("1e-400") == 0)
        #expect(double("-1e400") == -.infinity)
        #expect(double("0e99999999999999999999") == 0)
        #expect(double("1e99999999999999999999") == .infinity)
        #expect(double("1e-99999999999999999999") == 0)
        #expect(double("0." + String(repeating: "0", count: 400) + "1e401") == 1)
        #expect(double("1" + String(repeating: "0", count: 400) + "e-400") == 1)
        #expect(double(".5") == 0.5)
        #expect(double("5.") == 5)
    }

    @Test func floatsThatAreNone() {
        #expect(double("NaN")?.isNaN == true)
        #expect(double("Infinity") == .infinity)
        #expect(double("-Infinity") == -.infinity)
        #expect(double("inf") == .infinity)
        for text in ["", ".", "-", "e5", "1e", "1e+", "1.2.3", "1 ", " 1", "0x1p3", "nanx", "-nan", "infinit", "1e5.0"]
        {
            #expect(double(text) == nil, "\(text)")
            #expect(reading(text, FloatText.parseFloat) == nil, "\(text)")
        }
    }

    @Test func floatsAgreeWithTheStandardLibrary() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<100_000 {
            let value = Double(bitPattern: generator.next())
            guard value.isFinite else { continue }
            let text = writing { FloatText.write(value, to: &$0) }
            #expect(double(text)?.bitPattern == value.bitPattern, "\(text)")
            #expect(text.utf8.count <= 24)
            // Any digits at all, up to more than the fast path takes.
            let digits = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                String(Int.random(in: 0...9, using: &generator))
            }
            let point = Int.random(in: 0...digits.count, using: &generator)
            let exponent = Int.random(in: -345...320, using: &generator)
            let decimal = digits[..<point].joined() + "." + digits[point...].joined() + "e\(exponent)"
            #expect(double(decimal)?.bitPattern == Double("0" + decimal)?.bitPattern, "\(decimal)")
            #expect(
                reading(decimal, FloatText.parseFloat)?.bitPattern == Float("0" + decimal)?.bitPattern, "\(decimal)")
        }
    }

    @Test func floatsHalfwayBetweenTwo() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<5_000 {
            // Whole numbers of 54 bits whose last bit is 1 lie exactly between two doubles.
            let odd = generator.next() >> 10 | 1
            let text = String(odd)
            #expect(double(text) == Double(odd), "\(text)")
            let above = text + "." + String(repeating: "0", count: 30) + "1"
            #expect(double(above) == Double(above), "\(above)")
            let float = Float(bitPattern: UInt32.random(in: 0..<0x7F80_0000, using: &generator))
            #expect(reading(writing { FloatText.write(float, to: &$0) }, FloatText.parseFloat) == float)
        }
    }

    @Test func floatsAreWrittenShort() {
        let written: [(Double, String)] = [
            (0, "0"), (-0.0, "-0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (0.0001, "0.0001"), (0.00001, "1e-05"),
            (123456789012345, "123456789012345"), (1e15, "1e+15"), (1234567890123456, "1.234567890123456e+15"),
            (1e22, "1e+22"), (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
            (100, "100"), (120.25, "120.25"), (.nan, "NaN"), (-.infinity, "-Infinity"), (2.5e-8, "2.5e-08"),
        ]
        for (value, text) in written {
            #expect(writing { FloatText.write(value, to: &$0) } == text)
        }
        #expect(writing { FloatText.write(Float(0.1), to: &$0) } == "0.1")
        #expect(writing { FloatText.write(Float(1e6), to: &$0) } == "1e+06")
        #expect(writing { FloatText.write(Float(16777216), to: &$0) } == "1.6777216e+07")
    }

    @Test func numericShapes() {
        let shape = reading("-0123.4500", NumericText.scan)
        #expect(shape == .init(kind: .finite, isNegative: true, integerDigits: 4, fractionDigits: 4))
        #expect(reading("NaN", NumericText.scan)?.kind == .nan)
        #expect(reading("-Infinity", NumericText.scan) == .init(kind: .infinity, isNegative: true))
        for text in ["", "-", ".", "1e5", "1..2", "--1", "1 ", "NaNs"] {
            #expect(reading(text, NumericText.scan) == nil, "\(text)")
        }
    }

    @Test func booleans() {
        #expect(reading("t", BoolText.parse) == true)
        #expect(reading("f", BoolText.parse) == false)
        #expect(reading("true", BoolText.parse) == true)
        #expect(reading("FALSE", BoolText.parse) == false)
        for text in ["", "T", "x", "tru", "truee", "fa", "ff"] { #expect(reading(text, BoolText.parse) == nil) }
    }
}
