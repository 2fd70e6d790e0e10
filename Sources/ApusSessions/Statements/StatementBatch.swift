import ApusValues

/// Statements that are sent to the server in one message: the same one, with many sets of arguments.
public struct StatementBatch: ~Copyable {
    /// The size, in bytes, from which a message is sent. Larger messages save few round trips, and the server would be
    /// idle while the driver writes them.
    public static let messageSize = 32 << 10

    /// The statements in UTF-8, with separators.
    public private(set) var text = ByteWriter(minimumCapacity: messageSize + 4096)
    /// The offset in bytes at which each statement begins.
    public private(set) var starts: [Int] = []
    /// The semicolon is on its own line, because the server shows the line of an error, and because the statement may
    /// end with a `--` comment.
    private static let separator: StaticString = "\n;\n"

    /// True if the batch has no statement.
    public var isEmpty: Bool { starts.isEmpty }
    /// True if the text has reached ``messageSize``.
    public var isFull: Bool { text.count >= Self.messageSize }
    /// The number of statements.
    public var count: Int { starts.count }

    /// Creates an empty batch.
    public init() {}

    /// Adds a statement, in UTF-8.
    public mutating func append(_ statement: borrowing ByteWriter) {
        statement.withUnsafeBytes { bytes in
            if !starts.isEmpty { text.append(Self.separator) }
            starts.append(text.count)
            text.append(bytes)
        }
    }

    /// Adds a zero byte after the text, because libpq takes C strings. To be called after the last statement.
    public mutating func terminate() { text.append(0) }

    /// Removes all statements, and keeps the memory for the next ones.
    public mutating func removeAll() {
        text.removeAll()
        starts.removeAll(keepingCapacity: true)
    }

    /// Finds the statement at a position of the text.
    /// - Parameter position: in characters, from 1. A separator belongs to the statement before it.
    /// - Returns: the statement's number, from 0, and the size of the text before it.
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
                // Not a continuation byte: a character begins here.
                if bytes[index] & 0xC0 != 0x80 {
                    front.characters += 1
                    if front.characters >= position { break }
                }
                if bytes[index] == UInt8(ascii: "\n") { front.lines += 1 }
            }
            return found
        }
    }

    /// The length of a statement in characters. The text must be terminated.
    public func characters(of index: Int) -> Int {
        text.withUnsafeBytes { bytes in bytes[range(of: index)].count { $0 & 0xC0 != 0x80 } }
    }

    /// The bytes of a statement. The text must be terminated.
    private func range(of index: Int) -> Range<Int> {
        let end = index + 1 < starts.count ? starts[index + 1] - Self.separator.utf8CodeUnitCount : text.count - 1
        return starts[index]..<end
    }

    /// Calls `body` with the bytes of a statement, and returns its result. The text must be terminated.
    public func withStatement<Result: ~Copyable, Failure: Error>(
        _ index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try text.withUnsafeBytes { (bytes) throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: bytes[range(of: index)]))
        }
    }
}
