extension PGNumeric {
    /// Parses a decimal number, with or without an exponent, and keeps its scale: `1.50` has two places.
    /// - Returns: `nil` for anything that is none, and for more digits than PostgreSQL holds (131,072 before the point,
    ///   16,383 after it).
    public init?(text bytes: UnsafeRawBufferPointer) {
        guard var cursor = ByteCursor(bytes) else { return nil }
        let isNegative = cursor.skip(UInt8(ascii: "-"))
        if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
        let start = cursor.position
        while cursor.nextIsDigit { cursor.advance() }
        let integerDigits = cursor.position - start
        var fractionDigits = 0
        if cursor.skip(UInt8(ascii: ".")) {
            let fraction = cursor.position
            while cursor.nextIsDigit { cursor.advance() }
            fractionDigits = cursor.position - fraction
        }
        guard integerDigits + fractionDigits > 0 else {
            self.init(special: bytes)
            return
        }
        let number = UnsafeBufferPointer(start: start, count: cursor.position - start)
        var exponent = 0
        if cursor.skip(word: "e") {
            let isNegative = cursor.skip(UInt8(ascii: "-"))
            if !isNegative { _ = cursor.skip(UInt8(ascii: "+")) }
            guard let value = cursor.digits(), value.value <= 1_000_000 else { return nil }
            exponent = isNegative ? -Int(value.value) : Int(value.value)
        }
        guard cursor.isAtEnd else { return nil }
        self.init(
            isNegative: isNegative, number: number, integerDigits: integerDigits, exponent: exponent,
            scale: max(0, fractionDigits - exponent))
    }

    /// - Parameter number: digits, with at most one point among them.
    private init?(
        isNegative: Bool, number: UnsafeBufferPointer<UInt8>, integerDigits: Int, exponent: Int, scale: Int
    ) {
        // Where the point stands, counted in decimal digits from the first that is not zero.
        var leadingZeros = 0
        for byte in number where byte != UInt8(ascii: ".") {
            guard byte == UInt8(ascii: "0") else { break }
            leadingZeros += 1
        }
        let point = integerDigits - leadingZeros + exponent
        let weight = Int(DaysOfCalendar.floorDivide(Int64(point - 1), 4))
        // The first group begins with zeros so that the point falls between two groups.
        var placesInGroup = (weight + 1) * 4 - point
        var digits: [UInt16] = []
        digits.reserveCapacity(number.count / 4 + 2)
        var group: UInt16 = 0
        var skipped = 0
        for byte in number where byte != UInt8(ascii: ".") {
            guard skipped == leadingZeros else {
                skipped += 1
                continue
            }
            group = group * 10 + UInt16(byte &- 0x30)
            placesInGroup += 1
            if placesInGroup == 4 {
                digits.append(group)
                group = 0
                placesInGroup = 0
            }
        }
        if placesInGroup > 0 {
            for _ in placesInGroup..<4 { group *= 10 }
            digits.append(group)
        }
        self.init(isNegative: isNegative, weight: weight, scale: scale, allDigits: digits)
    }

    private init?(special bytes: UnsafeRawBufferPointer) {
        guard let shape = NumericText.special(bytes) else { return nil }
        switch shape.kind {
        case .nan: self = .nan
        case .infinity: self = shape.isNegative ? .negativeInfinity : .infinity
        case .finite: return nil
        }
    }

    /// Writes the number as the server does: without an exponent, with `scale` places after the point.
    public func writeText(to writer: inout ByteWriter) {
        switch kind {
        case .nan: return writer.append("NaN")
        case .infinity: return writer.append("Infinity")
        case .negativeInfinity: return writer.append("-Infinity")
        case .finite: break
        }
        if isNegative { writer.append(UInt8(ascii: "-")) }
        if weight < 0 || digits.isEmpty {
            writer.append(UInt8(ascii: "0"))
        } else {
            for place in 0...Int(weight) {
                IntegerText.writeDigits(UInt64(digit(place)), minimumWidth: place == 0 ? 1 : 4, to: &writer)
            }
        }
        guard scale > 0 else { return }
        writer.append(UInt8(ascii: "."))
        var left = Int(scale)
        var place = digits.isEmpty ? 0 : Int(weight) + 1
        while left > 0 {
            IntegerText.writeDigits(UInt64(digit(place)), minimumWidth: 4, to: &writer)
            if left < 4 { writer.truncate(to: writer.count - 4 + left) }
            left -= 4
            place += 1
        }
    }

    /// The digit at a place that may lie outside of those kept.
    private func digit(_ place: Int) -> UInt16 {
        place >= 0 && place < digits.count ? digits[place] : 0
    }
}

extension PGNumeric: LosslessStringConvertible {
    public init?(_ description: String) {
        var description = description
        guard let value = description.withUTF8({ PGNumeric(text: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }

    /// The number as the server writes it.
    public var description: String {
        var writer = ByteWriter()
        writeText(to: &writer)
        return writer.string()
    }
}

extension PGNumeric {
    /// The nearest `Double`.
    public var double: Double {
        switch kind {
        case .nan: return .nan
        case .infinity: return .infinity
        case .negativeInfinity: return -.infinity
        case .finite:
            var writer = ByteWriter()
            writeText(to: &writer)
            return writer.withUnsafeBytes { FloatText.parse($0) } ?? .nan
        }
    }
}
