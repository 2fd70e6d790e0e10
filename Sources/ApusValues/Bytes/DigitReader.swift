/// A forward reader over the bytes of a decimal number, for which `ByteCursor` is too slow: it takes eight bytes at a
/// time up to the last one, and none beyond.
struct DigitReader {
    private let base: UnsafeRawPointer
    private let count: Int
    /// The last eight bytes; where there are fewer in all, they are the highest of it.
    private let tail: UInt64
    private(set) var position = 0
    /// The number that all digits taken spell, modulo 2^64.
    private(set) var value: UInt64 = 0

    /// `nil` when there are no bytes at all.
    @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return nil }
        self.base = base
        count = bytes.count
        if count >= 8 {
            tail = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
        } else {
            tail = Self.few(base, count) &<< UInt64(truncatingIfNeeded: (8 &- count) &* 8)
        }
    }

    /// One to seven bytes, by loads that overlap.
    @inline(__always)
    private static func few(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            let start = UInt32(littleEndian: base.loadUnaligned(as: UInt32.self))
            let end = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self))
            return UInt64(start) | UInt64(end) &<< UInt64(truncatingIfNeeded: (count &- 4) &* 8)
        }
        let middle = count &>> 1, last = count &- 1
        return UInt64(base.load(as: UInt8.self))
            | UInt64(base.load(fromByteOffset: middle, as: UInt8.self)) &<< UInt64(truncatingIfNeeded: middle &* 8)
            | UInt64(base.load(fromByteOffset: last, as: UInt8.self)) &<< UInt64(truncatingIfNeeded: last &* 8)
    }

    @inline(__always)
    var isAtEnd: Bool { position == count }

    /// The next byte, or 0 at the end.
    @inline(__always)
    var peek: UInt8 { position < count ? base.load(fromByteOffset: position, as: UInt8.self) : 0 }

    /// Consumes `byte` if it is next.
    @inline(__always)
    mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position &+= 1
        return true
    }

    /// Consumes all digits that are next.
    @inline(__always)
    mutating func takeDigits() {
        while position < count {
            let remaining = count &- position
            let bytes =
                remaining >= 8
                ? UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                : tail &>> UInt64(truncatingIfNeeded: (8 &- remaining) &* 8)
            // A zero byte after the last one is no digit.
            let digits = bytes ^ EightDigits.zeros
            if EightDigits.areAll(digits) {
                value = value &* 100_000_000 &+ EightDigits.value(digits)
                position &+= 8
                continue
            }
            let taken = EightDigits.leadingCount(digits)
            if taken > 0 {
                // Moved up, the digits have zeros before them.
                let moved = digits &<< UInt64(truncatingIfNeeded: (8 &- taken) &* 8)
                value = value &* powersOfTen[taken] &+ EightDigits.value(moved)
                position &+= taken
            }
            return
        }
    }
}

private let powersOfTen: [UInt64] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]
