import ApusValues

/// The same statement with many sets of arguments, as one message for the server.
public struct StatementBatch: ~Copyable {
    /// What a message may grow to before it is sent, bytes. More saves few round trips and keeps the server waiting.
    public static let messageSize = 32 << 10

    public private(set) var text = ByteWriter(minimumCapacity: messageSize + 4096)
    /// Where each statement begins.
    public private(set) var starts: [Int] = []
    /// On a line of its own, so that the server shows none of it beside a statement's error, and a comment to the end
    /// of a statement's line ends before it.
    private static let separator: StaticString = "\n;\n"

    public var isEmpty: Bool { starts.isEmpty }
    public var isFull: Bool { text.count >= Self.messageSize }
    public var count: Int { starts.count }

    public init() {}

    /// Adds a statement.
    public mutating func append(_ statement: borrowing ByteWriter) {
        statement.withUnsafeBytes { bytes in
            if !starts.isEmpty { text.append(Self.separator) }
            starts.append(text.count)
            text.append(bytes)
        }
    }

    /// Puts a zero byte behind the text, which libpq wants.
    public mutating func terminate() { text.append(0) }

    public mutating func removeAll() {
        text.removeAll()
        starts.removeAll(keepingCapacity: true)
    }

    /// The number of the statement that a character of the text belongs to, counted from 0, and what stands in front of
    /// that statement.
    /// - Parameter position: counted from 1; what separates two statements belongs to the first.
    public func statement(atCharacter position: Int) -> (number: Int, prefix: StatementPrefix) {
        text.withUnsafeBytes { bytes in
            var found = (number: 0, prefix: StatementPrefix())
            var front = StatementPrefix()
            var next = 1
            for index in bytes.indices {
                if next < starts.count, index == starts[next] {
                    found = (next, front)
                    next += 1
                }
                // Characters of UTF-8.
                if bytes[index] & 0xC0 != 0x80 {
                    front.characters += 1
                    if front.characters >= position { break }
                }
                if bytes[index] == UInt8(ascii: "\n") { front.lines += 1 }
            }
            return found
        }
    }

    /// How many characters a statement has.
    public func characters(of index: Int) -> Int {
        text.withUnsafeBytes { bytes in bytes[range(of: index)].count { $0 & 0xC0 != 0x80 } }
    }

    /// Where a statement is; once the text is terminated.
    private func range(of index: Int) -> Range<Int> {
        let end = index + 1 < starts.count ? starts[index + 1] - Self.separator.utf8CodeUnitCount : text.count - 1
        return starts[index]..<end
    }

    /// The text of a statement; once the text is terminated.
    public func withStatement<Result: ~Copyable, Failure: Error>(
        _ index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try text.withUnsafeBytes { (bytes) throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: bytes[range(of: index)]))
        }
    }
}
