/// The text forms of `date`, under `DateStyle = ISO`: `2024-02-29`, `0044-03-15 BC`, `infinity`.
public enum DateText {
    /// - Returns: `nil` for anything but an ISO date that exists.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> DateFields? {
        // Nearly every date: ten characters, judged and read at once.
        if bytes.count == 10, let base = bytes.baseAddress, bytes[4] == UInt8(ascii: "-") {
            let century = UInt16(littleEndian: base.loadUnaligned(as: UInt16.self)) ^ 0x3030
            let day =
                UInt64(littleEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt64.self)) ^ ByteCursor.dateTemplate
            if let date = DateFields(checking: century, day) {
                return date.year > 0 && date.isValid ? date : nil
            }
        }
        return parseAny(bytes)
    }

    private static func parseAny(_ bytes: UnsafeRawBufferPointer) -> DateFields? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        guard var date = cursor.takeDate() else { return cursor.takeInfinity() }
        cursor.takeEra(&date)
        guard cursor.isAtEnd, date.isValid else { return nil }
        return date
    }
}

/// The text forms of `time` and `timetz`: `04:05:06.789`, `24:00:00`, `04:05:06+05:30`.
public enum TimeText {
    /// - Returns: `nil` for anything but an ISO time that exists.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> TimeFields? {
        guard var cursor = ByteCursor(bytes), var time = cursor.takeTime(), cursor.takeOffset(&time),
            cursor.isAtEnd, time.isValid
        else { return nil }
        return time
    }
}

/// The text forms of `timestamp` and `timestamptz`, under `DateStyle = ISO`: `2024-02-29 04:05:06.789+05:30`,
/// `0001-01-01 00:00:00 BC`, `-infinity`.
public enum TimestampText {
    /// - Returns: `nil` for anything but an ISO timestamp that exists.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> TimestampFields? {
        parseUsual(bytes) ?? parseAny(bytes)
    }

    /// What nearly every timestamp looks like, kept in registers: a year of four digits, seconds with or without a
    /// fraction, whole hours of displacement or none.
    /// - Returns: `nil` for whatever else there is. What it does return is within 0001-01-01 00:00:00 and
    ///   9999-12-31 23:59:59.999999.
    @inlinable @inline(__always)
    public static func parseUsual(_ bytes: UnsafeRawBufferPointer) -> TimestampFields? {
        let count = bytes.count
        guard count >= 19, let base = bytes.baseAddress else { return nil }
        let century = UInt16(littleEndian: base.loadUnaligned(as: UInt16.self)) ^ 0x3030
        let day = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt64.self)) ^ ByteCursor.dateTemplate
        let clock =
            UInt64(littleEndian: base.loadUnaligned(fromByteOffset: 11, as: UInt64.self)) ^ ByteCursor.clockTemplate
        guard
            ByteCursor.wrong(day) | ByteCursor.wrong(clock) | UInt64(ByteCursor.wrong(century: century)) == 0,
            base.load(fromByteOffset: 10, as: UInt8.self) == UInt8(ascii: " ")
        else { return nil }
        let date = DateFields(centuryDigits: century, dayDigits: day)
        let clockPairs = clock &* 10 &+ (clock &>> 8)
        var time = TimeFields(
            hour: UInt8(truncatingIfNeeded: clockPairs), minute: UInt8(truncatingIfNeeded: clockPairs &>> 24),
            second: UInt8(truncatingIfNeeded: clockPairs &>> 48))
        guard date.year > 0, date.isValid, time.hour < 24, time.minute < 60, time.second < 60 else { return nil }

        var position = 19
        if position < count, base.load(fromByteOffset: 19, as: UInt8.self) == UInt8(ascii: ".") {
            // Eight bytes from the first digit on; where the text ends earlier, eight that end with it, moved down.
            let start = min(20, count &- 8)
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            let digits = (word &>> UInt64(truncatingIfNeeded: (20 &- start) &* 8)) ^ EightDigits.zeros
            let taken = EightDigits.leadingCount(digits)
            guard taken &- 1 < 6, taken > 0 else { return nil }
            // Two zeros before them, and after them as many as make eight: microseconds.
            let padded = (digits &<< 16) & (UInt64.max &>> UInt64(truncatingIfNeeded: (6 &- taken) &* 8))
            time.microsecond = UInt32(truncatingIfNeeded: EightDigits.value(padded))
            position = 20 &+ taken
        }
        if position == count { return TimestampFields(date: date, time: time) }
        guard count &- position == 3 else { return nil }
        let sign = base.load(fromByteOffset: position, as: UInt8.self)
        let tens = base.load(fromByteOffset: position &+ 1, as: UInt8.self) &- 0x30
        let ones = base.load(fromByteOffset: position &+ 2, as: UInt8.self) &- 0x30
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), tens <= 1, ones <= 9, tens &* 10 &+ ones <= 15
        else { return nil }
        let offset = Int32(tens &* 10 &+ ones) &* 3600
        time.hasOffset = true
        time.utcOffset = sign == UInt8(ascii: "-") ? 0 &- offset : offset
        return TimestampFields(date: date, time: time)
    }

    @inline(never)
    static func parseAny(_ bytes: UnsafeRawBufferPointer) -> TimestampFields? {
        guard var cursor = ByteCursor(bytes) else { return nil }
        guard var date = cursor.takeDate() else {
            guard let infinity = cursor.takeInfinity() else { return nil }
            return TimestampFields(date: infinity, time: TimeFields(hour: 0, minute: 0, second: 0))
        }
        var time = TimeFields(hour: 0, minute: 0, second: 0)
        if cursor.skip(UInt8(ascii: " ")) || cursor.skip(UInt8(ascii: "T")) {
            if cursor.nextIsDigit {
                guard let taken = cursor.takeTime() else { return nil }
                time = taken
                guard cursor.takeOffset(&time) else { return nil }
            } else {
                cursor.position -= 1
            }
        }
        cursor.takeEra(&date)
        guard cursor.isAtEnd, date.isValid, time.isValid else { return nil }
        return TimestampFields(date: date, time: time)
    }
}

// The digits are taken eight bytes at a time. XOR with a template turns digits into 0…9 and separators into 0; adding
// 6 to a digit (15 to a separator) carries into the byte's high half if and only if it was none. Two digits side by
// side are then joined by one multiplication for all pairs at once.
extension DateFields {
    /// - Parameters:
    ///   - centuryDigits: the year's first two characters, XORed with zeros.
    ///   - dayDigits: the eight characters from the year's third on, XORed with the template. Both are right.
    @inlinable @inline(__always)
    init(centuryDigits: UInt16, dayDigits: UInt64) {
        let pairs = dayDigits &* 10 &+ (dayDigits &>> 8)
        let century = Int32(truncatingIfNeeded: (centuryDigits & 0xF) &* 10 &+ (centuryDigits &>> 8))
        self.init(
            year: century &* 100 &+ Int32(truncatingIfNeeded: pairs & 0xFF),
            month: UInt8(truncatingIfNeeded: pairs &>> 24), day: UInt8(truncatingIfNeeded: pairs &>> 48))
    }

    /// The same, `nil` if one of them is not what it should be.
    @inline(__always)
    init?(checking centuryDigits: UInt16, _ dayDigits: UInt64) {
        guard ByteCursor.wrong(century: centuryDigits) == 0, ByteCursor.wrong(dayDigits) == 0 else { return nil }
        self.init(centuryDigits: centuryDigits, dayDigits: dayDigits)
    }
}

extension ByteCursor {
    /// `00-00-00`
    @inlinable @inline(__always) static var dateTemplate: UInt64 { 0x3030_2D30_302D_3030 }
    /// `00:00:00`
    @inlinable @inline(__always) static var clockTemplate: UInt64 { 0x3030_3A30_303A_3030 }
    /// What carries wrong bytes of both into their high halves.
    @inlinable @inline(__always) static var separatedDigits: UInt64 { 0x0606_0F06_060F_0606 }

    /// Not 0 if one of eight characters, XORed with one of the templates, is not what it should be.
    @inlinable @inline(__always)
    static func wrong(_ digits: UInt64) -> UInt64 { (digits | (digits &+ separatedDigits)) & 0xF0F0_F0F0_F0F0_F0F0 }

    /// Not 0 if one of two characters, XORed with zeros, is no digit.
    @inlinable @inline(__always)
    static func wrong(century digits: UInt16) -> UInt16 { (digits | (digits &+ 0x0606)) & 0xF0F0 }

    /// A date without its era; nothing is consumed if there is none. The caller checks whether the day exists.
    @inline(__always)
    mutating func takeDate() -> DateFields? {
        if remaining >= 10, position[4] == UInt8(ascii: "-") {
            let century = UInt16(littleEndian: UnsafeRawPointer(position).loadUnaligned(as: UInt16.self)) ^ 0x3030
            guard let date = DateFields(checking: century, load64(at: 2) ^ Self.dateTemplate) else {
                return nil
            }
            position += 10
            return date
        }
        return takeLongDate()
    }

    /// A date whose year has more than four digits (PostgreSQL's last year is 5874897).
    mutating func takeLongDate() -> DateFields? {
        let start = position
        guard let year = digits(), year.count >= 4, year.count <= 7, skip(UInt8(ascii: "-")),
            let month = twoDigits(), skip(UInt8(ascii: "-")), let day = twoDigits()
        else {
            position = start
            return nil
        }
        return DateFields(year: Int32(truncatingIfNeeded: year.value), month: month, day: day)
    }

    /// `infinity` or `-infinity`, and nothing after it.
    mutating func takeInfinity() -> DateFields? {
        let isNegative = skip(UInt8(ascii: "-"))
        guard skip(word: "infinity"), isAtEnd else { return nil }
        return isNegative ? .negativeInfinity : .infinity
    }

    /// ` BC`, if it is next. Year 0 is made an invalid day: it is no year in either era.
    @inline(__always)
    mutating func takeEra(_ date: inout DateFields) {
        if position < end, remaining == 3, skip(word: " bc") {
            date.year = 1 &- date.year
            if date.year == 1 { date.month = 0 }
        } else if date.year == 0 {
            date.month = 0
        }
    }

    /// `HH:MM[:SS[.ffffff]]`
    @inline(__always)
    mutating func takeTime() -> TimeFields? {
        guard remaining >= 8 else { return takeShortTime() }
        let clock = load64() ^ Self.clockTemplate
        guard Self.wrong(clock) == 0 else { return takeShortTime() }
        let pairs = clock &* 10 &+ (clock >> 8)
        position += 8
        var time = TimeFields(
            hour: UInt8(truncatingIfNeeded: pairs), minute: UInt8(truncatingIfNeeded: pairs >> 24),
            second: UInt8(truncatingIfNeeded: pairs >> 48))
        if peek == UInt8(ascii: ".") {
            position += 1
            guard let fraction = takeFraction() else { return nil }
            time.microsecond = fraction
        }
        return time
    }

    /// `HH:MM`, which people write but the server does not.
    mutating func takeShortTime() -> TimeFields? {
        guard let hour = twoDigits(), skip(UInt8(ascii: ":")), let minute = twoDigits(), peek != UInt8(ascii: ":")
        else { return nil }
        return TimeFields(hour: hour, minute: minute, second: 0)
    }

    /// The one to six digits after a decimal point, as microseconds.
    @inline(__always)
    mutating func takeFraction() -> UInt32? {
        guard remaining >= 8 else { return takeFractionSlowly() }
        let digits = load64() ^ EightDigits.zeros
        let count = EightDigits.leadingCount(digits)
        guard count &- 1 < 6, count > 0 else { return nil }
        position += count
        // Zeros after the digits make it eight: units of 10 ns.
        let padded = digits & ((1 &<< UInt64(truncatingIfNeeded: count &* 8)) &- 1)
        return UInt32(truncatingIfNeeded: EightDigits.value(padded)) / 100
    }

    mutating func takeFractionSlowly() -> UInt32? {
        var value: UInt32 = 0
        var count = 0
        while nextIsDigit {
            guard count < 6 else { return nil }
            value = value &* 10 &+ UInt32(position.pointee &- 0x30)
            count &+= 1
            position += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<6 { value = value &* 10 }
        return value
    }

    /// `±HH[:MM[:SS]]`, if it is next; false if it is malformed.
    @inline(__always)
    mutating func takeOffset(_ time: inout TimeFields) -> Bool {
        let sign = peek
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else { return true }
        position += 1
        guard let hours = twoDigits() else { return false }
        var seconds = Int32(hours) &* 3600
        if skip(UInt8(ascii: ":")) {
            guard let minutes = twoDigits(), minutes < 60 else { return false }
            seconds &+= Int32(minutes) &* 60
            if skip(UInt8(ascii: ":")) {
                guard let rest = twoDigits(), rest < 60 else { return false }
                seconds &+= Int32(rest)
            }
        }
        time.hasOffset = true
        time.utcOffset = sign == UInt8(ascii: "-") ? 0 &- seconds : seconds
        return true
    }
}
