/// Decimal digits eight at a time, in one machine word: the first digit is in the lowest byte.
@usableFromInline
enum EightDigits {
    /// Eight times the character `0`.
    @inlinable static var zeros: UInt64 { 0x3030_3030_3030_3030 }

    /// How many of the eight bytes, XORed with `zeros`, are digits before the first that is none.
    @inlinable @inline(__always)
    static func leadingCount(_ digits: UInt64) -> Int {
        // Adding 0x76 carries a byte above 9 into its high bit; what overflows only touches later bytes.
        let stop = (digits | (digits &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080
        return stop.trailingZeroBitCount &>> 3
    }

    /// Whether all eight bytes, XORed with `zeros`, are digits.
    @inlinable @inline(__always)
    static func areAll(_ digits: UInt64) -> Bool {
        (digits | (digits &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 == 0
    }

    /// The number that eight values of 0…9 spell: neighbours are joined, then pairs, then fours.
    @inlinable @inline(__always)
    static func value(_ digits: UInt64) -> UInt64 {
        let pairs = (digits &* 10 &+ (digits &>> 8)) & 0x00FF_00FF_00FF_00FF
        let fours = (pairs &* 100 &+ (pairs &>> 16)) & 0x0000_FFFF_0000_FFFF
        return (fours &* 10_000 &+ (fours &>> 32)) & 0xFFFF_FFFF
    }
}
