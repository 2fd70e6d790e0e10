extension ArrayText {
    /// Reads an array of whole numbers in one pass: one dimension without bounds, NULL, quotes or spaces, as the server
    /// writes nearly all of them.
    /// - Parameter numbers: room for half as many numbers as there are bytes.
    /// - Returns: how many numbers there are, at least one; `nil` for every other array, for numbers of more than 18
    ///   digits, and for what is no array. What has been stored by then is unspecified.
    public static func parseIntegers(
        _ bytes: UnsafeRawBufferPointer, to numbers: UnsafeMutablePointer<Int64>
    ) -> Int? {
        let count = bytes.count
        guard count > 2, let base = bytes.baseAddress, bytes[0] == UInt8(ascii: "{"),
            bytes[count &- 1] == UInt8(ascii: "}")
        else { return nil }
        // The last byte is no digit, so that no number reads beyond it.
        let text = base.assumingMemoryBound(to: UInt8.self)
        var position = 1
        var stored = 0
        while true {
            let isNegative = text[position] == UInt8(ascii: "-")
            if isNegative { position &+= 1 }
            guard let number = takeNumber(text, count, &position) else { return nil }
            numbers[stored] = isNegative ? 0 &- number : number
            stored &+= 1
            let next = text[position]
            position &+= 1
            if next != UInt8(ascii: ",") { return next == UInt8(ascii: "}") && position == count ? stored : nil }
        }
    }

    /// One to eighteen digits.
    @inline(__always)
    private static func takeNumber(_ text: UnsafePointer<UInt8>, _ count: Int, _ position: inout Int) -> Int64? {
        guard count >= 8 else { return takeNumberSlowly(text, &position) }
        // Eight bytes; where the text ends earlier, those that end with it, moved down.
        let start = min(position, count &- 8)
        let word = UInt64(littleEndian: UnsafeRawPointer(text + start).loadUnaligned(as: UInt64.self))
        let digits = (word &>> UInt64(truncatingIfNeeded: (position &- start) &* 8)) ^ EightDigits.zeros
        let taken = EightDigits.leadingCount(digits)
        guard taken &- 1 < 7, taken > 0 else { return takeNumberSlowly(text, &position) }
        position &+= taken
        return Int64(truncatingIfNeeded: EightDigits.value(digits &<< UInt64(truncatingIfNeeded: (8 &- taken) &* 8)))
    }

    @inline(never)
    private static func takeNumberSlowly(_ text: UnsafePointer<UInt8>, _ position: inout Int) -> Int64? {
        let start = position
        var value: Int64 = 0
        while text[position] &- 0x30 <= 9 {
            value = value &* 10 &+ Int64(text[position] &- 0x30)
            position &+= 1
        }
        let digits = position &- start
        return digits > 0 && digits <= 18 ? value : nil
    }
}
