/// The text form of composites: `(1,"a ""b"" c",)`.
public enum RecordText {
    @frozen
    public enum Token {
        /// Nothing at all between two commas.
        case null
        case field(TextSlice)
        /// The whole composite has been read.
        case end
        /// The rest is no composite; every further call answers the same.
        case malformed
    }

    /// Splits a composite's text into its fields without allocating. `()` is one NULL, although the server writes a
    /// composite without any column in the same way.
    public struct Tokenizer {
        enum Expectation: UInt8 { case start, field, end, malformed }

        var position: UnsafePointer<UInt8>
        let limit: UnsafePointer<UInt8>
        var expectation: Expectation

        /// - Parameter bytes: the composite's text; must outlive the tokenizer and its slices.
        public init(_ bytes: UnsafeRawBufferPointer) {
            let cursor = ByteCursor(bytes) ?? .empty
            position = cursor.position
            limit = cursor.end
            expectation = cursor.isAtEnd ? .malformed : .start
        }

        public mutating func next() -> Token {
            switch expectation {
            case .start:
                guard position.pointee == UInt8(ascii: "(") else { return fail() }
                position += 1
                expectation = .field
            case .field: break
            case .end: return position == limit ? .end : fail()
            case .malformed: return .malformed
            }
            let start = position
            guard let slice = TextSlice.record(&position, limit, until: UInt8(ascii: ")")), position < limit else {
                return fail()
            }
            if position.pointee == UInt8(ascii: ")") { expectation = .end }
            let isNull = position == start
            position += 1
            return isNull ? .null : .field(slice)
        }

        private mutating func fail() -> Token {
            expectation = .malformed
            return .malformed
        }
    }
}

extension TextSlice {
    /// A field of a composite or a bound of a range: everything up to a comma or closing character that is neither
    /// quoted nor escaped. `nil` if a quote or an escape is not finished.
    static func record(
        _ position: inout UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>, until closing: UInt8,
        or otherClosing: UInt8? = nil
    ) -> TextSlice? {
        let start = position
        var isQuoted = false
        var quotes = 0
        var hasEscapes = false
        while position < limit {
            let byte = position.pointee
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
                quotes &+= 1
            } else if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position += 1
                guard position < limit else { return nil }
            } else if !isQuoted, byte == UInt8(ascii: ",") || byte == closing || byte == otherClosing {
                break
            }
            position += 1
        }
        guard !isQuoted else { return nil }
        if quotes == 0, !hasEscapes { return TextSlice(start, position, .none) }
        // The usual case of a field quoted as a whole, with nothing to undo inside.
        if quotes == 2, !hasEscapes, start.pointee == UInt8(ascii: "\""), position[-1] == UInt8(ascii: "\"") {
            return TextSlice(start + 1, position - 1, .none)
        }
        return TextSlice(start, position, .record)
    }
}
