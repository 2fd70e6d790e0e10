import Testing

@testable import ApusValues

/// Text and binary of a real server are read as the same value, and the value is written as the server writes it.
@Suite("Agreement with the server")
struct ServerFixtureTests {
    static func fixtures(_ type: String, _ setting: String? = nil) -> [ServerFixture] {
        let found = serverFixtures.filter { $0.type == type && (setting == nil || $0.setting == setting) }
        #expect(!found.isEmpty, "no fixtures of \(type)")
        return found
    }

    /// Reads and writes each fixture of a type both ways.
    func check<Value: BinaryValue & Equatable>(
        _ type: String, _ setting: String? = nil, parse: (UnsafeRawBufferPointer) -> Value?,
        write: ((Value, inout ByteWriter) -> Void)? = nil
    ) throws {
        for fixture in Self.fixtures(type, setting) {
            let binary = bytes(hexadecimal: fixture.binary)
            let fromBinary = try binary.withUnsafeBytes { bytes throws(ValueFormatError) in try Value(binary: bytes) }
            let fromText = reading(fixture.text, parse)
            // NaN is not equal to itself, so texts are compared.
            #expect(fromText == fromBinary || fixture.text == "NaN", "\(type) \(fixture.setting) \(fixture.text)")
            var writer = ByteWriter()
            fromBinary.writeBinary(to: &writer)
            // The scale of an infinite numeric has no meaning, and the server sends any value.
            if !(type == "numeric" && fixture.text.hasSuffix("Infinity")) {
                #expect(writer.bytes() == binary, "\(type) \(fixture.text)")
            }
            if let write {
                #expect(writing { write(fromBinary, &$0) } == fixture.text, "\(type) \(fixture.setting)")
            }
            // One byte less or more is an error, for types of one length.
            if !(Value.self is String.Type), !(Value.self is [UInt8].Type) {
                for wrong in [Array(binary.dropLast()), binary + [0]] {
                    #expect(throws: ValueFormatError.self) { try wrong.withUnsafeBytes { try Value(binary: $0) } }
                }
            }
        }
    }

    @Test func numbers() throws {
        try check("int2", parse: { IntegerText.parse($0, as: Int16.self) }, write: { IntegerText.write($0, to: &$1) })
        try check("int4", parse: { IntegerText.parse($0, as: Int32.self) }, write: { IntegerText.write($0, to: &$1) })
        try check("int8", parse: IntegerText.parse, write: { IntegerText.write($0, to: &$1) })
        try check("oid", parse: { IntegerText.parse($0, as: UInt32.self) }, write: { IntegerText.write($0, to: &$1) })
        try check("float4", parse: FloatText.parseFloat, write: { FloatText.write($0, to: &$1) })
        try check("float8", parse: FloatText.parse, write: { FloatText.write($0, to: &$1) })
        try check("numeric", parse: PGNumeric.init(text:), write: { $0.writeText(to: &$1) })
        try check("bool", parse: BoolText.parse, write: { BoolText.write($0, to: &$1) })
    }

    @Test func numericScalesAreKept() throws {
        for fixture in Self.fixtures("numeric") {
            let value = try #require(PGNumeric(fixture.text))
            #expect(value.description == fixture.text)
            #expect(reading(fixture.text, NumericText.scan) != nil)
        }
    }

    @Test func textAndBytes() throws {
        try check("text", parse: { String(decoding: $0, as: UTF8.self) }, write: { $1.append($0) })
        try check("json", parse: { String(decoding: $0, as: UTF8.self) })
        try check("uuid", parse: UUIDText.parse, write: { UUIDText.write($0, to: &$1) })
        try check(
            "bytea", "hex", parse: decodeBytea,
            write: { value, writer in value.withUnsafeBytes { ByteaText.write($0, to: &writer) } })
        try check("bytea", "escape", parse: decodeBytea)
        for fixture in Self.fixtures("jsonb") {
            let binary = bytes(hexadecimal: fixture.binary)
            let text = try binary.withUnsafeBytes { try String(decoding: JSONBBinary.text($0), as: UTF8.self) }
            #expect(text == fixture.text)
            var writer = ByteWriter()
            Array(text.utf8).withUnsafeBytes { JSONBBinary.write($0, to: &writer) }
            #expect(writer.bytes() == binary)
        }
        #expect(throws: ValueFormatError.self) {
            try [UInt8]([2, 0x31]).withUnsafeBytes { _ = try JSONBBinary.text($0) }
        }
        #expect(throws: ValueFormatError.self) { try [UInt8]([0xFF]).withUnsafeBytes { _ = try String(binary: $0) } }
    }

    func decodeBytea(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let count = ByteaText.decodedCount(bytes) else { return nil }
        var isRight = count == 0
        let value = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            guard let base = buffer.baseAddress, count > 0 else { return }
            isRight = ByteaText.decode(bytes, to: UnsafeMutableRawPointer(base))
            used = isRight ? count : 0
        }
        return isRight ? value : nil
    }

    @Test func datesAndTimes() throws {
        try check("date", parse: { DateText.parse($0).flatMap { PGDate($0) } }, write: { DateText.write($0, to: &$1) })
        try check("time", parse: { TimeText.parse($0).flatMap { PGTime($0) } }, write: { TimeText.write($0, to: &$1) })
        try check(
            "timetz", parse: { TimeText.parse($0).flatMap { PGTimeTZ($0) } }, write: { TimeText.write($0, to: &$1) })
        try check(
            "timestamp", parse: { TimestampText.parse($0).flatMap { PGTimestamp($0) } },
            write: { TimestampText.write($0, to: &$1) })
        try check("timestamptz", parse: { TimestampText.parse($0).flatMap { PGTimestampTZ($0) } })
        try check(
            "timestamptz", "UTC", parse: { TimestampText.parse($0).flatMap { PGTimestampTZ($0) } },
            write: { TimestampText.write($0, to: &$1) })
        // A value that was read is written again, whatever the zone.
        for fixture in Self.fixtures("timestamptz") {
            let fields = try #require(reading(fixture.text, TimestampText.parse))
            #expect(writing { TimestampText.write(fields, to: &$0) } == fixture.text)
        }
    }

    @Test func intervals() throws {
        try check("interval", parse: IntervalText.parse)
        try check(
            "interval", "postgres", parse: IntervalText.parse, write: { IntervalText.writePostgres($0, to: &$1) })
        try check("interval", "iso_8601", parse: IntervalText.parse, write: { IntervalText.writeISO($0, to: &$1) })
    }

    @Test func networks() throws {
        try check("inet", parse: { InetText.parse($0) }, write: { InetText.write($0, to: &$1) })
        try check("cidr", parse: { InetText.parse($0, isCIDR: true) }, write: { InetText.write($0, to: &$1) })
        try check("macaddr", parse: MACAddressText.parse, write: { MACAddressText.write($0, to: &$1) })
        try check("macaddr8", parse: MACAddressText.parse, write: { MACAddressText.write($0, to: &$1) })
    }

    @Test(arguments: ["int4[]", "text[]", "box[]", "float8[]"])
    func arrays(_ type: String) throws {
        for fixture in Self.fixtures(type) {
            let delimiter = UInt8(ascii: type == "box[]" ? ";" : ",")
            let binary = bytes(hexadecimal: fixture.binary)
            try binary.withUnsafeBytes { bytes in
                var reader = try ArrayBinary.Reader(bytes)
                #expect(BuiltInType.with(oid: reader.elementType).map { "\($0.name)[]" } == type)
                var dimensions: [ArrayBinary.Dimension] = []
                for index in 0..<reader.dimensionCount { dimensions.append(reader.dimension(index)) }
                // The same elements, in the same order, in both formats.
                var elements: [[UInt8]?] = []
                elements: while true {
                    switch try reader.next() {
                    case .null: elements.append(nil)
                    case .value(let value): elements.append(Array(value))
                    case .end: break elements
                    }
                }
                #expect(elements.count == reader.elementCount)
                let fromText = textElements(fixture.text, delimiter)
                #expect(fromText.map { $0 == nil } == elements.map { $0 == nil })
                for (text, value) in zip(fromText, elements) {
                    guard let text, let value else { continue }
                    switch type {
                    case "int4[]":
                        let number = try value.withUnsafeBytes { try Int32(binary: $0) }
                        #expect(Int32(text) == number)
                    case "text[]": #expect(Array(text.utf8) == value)
                    default: break
                    }
                }
                // Written again: binary from the elements, text from the tokens.
                var writer = ByteWriter()
                ArrayBinary.writeHeader(
                    elementType: reader.elementType, dimensions: dimensions, hasNulls: elements.contains { $0 == nil },
                    to: &writer)
                for element in elements {
                    guard let element else {
                        writer.appendNull()
                        continue
                    }
                    try writer.appendWithLength { writer throws(ValueFormatError) in element.writeBinary(to: &writer) }
                }
                #expect(writer.bytes() == binary)
                #expect(rewritten(fixture.text, delimiter) == fixture.text)
            }
        }
    }

    func textElements(_ text: String, _ delimiter: UInt8) -> [String?] {
        reading(text) { bytes in
            var tokenizer = ArrayText.Tokenizer(bytes, delimiter: delimiter)
            var elements: [String?] = []
            while true {
                switch tokenizer.next() {
                case .element(let slice): elements.append(String(decoding: slice.unescaped(), as: UTF8.self))
                case .null: elements.append(nil)
                case .open, .close: break
                case .end: return elements
                case .malformed: return ["malformed"]
                }
            }
        }
    }

    /// The array read and written token by token.
    func rewritten(_ text: String, _ delimiter: UInt8) -> String {
        reading(text) { bytes in
            var tokenizer = ArrayText.Tokenizer(bytes, delimiter: delimiter)
            var isFirst = true
            return writing { writer in
                func part(_ writer: inout ByteWriter) {
                    if !isFirst { writer.append(delimiter) }
                    isFirst = false
                }
                while true {
                    switch tokenizer.next() {
                    case .open:
                        if tokenizer.depth == 1 {
                            var dimensions = ArrayText.Dimensions(tokenizer.dimensions)
                            while let (lower, upper) = dimensions.next() {
                                ArrayText.writeDimension(lower: lower, upper: upper, to: &writer)
                            }
                            if !tokenizer.dimensions.isEmpty { writer.append(UInt8(ascii: "=")) }
                        } else {
                            part(&writer)
                        }
                        writer.append(UInt8(ascii: "{"))
                        isFirst = true
                    case .close:
                        writer.append(UInt8(ascii: "}"))
                        isFirst = false
                    case .null:
                        part(&writer)
                        writer.append("NULL")
                    case .element(let slice):
                        part(&writer)
                        slice.unescaped().withUnsafeBytes {
                            ArrayText.writeElement($0, delimiter: delimiter, to: &writer)
                        }
                    case .end, .malformed: return
                    }
                }
            }
        }
    }

    @Test func composites() throws {
        for fixture in Self.fixtures("fixture_pair") {
            let binary = bytes(hexadecimal: fixture.binary)
            var fields: [(OID, [UInt8]?)] = []
            try binary.withUnsafeBytes { bytes in
                var reader = try RecordBinary.Reader(bytes)
                while let field = try reader.next() { fields.append((field.type, field.value.map { Array($0) })) }
                #expect(fields.count == reader.fieldCount)
            }
            #expect(fields.map(\.0) == [.int4, .text])
            let number = try fields[0].1?.withUnsafeBytes { try Int32(binary: $0) }
            let word = fields[1].1
            var binaryWriter = ByteWriter()
            RecordBinary.writeHeader(fieldCount: 2, to: &binaryWriter)
            for (type, value) in fields {
                binaryWriter.append(bigEndian: type.rawValue)
                guard let value else {
                    binaryWriter.appendNull()
                    continue
                }
                try binaryWriter.appendWithLength { writer throws(ValueFormatError) in value.writeBinary(to: &writer) }
            }
            #expect(binaryWriter.bytes() == binary)
            let text = writing { writer in
                writer.append(UInt8(ascii: "("))
                if let number { IntegerText.write(number, to: &writer) }
                writer.append(UInt8(ascii: ","))
                word?.withUnsafeBytes { RecordText.writeField($0, to: &writer) }
                writer.append(UInt8(ascii: ")"))
            }
            #expect(text == fixture.text)
            reading(fixture.text) { bytes in
                var tokenizer = RecordText.Tokenizer(bytes)
                if case .field(let slice) = tokenizer.next() {
                    #expect(
                        reading(String(decoding: slice.bytes, as: UTF8.self), IntegerText.parse)
                            == number.map(Int64.init))
                } else {
                    #expect(number == nil)
                }
                if case .field(let slice) = tokenizer.next() {
                    #expect(slice.unescaped() == word)
                } else {
                    #expect(word == nil)
                }
                guard case .end = tokenizer.next() else {
                    Issue.record("more than two fields in \(fixture.text)")
                    return
                }
            }
        }
    }

    @Test(arguments: ["int4range", "numrange", "tstzrange"])
    func ranges(_ type: String) throws {
        for fixture in Self.fixtures(type) {
            let binary = bytes(hexadecimal: fixture.binary)
            try binary.withUnsafeBytes { bytes in
                let range = try RangeBinary.read(bytes)
                reading(fixture.text) { text in
                    let fields = RangeText.parse(text)
                    #expect(fields?.isEmpty == range.flags.contains(.empty))
                    #expect((fields?.lower == nil) == (range.lower == nil))
                    #expect((fields?.upper == nil) == (range.upper == nil))
                    #expect(fields?.lowerIsInclusive == range.flags.contains(.lowerInclusive))
                    #expect(fields?.upperIsInclusive == range.flags.contains(.upperInclusive))
                    guard let fields, !fields.isEmpty else { return }
                    let rewritten = writing { writer in
                        writer.append(fields.lowerIsInclusive ? UInt8(ascii: "[") : UInt8(ascii: "("))
                        fields.lower?.unescaped().withUnsafeBytes { RangeText.writeBound($0, to: &writer) }
                        writer.append(UInt8(ascii: ","))
                        fields.upper?.unescaped().withUnsafeBytes { RangeText.writeBound($0, to: &writer) }
                        writer.append(fields.upperIsInclusive ? UInt8(ascii: "]") : UInt8(ascii: ")"))
                    }
                    #expect(rewritten == fixture.text)
                }
                var writer = ByteWriter()
                RangeBinary.writeHeader(range.flags, to: &writer)
                for bound in [range.lower, range.upper] {
                    guard let bound else { continue }
                    try writer.appendWithLength { writer throws(ValueFormatError) in writer.append(bound) }
                }
                #expect(writer.bytes() == binary)
            }
        }
    }

    @Test func multiranges() throws {
        for fixture in Self.fixtures("int4multirange") {
            try bytes(hexadecimal: fixture.binary).withUnsafeBytes { bytes in
                var reader = try MultirangeBinary.Reader(bytes)
                try reading(fixture.text) { text in
                    Result {
                        var tokenizer = MultirangeText.Tokenizer(text)
                        while let range = try reader.next() {
                            guard case .range(let fields) = tokenizer.next() else {
                                Issue.record("fewer ranges in \(fixture.text)")
                                return
                            }
                            let lower = try range.lower.map { try Int64(Int32(binary: $0)) }
                            #expect(fields.lower.flatMap { IntegerText.parse($0.bytes) } == lower)
                        }
                        guard case .end = tokenizer.next() else {
                            Issue.record("more ranges in \(fixture.text)")
                            return
                        }
                    }
                }.get()
            }
        }
    }
}
