/// The text form of `int2`, `int4`, `int8`, `oid` and their like: an optional sign and decimal digits.
public enum IntegerText {
    /// Parses a whole number.
    /// - Returns: `nil` for anything but an optional sign and digits, and for numbers outside of `Int64`.
    @inlinable
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        let isNegative = cursor.peek == UInt8(ascii: "-")
        if isNegative || cursor.peek == UInt8(ascii: "+") { cursor.advance() }
        let count = cursor.remaining
        let magnitude: UInt64
        if count < 4 {
            guard count > 0, let value = parseFew(cursor.position, count) else { return nil }
            magnitude = value
        } else if count <= 8 {
            // Two loads that overlap make eight characters with the last one in the highest byte.
            let start = UInt64(UInt32(littleEndian: UnsafeRawPointer(cursor.position).loadUnaligned(as: UInt32.self)))
            let end = UInt64(UInt32(littleEndian: UnsafeRawPointer(cursor.end - 4).loadUnaligned(as: UInt32.self)))
            let padding = UInt64(truncatingIfNeeded: (8 &- count) &* 8)
            let digits = ((end &<< 32) | ((start &<< padding) & 0xFFFF_FFFF)) ^ (EightDigits.zeros &<< padding)
            guard EightDigits.areAll(digits) else { return nil }
            magnitude = EightDigits.value(digits)
        } else if count <= 16 {
            let padding = UInt64(truncatingIfNeeded: (16 &- count) &* 8)
            let first = (cursor.load64() &<< padding) ^ (EightDigits.zeros &<< padding)
            let second = cursor.load64(at: count &- 8) ^ EightDigits.zeros
            guard EightDigits.areAll(first), EightDigits.areAll(second) else { return nil }
            magnitude = EightDigits.value(first) &* 100_000_000 &+ EightDigits.value(second)
        } else {
            return parseLong(cursor, isNegative: isNegative)
        }
        let value = Int64(truncatingIfNeeded: magnitude)
        return isNegative ? 0 &- value : value
    }

    @inlinable @inline(__always)
    static func parseFew(_ position: UnsafePointer<UInt8>, _ count: Int) -> UInt64? {
        var value: UInt64 = 0
        var index = 0
        while index < count {
            let digit = position[index] &- 0x30
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(truncatingIfNeeded: digit)
            index &+= 1
        }
        return value
    }

    /// Parses a whole number of a narrower type; `nil` also if it does not fit.
    @inlinable @inline(__always)
    public static func parse<Integer: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, as type: Integer.Type
    ) -> Integer? {
        guard let value = parse(bytes) else { return nil }
        return Integer(exactly: value)
    }

    @usableFromInline
    static func parseLong(_ cursor: ByteCursor, isNegative: Bool) -> Int64? {
        var position = cursor.position
        var magnitude: UInt64 = 0
        while position < cursor.end {
            let digit = position.pointee &- 0x30
            guard digit <= 9 else { return nil }
            let (shifted, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            magnitude = sum
            position += 1
        }
        if isNegative {
            guard magnitude <= UInt64(Int64.max) + 1 else { return nil }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        return Int64(exactly: magnitude)
    }

    /// Writes a whole number of at most 64 bits in decimal.
    @inlinable
    public static func write<Integer: FixedWidthInteger>(_ value: Integer, to writer: inout ByteWriter) {
        if value < 0 { writer.append(UInt8(ascii: "-")) }
        writeDigits(UInt64(truncatingIfNeeded: value.magnitude), minimumWidth: 1, to: &writer)
    }

    /// Writes a whole number that is not negative in decimal, padded with zeros to a width of at most 20.
    @inlinable
    static func writeDigits(_ value: UInt64, minimumWidth: Int, to writer: inout ByteWriter) {
        let width = max(decimalWidth(value), minimumWidth)
        let target = writer.reserve(width)
        var rest = value
        var index = width
        while index > 0 {
            index &-= 1
            let quotient = rest / 10
            target[index] = 0x30 &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
        }
        writer.advance(by: width)
    }

    /// How many decimal digits `value` has.
    @inlinable
    static func decimalWidth(_ value: UInt64) -> Int {
        var width = 1
        var rest = value
        while rest >= 10_000 {
            rest /= 10_000
            width &+= 4
        }
        return width &+ (rest >= 1000 ? 3 : rest >= 100 ? 2 : rest >= 10 ? 1 : 0)
    }
}
