import ApusSessions
import Testing

@Suite("The text that an exchange sends, and who owns it")
struct StatementTests {
    /// Owns bytes, and counts how often they are released.
    private final class Owner {
        let bytes = Array("SELECT 1\0".utf8)
        var releases = 0
    }

    /// A statement with the bytes of an owner; the closure captures nothing.
    private static func statement(of owner: Owner, _ bytes: UnsafeRawBufferPointer) -> Statement {
        Statement(bytes, ownedBy: Unmanaged.passUnretained(owner).toOpaque()) { pointer in
            Unmanaged<Owner>.fromOpaque(pointer).takeUnretainedValue().releases += 1
        }
    }

    private static func use(_ statement: borrowing Statement) -> Int { statement.bytes.count }

    private static func end(_ statement: consuming Statement) {}

    @Test("Bytes of another language are used in place, and released once, with the statement")
    func owned() {
        let owner = Owner()
        owner.bytes.withUnsafeBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            let statement = Self.statement(of: owner, text)
            let start = statement.bytes.baseAddress
            #expect(start == bytes.baseAddress)
            let count = Self.use(statement)
            #expect(count == 8)
            #expect(owner.releases == 0)
            Self.end(statement)
            #expect(owner.releases == 1)
        }
        #expect(owner.releases == 1)
    }

    @Test("A statement moves into an exchange, and is released with it")
    func ownedByAnExchange() {
        let owner = Owner()
        owner.bytes.withUnsafeBytes { bytes in
            let text = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            var exchange: Exchange? = Exchange(Self.statement(of: owner, text), ending: .commit)
            #expect(exchange?.ending == .commit)
            #expect(owner.releases == 0)
            exchange = nil
            #expect(owner.releases == 1)
        }
    }

    @Test("A statement that is replaced is released, the new one is not")
    func replaced() {
        let (first, second) = (Owner(), Owner())
        first.bytes.withUnsafeBytes { firstBytes in
            second.bytes.withUnsafeBytes { secondBytes in
                var statement = Self.statement(of: first, firstBytes)
                let count = Self.use(statement)
                #expect(count == 9)
                statement = Self.statement(of: second, secondBytes)
                #expect((first.releases, second.releases) == (1, 0))
                Self.end(statement)
                #expect((first.releases, second.releases) == (1, 1))
            }
        }
    }

    /// The text of a statement, and the byte behind it.
    private static func read(_ statement: borrowing Statement) -> (text: [UInt8], next: UInt8?) {
        let bytes = statement.bytes
        return (Array(bytes), bytes.baseAddress?.load(fromByteOffset: bytes.count, as: UInt8.self))
    }

    /// A copy whose source is gone.
    private static func copy(_ text: String) -> Statement {
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        source.copyBytes(from: text.utf8)
        let statement = Statement(copying: UnsafeRawBufferPointer(source))
        for index in source.indices { source[index] = 0xFF }
        source.deallocate()
        return statement
    }

    @Test("A copy is independent of its source, and a zero byte follows it", arguments: ["", "a", "é\0ü", "SELECT 1"])
    func copied(_ text: String) {
        let found = Self.read(Self.copy(text))
        #expect(found.text == Array(text.utf8))
        #expect(found.next == 0)
    }

    @Test("A copy of nothing has an address all the same, because libpq needs one")
    func copiedNothing() {
        let found = Self.read(Statement(copying: UnsafeRawBufferPointer(start: nil, count: 0)))
        #expect(found.text == [])
        #expect(found.next == 0)
    }

    @Test("A literal is used in place, and a zero byte follows it")
    func literal() {
        let text: StaticString = "ROLLBACK; -- é"
        let statement = Statement(text)
        let start = statement.bytes.baseAddress
        #expect(start == UnsafeRawPointer(text.utf8Start))
        let found = Self.read(statement)
        #expect(found.text == Array("ROLLBACK; -- é".utf8))
        #expect(found.next == 0)
    }
}
