/// A forward reader over borrowed bytes of text, for the parsers of this module.
///
/// It never reads past `end`, owns nothing and allocates nothing. The bytes must outlive it.
@frozen
@usableFromInline
struct ByteCursor {
    @usableFromInline var position: UnsafePointer<UInt8>
    @usableFromInline let end: UnsafePointer<UInt8>

    /// `nil` when there are no bytes at all: no type that is parsed with a cursor has an empty text form.
    @inlinable @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return nil }
        position = base.assumingMemoryBound(to: UInt8.self)
        end = position + bytes.count
    }

    /// A cursor over no bytes.
    private init() {
        position = StaticString("").utf8Start
        end = position
    }

    static var empty: ByteCursor { ByteCursor() }

    @inlinable @inline(__always)
    var remaining: Int { end - position }

    @inlinable @inline(__always)
    var isAtEnd: Bool { position == end }

    /// The next byte, or 0 at the end. No token of a PostgreSQL text form is a zero byte.
    @inlinable @inline(__always)
    var peek: UInt8 { position < end ? position.pointee : 0 }

    /// The byte after the next one, or 0 when there is none.
    @inlinable @inline(__always)
    var peekSecond: UInt8 { remaining > 1 ? position[1] : 0 }

    @inlinable @inline(__always)
    mutating func advance(by count: Int = 1) { position += count }

    /// Consumes `byte` if it is next.
    @inlinable @inline(__always)
    mutating func skip(_ byte: UInt8) -> Bool {
        guard position < end, position.pointee == byte else { return false }
        position += 1
        return true
    }

    /// Consumes the ASCII word if it is next; `word` must be lower case, letters of either case match.
    @inlinable
    mutating func skip(word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard remaining >= count else { return false }
        let wanted = word.utf8Start
        for index in 0..<count {
            let byte = position[index], letter = wanted[index]
            guard byte == letter || (letter >= UInt8(ascii: "a") && byte | 0x20 == letter) else { return false }
        }
        position += count
        return true
    }

    /// Consumes exactly two digits.
    @inlinable @inline(__always)
    mutating func twoDigits() -> UInt8? {
        guard remaining >= 2 else { return nil }
        let tens = position[0] &- 0x30, ones = position[1] &- 0x30
        guard tens <= 9, ones <= 9 else { return nil }
        position += 2
        return tens &* 10 &+ ones
    }

    /// Consumes one or more digits, as many as there are; `nil` when there is none or the number needs more than
    /// 18 digits (which no field of a date, time or interval has).
    @inlinable
    mutating func digits() -> (value: Int64, count: Int)? {
        let start = position
        var value: Int64 = 0
        while position < end {
            let digit = position.pointee &- 0x30
            guard digit <= 9 else { break }
            value = value &* 10 &+ Int64(digit)
            position += 1
        }
        let count = position - start
        guard count > 0, count <= 18 else { return nil }
        return (value, count)
    }

    @inlinable @inline(__always)
    var nextIsDigit: Bool { peek &- 0x30 <= 9 }

    /// The next eight bytes, first byte lowest; the caller has checked that there are eight.
    @inlinable @inline(__always)
    func load64(at offset: Int = 0) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(position + offset).loadUnaligned(as: UInt64.self))
    }
}
