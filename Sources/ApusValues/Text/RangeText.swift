/// The text form of ranges: `[1,5)`, `(,"2024-01-01 00:00:00"]`, `empty`.
public enum RangeText {
    /// A range whose bounds are still text.
    @frozen
    public struct Fields {
        public var isEmpty: Bool
        public var lowerIsInclusive: Bool
        public var upperIsInclusive: Bool
        /// `nil` if there is no lower bound.
        public var lower: TextSlice?
        /// `nil` if there is no upper bound.
        public var upper: TextSlice?
    }

    /// - Returns: `nil` for anything but one range.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Fields? {
        guard var cursor = ByteCursor(bytes), let range = take(&cursor), cursor.isAtEnd else { return nil }
        return range
    }

    static func take(_ cursor: inout ByteCursor) -> Fields? {
        if cursor.skip(word: "empty") { return Fields(isEmpty: true, lowerIsInclusive: false, upperIsInclusive: false) }
        let lowerIsInclusive = cursor.skip(UInt8(ascii: "["))
        guard lowerIsInclusive || cursor.skip(UInt8(ascii: "(")), let lower = bound(&cursor),
            cursor.skip(UInt8(ascii: ",")), let upper = bound(&cursor)
        else { return nil }
        let upperIsInclusive = cursor.skip(UInt8(ascii: "]"))
        guard upperIsInclusive || cursor.skip(UInt8(ascii: ")")) else { return nil }
        return Fields(
            isEmpty: false, lowerIsInclusive: lowerIsInclusive, upperIsInclusive: upperIsInclusive, lower: lower.slice,
            upper: upper.slice)
    }

    /// The outer `nil` means malformed, the inner one no bound.
    private static func bound(_ cursor: inout ByteCursor) -> (slice: TextSlice?, Void)? {
        let start = cursor.position
        guard
            let slice = TextSlice.record(
                &cursor.position, cursor.end, until: UInt8(ascii: ")"), or: UInt8(ascii: "]"))
        else { return nil }
        return (cursor.position == start ? nil : slice, ())
    }
}

/// The text form of multiranges (PostgreSQL 14 and later): `{[1,3),[5,7)}`, `{}`.
public enum MultirangeText {
    @frozen
    public enum Token {
        case range(RangeText.Fields)
        /// The whole multirange has been read.
        case end
        /// The rest is no multirange; every further call answers the same.
        case malformed
    }

    /// Splits a multirange's text into its ranges without allocating.
    public struct Tokenizer {
        enum Expectation: UInt8 { case start, rangeOrComma, end, malformed }

        var cursor: ByteCursor?
        var expectation = Expectation.start

        /// - Parameter bytes: the multirange's text; must outlive the tokenizer and its slices.
        public init(_ bytes: UnsafeRawBufferPointer) {
            cursor = ByteCursor(bytes)
        }

        public mutating func next() -> Token {
            guard var cursor, expectation != .malformed else { return fail() }
            defer { self.cursor = cursor }
            switch expectation {
            case .start:
                guard cursor.skip(UInt8(ascii: "{")) else { return fail() }
                if cursor.skip(UInt8(ascii: "}")) {
                    expectation = .end
                    return cursor.isAtEnd ? .end : fail()
                }
            case .rangeOrComma:
                if cursor.skip(UInt8(ascii: "}")) {
                    expectation = .end
                    return cursor.isAtEnd ? .end : fail()
                }
                guard cursor.skip(UInt8(ascii: ",")) else { return fail() }
            case .end: return .end
            case .malformed: return fail()
            }
            expectation = .rangeOrComma
            guard let range = RangeText.take(&cursor) else { return fail() }
            return .range(range)
        }

        private mutating func fail() -> Token {
            expectation = .malformed
            return .malformed
        }
    }
}
