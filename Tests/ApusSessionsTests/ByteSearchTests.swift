import ApusSessions
import Testing

@Suite("Finding a byte")
struct ByteSearchTests {
    @Test("The first at or after a position, and none behind the end")
    func table() {
        lending("a;b;c") { bytes in
            let semicolon = UInt8(ascii: ";")
            #expect(bytes.position(of: semicolon) == 1)
            #expect(bytes.position(of: semicolon, from: 1) == 1)
            #expect(bytes.position(of: semicolon, from: 2) == 3)
            #expect(bytes.position(of: semicolon, from: 4) == nil)
            #expect(bytes.position(of: semicolon, from: 5) == nil)
            #expect(bytes.position(of: semicolon, from: .max) == nil)
            #expect(bytes.position(of: UInt8(ascii: "d")) == nil)
            let front = UnsafeRawBufferPointer(rebasing: bytes[..<3])
            #expect(front.position(of: semicolon, from: 2) == nil, "the byte behind the end does not count")
        }
        #expect(UnsafeRawBufferPointer(start: nil, count: 0).position(of: 0) == nil)
    }

    @Test("As a loop finds it, for bytes of every value", arguments: 1...50 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values = [0, 1, 127, 128, 255] as [UInt8]
        let bytes = (0..<Int.random(in: 1...40, using: &random)).map { _ in values.randomElement(using: &random) ?? 0 }
        for byte in values {
            for start in 0...bytes.count {
                let expected = bytes.indices.first { $0 >= start && bytes[$0] == byte }
                #expect(
                    bytes.withUnsafeBytes { $0.position(of: byte, from: start) } == expected,
                    "seed \(seed), byte \(byte) from \(start) in \(bytes)")
            }
        }
    }
}
