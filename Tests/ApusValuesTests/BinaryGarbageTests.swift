import Testing

@testable import ApusValues

@Suite("Garbage in binary")
struct BinaryGarbageTests {
    func read<Value: BinaryValue>(_ bytes: UnsafeRawBufferPointer, as type: Value.Type) {
        guard let value = try? Value(binary: bytes) else { return }
        var writer = ByteWriter()
        value.writeBinary(to: &writer)
    }

    func readEverything(_ bytes: UnsafeRawBufferPointer) {
        read(bytes, as: Int16.self)
        read(bytes, as: Int64.self)
        read(bytes, as: Double.self)
        read(bytes, as: Bool.self)
        read(bytes, as: String.self)
        read(bytes, as: PGDate.self)
        read(bytes, as: PGTime.self)
        read(bytes, as: PGTimeTZ.self)
        read(bytes, as: PGTimestamp.self)
        read(bytes, as: PGInterval.self)
        read(bytes, as: PGUUID.self)
        read(bytes, as: PGNumeric.self)
        read(bytes, as: PGInet.self)
        read(bytes, as: PGMACAddress.self)
        if let numeric = try? PGNumeric(binary: bytes) {
            _ = numeric.description
            _ = numeric.exactly(Int64.self)
        }
        if let inet = try? PGInet(binary: bytes) { _ = writing { InetText.write(inet, to: &$0) } }
        _ = try? JSONBBinary.text(bytes)
        _ = try? RangeBinary.read(bytes)
        if var reader = try? ArrayBinary.Reader(bytes) {
            #expect(reader.elementCount <= bytes.count / 4)
            _ = reader.dimension(-1)
            elements: while let element = try? reader.next() {
                if case .end = element { break elements }
            }
        }
        if var reader = try? RecordBinary.Reader(bytes) { while let field = try? reader.next() { _ = field.type } }
        if var reader = try? MultirangeBinary.Reader(bytes) { while let range = try? reader.next() { _ = range.flags } }
    }

    @Test func randomAndDamagedBytes() {
        var generator = SeededGenerator(seed: 10)
        readEverything(UnsafeRawBufferPointer(start: nil, count: 0))
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...40, using: &generator)
            // Small bytes make plausible lengths.
            let largest = Bool.random(using: &generator) ? UInt8(8) : 255
            (0..<count).map { _ in UInt8.random(in: 0...largest, using: &generator) }.withUnsafeBytes(readEverything)
        }
        for fixture in serverFixtures {
            let right = bytes(hexadecimal: fixture.binary)
            for _ in 0..<40 where !right.isEmpty {
                var damaged = right
                let place = Int.random(in: 0..<damaged.count, using: &generator)
                if Bool.random(using: &generator) {
                    damaged[place] = UInt8.random(in: 0...255, using: &generator)
                } else {
                    damaged.removeLast(damaged.count - place)
                }
                damaged.withUnsafeBytes(readEverything)
            }
        }
    }

    @Test func errorsNameTheType() {
        #expect(throws: ValueFormatError(.wrongLength, "int4")) {
            try [UInt8]([1, 2, 3]).withUnsafeBytes { try Int32(binary: $0) }
        }
        #expect("\(ValueFormatError(.wrongLength, "int4"))" == "int4: the value has the wrong length")
    }

    @Test func aFailedValueLeavesNothingBehind() throws {
        var writer = ByteWriter()
        writer.append("abc")
        #expect(throws: ValueFormatError.self) {
            try writer.appendWithLength { writer throws(ValueFormatError) in
                writer.append("half")
                throw ValueFormatError(.outOfRange, "test")
            }
        }
        #expect(writer.bytes() == Array("abc".utf8))
        try writer.appendWithLength { writer throws(ValueFormatError) in writer.append("de") }
        #expect(writer.bytes() == Array("abc".utf8) + [0, 0, 0, 2] + Array("de".utf8))
    }
}

@Suite("Built-in types")
struct BuiltInTypeTests {
    @Test func lookUps() {
        #expect(OID.int4.rawValue == 23 && OID.timestamptz.rawValue == 1184 && OID.jsonb.rawValue == 3802)
        #expect(OID.int4Array.rawValue == 1007 && OID.uuidArray.rawValue == 2951)
        for type in BuiltInType.all {
            #expect(BuiltInType.with(oid: type.oid)?.name.description == type.name.description)
            #expect(BuiltInType.named(type.name.description)?.oid == type.oid)
            if type.arrayOID != .invalid { #expect(BuiltInType.withArray(oid: type.arrayOID)?.oid == type.oid) }
        }
        #expect(BuiltInType.with(oid: .box)?.delimiter == UInt8(ascii: ";"))
        #expect(BuiltInType.all.filter { $0.delimiter != UInt8(ascii: ",") }.count == 1)
        #expect(BuiltInType.with(oid: .tstzrange)?.elementOID == .timestamptz)
        #expect(BuiltInType.with(oid: .int4multirange)?.elementOID == .int4range)
        #expect(BuiltInType.with(oid: OID(rawValue: 16_384)) == nil)
        #expect(BuiltInType.withArray(oid: .invalid) == nil)
    }
}
