/// `numeric`: the count of digits of base 10,000, the weight of the first, the sign, the scale, the digits; 16 bits
/// each.
extension PGNumeric: BinaryValue {
    private enum Sign {
        static let positive: UInt16 = 0x0000
        static let negative: UInt16 = 0x4000
        static let nan: UInt16 = 0xC000
        static let infinity: UInt16 = 0xD000
        static let negativeInfinity: UInt16 = 0xF000
    }

    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        var reader = BinaryReader(bytes, "numeric")
        let count = try Int(reader.read(UInt16.self))
        let weight = try reader.read(Int16.self)
        let sign = try reader.read(UInt16.self)
        let scale = try Int(reader.read(UInt16.self))
        guard reader.remaining == count * 2 else { throw reader.error(.wrongLength) }
        switch sign {
        case Sign.nan: self = .nan
        case Sign.infinity: self = .infinity
        case Sign.negativeInfinity: self = .negativeInfinity
        case Sign.positive, Sign.negative:
            let digits = reader.readRest()
            let allDigits = [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
                for index in 0..<count {
                    let digit = digits.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
                    buffer.initializeElement(at: index, to: UInt16(bigEndian: digit))
                }
                initialized = count
            }
            guard
                let value = PGNumeric(
                    isNegative: sign == Sign.negative, weight: Int(weight), scale: scale, allDigits: allDigits)
            else { throw reader.error(.malformed) }
            self = value
        default: throw reader.error(.malformed)
        }
    }

    public func writeBinary(to writer: inout ByteWriter) {
        let sign =
            switch kind {
            case .finite: isNegative ? Sign.negative : Sign.positive
            case .nan: Sign.nan
            case .infinity: Sign.infinity
            case .negativeInfinity: Sign.negativeInfinity
            }
        writer.append(bigEndian: UInt16(truncatingIfNeeded: digits.count))
        writer.append(bigEndian: weight)
        writer.append(bigEndian: sign)
        writer.append(bigEndian: scale)
        for digit in digits { writer.append(bigEndian: digit) }
    }
}
