import ApusValues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Sent as `numeric`, and read from `numeric` and integers. A `numeric` with more than the 38 digits of a `Decimal` is
/// an error; it is not rounded.
extension Decimal: PostgresArrayElement {
    public static var postgresType: PostgresType { .numeric }
    public static var postgresArrayType: PostgresType { .numericArray }

    public func encode(to writer: inout ByteWriter) throws {
        guard !isNaN else { return NumericDigits.nan.write(to: &writer) }
        try NumericDigits(plain: description).write(to: &writer)
    }

    /// Reads `numeric` and any integer.
    public init(decoding cell: PostgresCell) throws {
        guard cell.type == .numeric else {
            self = Decimal(try Int64(decoding: cell))
            return
        }
        let digits = try NumericDigits(cell.bytes)
        switch digits.sign {
        case NumericDigits.nan.sign: self = .nan
        case NumericDigits.positive, NumericDigits.negative:
            let (text, significant) = digits.text
            guard significant <= 38, let value = Decimal(string: text) else {
                throw ApusError(.decoding, "a numeric of \(significant) digits does not fit Swift's Decimal")
            }
            self = value
        default: throw ApusError(.decoding, "an infinite numeric does not fit Swift's Decimal")
        }
    }
}

/// The binary format of `numeric`, whose digits are to the base of 10,000. Source: `numeric_send` in PostgreSQL's
/// numeric.c.
private struct NumericDigits {
    static let positive: UInt16 = 0x0000
    static let negative: UInt16 = 0x4000
    static let nan = NumericDigits(digits: [], weight: 0, sign: 0xC000, scale: 0)

    /// From 0 to 9,999 each, most significant first.
    var digits: [Int16]
    /// The exponent of the first digit, to the base of 10,000.
    var weight: Int16
    var sign: UInt16
    /// The number of decimal digits after the point.
    var scale: Int16

    init(digits: [Int16], weight: Int16, sign: UInt16, scale: Int16) {
        (self.digits, self.weight, self.sign, self.scale) = (digits, weight, sign, scale)
    }

    init(_ bytes: UnsafeRawBufferPointer) throws {
        var reader = BinaryReader(bytes, "numeric")
        let count = try reader.read(Int16.self)
        weight = try reader.read()
        sign = try reader.read()
        scale = try reader.read()
        guard count >= 0, scale >= 0 else { throw reader.error(.malformed) }
        digits = []
        for _ in 0..<count {
            let digit = try reader.read(Int16.self)
            guard (0...9999).contains(digit) else { throw reader.error(.malformed) }
            digits.append(digit)
        }
        try reader.finish()
    }

    /// Parses a number without an exponent: an optional minus sign, digits, and optionally a point and more digits.
    init(plain text: String) throws {
        var digits = Substring(text)
        sign = Self.positive
        if digits.hasPrefix("-") {
            sign = Self.negative
            digits.removeFirst()
        }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var whole = String(parts[0])
        var fraction = parts.count > 1 ? String(parts[1]) : ""
        guard (whole + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let scale = Int16(exactly: fraction.utf8.count)
        else { throw ApusError(.encoding, "\(text) is no number that PostgreSQL's numeric takes") }
        self.scale = scale
        whole = String(repeating: "0", count: (4 - whole.utf8.count % 4) % 4) + whole
        fraction += String(repeating: "0", count: (4 - fraction.utf8.count % 4) % 4)
        var groups: [Int16] = []
        var group: Int16 = 0
        for (index, byte) in (whole + fraction).utf8.enumerated() {
            group = group * 10 + Int16(byte - 0x30)
            if index % 4 == 3 {
                groups.append(group)
                group = 0
            }
        }
        var weight = whole.utf8.count / 4 - 1
        while groups.first == 0 {
            groups.removeFirst()
            weight -= 1
        }
        while groups.last == 0 { groups.removeLast() }
        self.digits = groups
        self.weight = groups.isEmpty ? 0 : Int16(clamping: weight)
    }

    /// The number as text, perhaps with an exponent, and the number of its significant digits.
    var text: (String, significant: Int) {
        var text = ""
        for digit in digits {
            let group = String(digit)
            text += String(repeating: "0", count: 4 - group.utf8.count) + group
        }
        // The digits are an integer, which is multiplied by 10 to this power.
        var exponent = (Int(weight) - digits.count + 1) * 4
        while text.hasSuffix("0") {
            text.removeLast()
            exponent += 1
        }
        let significant = text.drop { $0 == "0" }
        if significant.isEmpty { return ("0", 1) }
        return ("\(sign == Self.negative ? "-" : "")\(significant)e\(exponent)", significant.count)
    }

    func write(to writer: inout ByteWriter) {
        writer.append(bigEndian: Int16(clamping: digits.count))
        writer.append(bigEndian: weight)
        writer.append(bigEndian: sign)
        writer.append(bigEndian: scale)
        for digit in digits { writer.append(bigEndian: digit) }
    }
}
