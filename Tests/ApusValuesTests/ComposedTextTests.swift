import Testing

@testable import ApusValues

@Suite("Composed and opaque values as text")
struct ComposedTextTests {
    /// The tokens of an array as text.
    func array(_ text: String, delimiter: Character = ",") -> [String] {
        reading(text) { bytes in
            var tokenizer = ArrayText.Tokenizer(bytes, delimiter: delimiter.asciiValue ?? 0)
            var spelled: [String] = []
            while true {
                switch tokenizer.next() {
                case .open: spelled.append("{")
                case .close: spelled.append("}")
                case .null: spelled.append("NULL")
                case .element(let slice):
                    #expect(slice.unescapedCount == slice.unescaped().count)
                    spelled.append("=" + String(decoding: slice.unescaped(), as: UTF8.self))
                case .end: return spelled
                case .malformed:
                    guard case .malformed = tokenizer.next() else { return ["changed its mind"] }
                    return spelled + ["!"]
                }
            }
        }
    }

    @Test func arrays() {
        #expect(array("{}") == ["{", "}"])
        #expect(array("{1,-2,NULL}") == ["{", "=1", "=-2", "NULL", "}"])
        #expect(array(#"{"NULL",null,"a,b","c\"\\d",""}"#) == ["{", "=NULL", "NULL", "=a,b", #"=c"\d"#, "=", "}"])
        #expect(array("{{1,2},{3,4}}") == ["{", "{", "=1", "=2", "}", "{", "=3", "=4", "}", "}"])
        #expect(array("[0:1][-2:-1]={{1,2},{3,4}}").count == 10)
        #expect(array("{(1,1),(0,0);(3,3),(2,2)}", delimiter: ";") == ["{", "=(1,1),(0,0)", "=(3,3),(2,2)", "}"])
        #expect(array(#" { a b , "x" ,y\ }"#) == ["{", "=a b", "=x", "=y ", "}"])
        #expect(array(#"{\NULL}"#) == ["{", "=NULL", "}"])
        #expect(array("{é,\u{1F426}}") == ["{", "=é", "=\u{1F426}", "}"])
    }

    @Test(arguments: [
        "", "{", "}", "1", "{1", "{1,", "{1,}", "{,1}", "{1}}", "{1}{2}", "{\"a}", "{\"a\"b}", "{a\"b\"}", "{a{b}}",
        "[1:2]", "[1:2]=", "[1:x]={1}", "[={1}", "{a\\", "{1,{2}x}", "{1} x", "{{1}{2}}",
    ])
    func noArray(_ text: String) {
        #expect(array(text).last == "!")
    }

    @Test func arrayDepthIsBounded() {
        #expect(array(String(repeating: "{", count: 1000)).count == ArrayText.maximumDepth + 1)
    }

    @Test func arrayDimensions() {
        reading("[0:1][-2147483648:2147483647]={{1,2},{3,4}}") { bytes in
            var tokenizer = ArrayText.Tokenizer(bytes)
            _ = tokenizer.next()
            var dimensions = ArrayText.Dimensions(tokenizer.dimensions)
            let first = dimensions.next()
            let second = dimensions.next()
            #expect(first?.lower == 0 && first?.upper == 1)
            #expect(second?.lower == .min && second?.upper == .max)
            #expect(dimensions.next() == nil && dimensions.isAtEnd)
        }
    }

    func record(_ text: String) -> [String] {
        reading(text) { bytes in
            var tokenizer = RecordText.Tokenizer(bytes)
            var spelled: [String] = []
            while true {
                switch tokenizer.next() {
                case .null: spelled.append("NULL")
                case .field(let slice):
                    #expect(slice.unescapedCount == slice.unescaped().count)
                    spelled.append("=" + String(decoding: slice.unescaped(), as: UTF8.self))
                case .end: return spelled
                case .malformed: return spelled + ["!"]
                }
            }
        }
    }

    @Test func records() {
        #expect(record("()") == ["NULL"])
        #expect(record("(,)") == ["NULL", "NULL"])
        #expect(record(#"(1,"a ""b"" \\c",,"")"#) == ["=1", #"=a "b" \c"#, "NULL", "="])
        #expect(record(#"(a"b,"c\),"(1,""x"")")"#) == ["=ab,c)", #"=(1,"x")"#])
        for text in ["", "(", "1", "(1", "(\"1)", "(1))", "(1) ", "(a\\"] {
            #expect(record(text).last == "!", "\(text)")
        }
    }

    func bound(_ slice: TextSlice?) -> String? { slice.map { String(decoding: $0.unescaped(), as: UTF8.self) } }

    @Test func ranges() {
        reading("[1,5)") { bytes in
            let range = RangeText.parse(bytes)
            #expect(range?.lowerIsInclusive == true && range?.upperIsInclusive == false && range?.isEmpty == false)
            #expect(bound(range?.lower) == "1" && bound(range?.upper) == "5")
        }
        reading(#"(,"a""b]"]"#) { bytes in
            let range = RangeText.parse(bytes)
            #expect(range != nil && range?.lower == nil && bound(range?.upper) == #"a"b]"#)
            #expect(range?.upperIsInclusive == true)
        }
        #expect(reading("empty") { RangeText.parse($0)?.isEmpty } == true)
        for text in ["", "[", "[1", "[1,", "[1,2", "[1,2]x", "1,2", "[1,2,3]", "[\"1,2]", "[1]", "emptyy"] {
            #expect(reading(text) { RangeText.parse($0) == nil }, "\(text)")
        }
    }

    func multirange(_ text: String) -> [String] {
        reading(text) { bytes in
            var tokenizer = MultirangeText.Tokenizer(bytes)
            var spelled: [String] = []
            while true {
                switch tokenizer.next() {
                case .range(let range):
                    spelled.append("\(bound(range.lower) ?? "-")…\(bound(range.upper) ?? "-")")
                case .end: return spelled
                case .malformed: return spelled + ["!"]
                }
            }
        }
    }

    @Test func multiranges() {
        #expect(multirange("{}") == [])
        #expect(multirange("{[1,3),[5,7)}") == ["1…3", "5…7"])
        #expect(multirange("{(,3),[5,)}") == ["-…3", "5…-"])
        for text in ["", "{", "{[1,2)", "{[1,2),}", "{[1,2)[3,4)}", "{}x", "[1,2)"] {
            #expect(multirange(text).last == "!", "\(text)")
        }
    }

    func bytea(_ text: String) -> [UInt8]? {
        reading(text) { bytes in
            guard let count = ByteaText.decodedCount(bytes) else { return nil }
            var isRight = false
            let value = [UInt8](unsafeUninitializedCapacity: count + 1) { buffer, used in
                guard let base = buffer.baseAddress else { return }
                isRight = ByteaText.decode(bytes, to: UnsafeMutableRawPointer(base))
                used = isRight ? count : 0
            }
            return isRight ? value : nil
        }
    }

    @Test func byteas() {
        #expect(bytea("") == [])
        #expect(bytea(#"\x"#) == [])
        #expect(bytea(#"\x00FFab"#) == [0, 0xFF, 0xAB])
        #expect(bytea(#"a\\b\000\377"#) == [0x61, 0x5C, 0x62, 0, 0xFF])
        for text in [#"\x0"#, #"\xg0"#, #"\"#, #"a\1"#, #"\400"#, #"\08a"#, #"\x00112233445566778g"#, #"\x0 0 "#] {
            #expect(bytea(text) == nil, "\(text)")
        }
        var generator = SeededGenerator(seed: 4)
        for count in 0..<200 {
            let value = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = writing { writer in value.withUnsafeBytes { ByteaText.write($0, to: &writer) } }
            #expect(bytea(text) == value)
            #expect(bytea(#"\x"# + text.dropFirst(2).uppercased()) == value)
        }
        // Every byte that is no digit is found, at every place of the wide loop.
        for place in 0..<40 {
            for byte in UInt8(0)..<128 where Hex.value(byte) == nil {
                var text = Array((#"\x"# + String(repeating: "a", count: 40)).utf8)
                text[place + 2] = byte
                #expect(bytea(String(decoding: text, as: UTF8.self)) == nil)
            }
        }
    }

    @Test func uuids() {
        let value = PGUUID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        let text = "01234567-89ab-cdef-fedc-ba9876543210"
        #expect(reading(text, UUIDText.parse) == value)
        #expect(reading("{0123456789ABCDEFfedc-ba98-7654-3210}", UUIDText.parse) == value)
        #expect(writing { UUIDText.write(value, to: &$0) } == text)
        for wrong in ["", text + "0", String(text.dropLast()), "{" + text, "g" + text.dropFirst(), "-" + text] {
            #expect(reading(wrong, UUIDText.parse) == nil)
        }
    }

    @Test func asciiOrNot() {
        for count in 0..<40 {
            var bytes = [UInt8](repeating: 0x7F, count: count)
            #expect(bytes.withUnsafeBytes(TextBytes.isASCII))
            for place in 0..<count {
                bytes[place] = 0x80
                #expect(!bytes.withUnsafeBytes(TextBytes.isASCII))
                bytes[place] = 0x41
            }
        }
    }
}
