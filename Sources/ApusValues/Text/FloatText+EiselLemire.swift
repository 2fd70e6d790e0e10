// Decimal to binary: D. Lemire, "Number Parsing at a Gigabyte per Second", Software: Practice and Experience 51 (2021),
// algorithm 1, after an idea of M. Eisel; that it needs no fallback for up to 19 digits is shown in N. Mushtak and
// D. Lemire, "Fast Number Parsing Without Fallback" (2023).

extension FloatText {
    /// The layout of an IEEE 754 binary format, and the bounds that follow from it in the paper.
    struct BinaryLayout {
        var significandBits: Int
        var bias: Int
        /// The exponent field of infinity.
        var infinitePower: Int
        /// The powers of ten between which a number of 64 bits can lie exactly halfway.
        var tiesToEven: ClosedRange<Int>
        var smallestPower: Int
        var largestPower: Int

        static let double = BinaryLayout(
            significandBits: 52, bias: 1023, infinitePower: 0x7FF, tiesToEven: -4...23, smallestPower: -342,
            largestPower: 308)
        static let single = BinaryLayout(
            significandBits: 23, bias: 127, infinitePower: 0xFF, tiesToEven: -17...10, smallestPower: -65,
            largestPower: 38)
    }
}

extension FloatText.Decimal {
    /// The bits of the nearest value without its sign; `nil` if it depends on digits that were left out.
    @inline(__always)
    func nearestBits(_ layout: FloatText.BinaryLayout) -> UInt64? {
        let bits = Self.nearestBits(mantissa, exponent, layout)
        // What was left out lies between 0 and 1 of the mantissa's last place.
        if isTruncated, Self.nearestBits(mantissa &+ 1, exponent, layout) != bits { return nil }
        return bits
    }

    @inline(__always)
    private static func nearestBits(_ mantissa: UInt64, _ exponent: Int, _ layout: FloatText.BinaryLayout) -> UInt64 {
        guard mantissa != 0, exponent >= layout.smallestPower else { return 0 }
        let infinity = UInt64(layout.infinitePower) &<< UInt64(layout.significandBits)
        guard exponent <= layout.largestPower else { return infinity }

        let leadingZeros = mantissa.leadingZeroBitCount
        let normalized = mantissa &<< UInt64(leadingZeros)
        let index = (exponent &- smallestPowerOfFive) &* 2
        var (high, low) = normalized.multipliedFullWidth(by: powersOfFive[index])
        // 3 bits more than the significand decide, unless all that the first product leaves undecided are ones.
        let undecided = UInt64.max &>> UInt64(layout.significandBits &+ 3)
        if high & undecided == undecided {
            let more = normalized.multipliedFullWidth(by: powersOfFive[index &+ 1]).high
            let (sum, carry) = low.addingReportingOverflow(more)
            low = sum
            if carry { high &+= 1 }
        }
        let upperBit = Int(high &>> 63)
        let shift = upperBit &+ 64 &- layout.significandBits &- 3
        var significand = high &>> UInt64(shift)
        // floor(log2(10^q)) = q · 217706 / 2^16 in this range
        var power = (exponent &* 217_706) &>> 16 &+ 63 &+ upperBit &- leadingZeros &+ layout.bias
        if power <= 0 {
            guard power > -63 else { return 0 }
            significand &>>= UInt64(1 &- power)
            significand = (significand &+ (significand & 1)) &>> 1
            // A subnormal that rounds up to the smallest normal value carries into the exponent by itself.
            return significand
        }
        if low <= 1, layout.tiesToEven.contains(exponent), significand & 3 == 1, significand &<< UInt64(shift) == high {
            significand &= ~1
        }
        significand = (significand &+ (significand & 1)) &>> 1
        if significand >= 2 &<< UInt64(layout.significandBits) {
            significand = 1 &<< UInt64(layout.significandBits)
            power &+= 1
        }
        guard power < layout.infinitePower else { return infinity }
        let fraction = significand & ((1 &<< UInt64(layout.significandBits)) &- 1)
        return fraction | UInt64(power) &<< UInt64(layout.significandBits)
    }
}
