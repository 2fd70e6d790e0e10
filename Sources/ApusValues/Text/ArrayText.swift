/// The text form of arrays: `{1,2,NULL}`, `{{a,"b c"},{"d\"",e}}`, `[0:1]={1,2}`.
public enum ArrayText {
    /// Arrays with more nested braces are malformed here, so that a reader may recurse safely. PostgreSQL's own limit
    /// is 6.
    public static let maximumDepth = 64

    /// Whether a byte has no special meaning in an element: letters, digits and `!#$%&'()*+,-./:;<=>?@`.
    @inlinable @inline(__always)
    static func isPlain(_ byte: UInt8) -> Bool {
        byte &- 0x21 <= 0x5A &- 0x21 && byte != UInt8(ascii: "\"") || (byte | 0x20) &- 0x61 < 26
    }

    @frozen
    public enum Token {
        /// `{`
        case open
        /// `}`
        case close
        /// An unquoted `NULL`.
        case null
        case element(TextSlice)
        /// The whole array has been read.
        case end
        /// The rest is no array; every further call answers the same.
        case malformed
    }

    /// Splits an array's text into tokens without allocating.
    ///
    /// Braces are guaranteed to balance and never to exceed `maximumDepth`. Whether rows have equal lengths is not
    /// checked. Like the server's own reader, it skips white space around elements and accepts `NULL` in either
    /// case.
    public struct Tokenizer {
        @usableFromInline
        enum Expectation: UInt8 { case start, firstValue, separator, end, malformed }

        @usableFromInline var position: UnsafePointer<UInt8>
        @usableFromInline let limit: UnsafePointer<UInt8>
        @usableFromInline var expectation: Expectation
        @usableFromInline let delimiter: UInt8

        /// How many braces are open.
        public internal(set) var depth = 0

        /// The dimensions before the `=`, such as `[0:1][-2:4]`, once the first `open` has been read; else empty.
        /// Read them with `ArrayText.Dimensions`.
        public private(set) var dimensions = UnsafeRawBufferPointer(start: nil, count: 0)

        /// - Parameters:
        ///   - bytes: the array's text; must outlive the tokenizer and its slices.
        ///   - delimiter: the element type's `typdelim`: a comma for all built-in types but `box`, which has `;`.
        public init(_ bytes: UnsafeRawBufferPointer, delimiter: UInt8 = UInt8(ascii: ",")) {
            self.delimiter = delimiter
            let cursor = ByteCursor(bytes) ?? .empty
            position = cursor.position
            limit = cursor.end
            expectation = cursor.isAtEnd ? .malformed : .start
        }

        @inlinable
        public mutating func next() -> Token {
            skipSpaces()
            // The usual token: one more element of the same row.
            if expectation == .separator, position < limit, position.pointee == delimiter {
                position += 1
                skipSpaces()
                guard position < limit else { return fail() }
                return position.pointee == UInt8(ascii: "{") ? open() : element()
            }
            return nextUnusual()
        }

        @usableFromInline
        mutating func nextUnusual() -> Token {
            guard position < limit else {
                if expectation == .end { return .end }
                return fail()
            }
            let byte = position.pointee
            switch expectation {
            case .start:
                if byte == UInt8(ascii: "["), !skipDimensions() { return fail() }
                return position < limit && position.pointee == UInt8(ascii: "{") ? open() : fail()
            case .firstValue:
                if byte == UInt8(ascii: "}") { return close() }
                return byte == UInt8(ascii: "{") ? open() : element()
            case .separator:
                return byte == UInt8(ascii: "}") ? close() : fail()
            case .end, .malformed:
                return fail()
            }
        }

        @usableFromInline
        mutating func fail() -> Token {
            expectation = .malformed
            return .malformed
        }

        @usableFromInline
        mutating func open() -> Token {
            guard depth < ArrayText.maximumDepth else { return fail() }
            position += 1
            depth &+= 1
            expectation = .firstValue
            return .open
        }

        private mutating func close() -> Token {
            position += 1
            depth &-= 1
            expectation = depth == 0 ? .end : .separator
            return .close
        }

        @inlinable @inline(__always)
        mutating func element() -> Token {
            expectation = .separator
            if position.pointee == UInt8(ascii: "\"") { return quotedElement() }
            // Numbers, dates and booleans consist of these alone.
            let start = position
            var end = start
            while end < limit, ArrayText.isPlain(end.pointee), end.pointee != delimiter { end += 1 }
            guard end < limit, end > start, end.pointee == delimiter || end.pointee == UInt8(ascii: "}") else {
                return unusualElement()
            }
            position = end
            if end - start == 4, Self.isNull(start) { return .null }
            return .element(TextSlice(start, end, .none))
        }

        /// An element without quotes, with anything in it that is allowed there.
        @usableFromInline
        mutating func unusualElement() -> Token {
            let start = position
            var escaping = TextSlice.Escaping.none
            var lastEscaped = start
            while position < limit {
                let byte = position.pointee
                if byte == delimiter || byte == UInt8(ascii: "}") { break }
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "{") { return fail() }
                if byte == UInt8(ascii: "\\") {
                    escaping = .backslash
                    position += 1
                    guard position < limit else { return fail() }
                    lastEscaped = position + 1
                }
                position += 1
            }
            var end = position
            while end > start, end > lastEscaped, Self.isSpace(end[-1]) { end -= 1 }
            guard end > start else { return fail() }
            if end - start == 4, escaping == .none, Self.isNull(start) { return .null }
            return .element(TextSlice(start, end, escaping))
        }

        @usableFromInline
        mutating func quotedElement() -> Token {
            position += 1
            let start = position
            var escaping = TextSlice.Escaping.none
            while position < limit {
                let byte = position.pointee
                if byte == UInt8(ascii: "\"") {
                    let end = position
                    position += 1
                    return .element(TextSlice(start, end, escaping))
                }
                if byte == UInt8(ascii: "\\") {
                    escaping = .backslash
                    position += 1
                    guard position < limit else { break }
                }
                position += 1
            }
            return fail()
        }

        @inlinable @inline(__always)
        mutating func skipSpaces() {
            while position < limit, Self.isSpace(position.pointee) { position += 1 }
        }

        /// Skips `[…]…=` and stores where the dimensions are.
        private mutating func skipDimensions() -> Bool {
            let start = position
            while position < limit, position.pointee != UInt8(ascii: "=") { position += 1 }
            guard position < limit else { return false }
            dimensions = UnsafeRawBufferPointer(start: start, count: position - start)
            position += 1
            skipSpaces()
            var reader = ArrayText.Dimensions(dimensions)
            while reader.next() != nil {}
            return reader.isAtEnd
        }

        @inlinable @inline(__always)
        static func isSpace(_ byte: UInt8) -> Bool {
            byte == 0x20 || (byte >= 0x09 && byte <= 0x0D)
        }

        @usableFromInline
        static func isNull(_ word: UnsafePointer<UInt8>) -> Bool {
            word[0] | 0x20 == UInt8(ascii: "n") && word[1] | 0x20 == UInt8(ascii: "u")
                && word[2] | 0x20 == UInt8(ascii: "l") && word[3] | 0x20 == UInt8(ascii: "l")
        }
    }

    /// Reads `[lower:upper]` pairs.
    public struct Dimensions: IteratorProtocol {
        var cursor: ByteCursor?

        public init(_ bytes: UnsafeRawBufferPointer) {
            cursor = ByteCursor(bytes)
        }

        /// Whether everything has been read; false after `next()` found something that is no dimension.
        public var isAtEnd: Bool { cursor?.isAtEnd ?? true }

        /// The next dimension; `nil` at the end, or if the rest is none.
        public mutating func next() -> (lower: Int32, upper: Int32)? {
            guard var cursor, cursor.skip(UInt8(ascii: "[")), let first = Self.bound(&cursor) else { return nil }
            var dimension = (lower: Int32(1), upper: first)
            if cursor.skip(UInt8(ascii: ":")) {
                guard let upper = Self.bound(&cursor) else { return nil }
                dimension = (first, upper)
            }
            guard cursor.skip(UInt8(ascii: "]")) else { return nil }
            self.cursor = cursor
            return dimension
        }

        private static func bound(_ cursor: inout ByteCursor) -> Int32? {
            let isNegative = cursor.skip(UInt8(ascii: "-"))
            if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
            guard let (value, _) = cursor.digits() else { return nil }
            return Int32(exactly: isNegative ? 0 &- value : value)
        }
    }
}
