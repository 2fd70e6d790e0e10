extension NumericText {
    /// A finite number as ±coefficient · 10^-scale, the coefficient cut into words of 19 digits, lowest first.
    @frozen
    public struct Words: Hashable, Sendable {
        /// The lowest word.
        public var lowest: UInt64
        /// The digits after the point.
        public var scale: Int32
        /// The coefficient's digits without leading zeros; 1 for zero.
        public var digits: UInt8
        /// Minus zero is negative too.
        public var isNegative: Bool

        /// How many words the coefficient has.
        @inlinable @inline(__always)
        public var count: Int { (Int(digits) &+ 18) / 19 }

        @inlinable @inline(__always)
        init(lowest: UInt64, scale: Int, digits: Int, isNegative: Bool) {
            self.lowest = lowest
            self.scale = Int32(truncatingIfNeeded: scale)
            self.digits = UInt8(truncatingIfNeeded: digits)
            self.isNegative = isNegative
        }
    }

    /// The most words that `parse` takes: 76 digits.
    public static var maximumWords: Int { 4 }

    /// Reads a number of at most 19 digits, as nearly all are. Exponents are not accepted, because the server writes
    /// none.
    /// - Returns: `nil` for longer or non-finite numbers, and for anything that is no number.
    public static func parseWord(_ bytes: UnsafeRawBufferPointer) -> Words? {
        guard let scan = Scan(bytes), scan.digits <= 19 else { return nil }
        // Leading zeros.
        let isShort = scan.first == UInt8(ascii: "0") || scan.first == UInt8(ascii: ".")
        return Words(
            lowest: scan.value, scale: scan.scale, digits: isShort ? IntegerText.decimalWidth(scan.value) : scan.digits,
            isNegative: scan.isNegative)
    }

    /// The parts of a number.
    private struct Scan {
        let isNegative: Bool
        /// The first byte after the sign.
        let first: UInt8
        /// All digits, leading zeros included.
        let digits: Int
        let scale: Int
        /// What the digits spell, modulo 2^64.
        let value: UInt64

        /// `nil` if it is not an optional minus and digits with at most one point.
        @inline(__always)
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard var reader = DigitReader(bytes) else { return nil }
            isNegative = reader.skip(UInt8(ascii: "-"))
            first = reader.peek
            let start = reader.position
            reader.takeDigits()
            let whole = reader.position &- start
            var fraction = 0
            if reader.skip(UInt8(ascii: ".")) {
                let point = reader.position
                reader.takeDigits()
                fraction = reader.position &- point
            }
            guard reader.isAtEnd, whole &+ fraction > 0 else { return nil }
            digits = whole &+ fraction
            scale = fraction
            value = reader.value
        }
    }

    /// Reads a number of at most 76 significant digits into `words`, which must have room for four of them; those
    /// beyond the coefficient's are left as they are.
    /// - Returns: `nil` for longer or non-finite numbers, and for anything that is no number.
    public static func parse(_ bytes: UnsafeRawBufferPointer, to words: UnsafeMutablePointer<UInt64>) -> Words? {
        guard let scan = Scan(bytes), scan.scale < 1 &<< 20 else { return nil }
        let start = scan.isNegative ? 1 : 0
        let whole = bytes[start..<(start &+ scan.digits &- scan.scale)].drop { $0 == UInt8(ascii: "0") }
        var fraction = bytes[(bytes.count &- scan.scale)...]
        if whole.isEmpty { fraction = fraction.drop { $0 == UInt8(ascii: "0") } }
        let digits = whole.count &+ fraction.count
        let room = maximumWords * 19
        guard digits <= room else { return nil }
        // The digits without the point, at the end of as many zeros as make whole words.
        return withUnsafeTemporaryAllocation(byteCount: room, alignment: 8) { digitsAlone in
            _ = digitsAlone.initializeMemory(as: UInt8.self, repeating: UInt8(ascii: "0"))
            let wholeEnd = room &- fraction.count
            UnsafeMutableRawBufferPointer(rebasing: digitsAlone[(wholeEnd &- whole.count)..<wholeEnd]).copyBytes(
                from: whole)
            UnsafeMutableRawBufferPointer(rebasing: digitsAlone[wholeEnd...]).copyBytes(from: fraction)
            var result = Words(lowest: 0, scale: scan.scale, digits: max(digits, 1), isNegative: scan.isNegative)
            for index in 0..<result.count {
                let end = room &- index &* 19
                var reader = DigitReader(UnsafeRawBufferPointer(rebasing: digitsAlone[(end &- 19)..<end]))
                reader?.takeDigits()
                words[index] = reader?.value ?? 0
            }
            result.lowest = words[0]
            return result
        }
    }
}
