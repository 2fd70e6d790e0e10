import Testing

@testable import ApusValues

/// Numbers of any length from a server, and fields of any value from a program: nothing traps.
@Suite("Extreme numbers")
struct ExtremeNumberTests {
    private static let seeds =
        GarbageTests.seeds + [
            "[0:1][-2:3]={{1},{2}}", "{1,-2,3}", "1.5e10", "-1.5e-10", "5874897-12-31", "294276-12-31 23:59:59.999999",
            "178000000 years", "-178000000 years -5 mons +3 days -00:00:00.000001", "P-1Y-2M-3W-4DT-5H-6M-7.5S",
            "10.0.0.0/8", "ffff::/128",
        ]
    private static let numbers = [
        "0", "9", "2147483647", "2147483648", "4294967296", "999999999999999999", "9223372036854775807",
        "9223372036854775808", "18446744073709551616", String(repeating: "9", count: 40),
        String(repeating: "0", count: 40) + "1", String(repeating: "9", count: 400),
    ]

    private func parseEverything(_ bytes: UnsafeRawBufferPointer) {
        GarbageTests().parseEverything(bytes)
        var numbers = [Int64](repeating: 0, count: bytes.count / 2 + 1)
        numbers.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { _ = ArrayText.parseIntegers(bytes, to: start) }
        }
        var array = ArrayText.Tokenizer(bytes)
        _ = array.next()
        var dimensions = ArrayText.Dimensions(array.dimensions)
        while dimensions.next() != nil {}
        if let interval = IntervalText.parse(bytes) {
            _ = writing { IntervalText.writeISO(interval, to: &$0) }
            _ = writing { IntervalText.writePostgres(interval, to: &$0) }
        }
        if let numeric = PGNumeric(text: bytes) {
            _ = (numeric.description, numeric.double, numeric.exactly(Int64.self), numeric.exactly(UInt64.self))
        }
        if let value = FloatText.parse(bytes) { _ = writing { FloatText.write(value, to: &$0) } }
        if let value = FloatText.parseFloat(bytes) { _ = writing { FloatText.write(value, to: &$0) } }
        for isCIDR in [true, false] {
            if let inet = InetText.parse(bytes, isCIDR: isCIDR) { _ = writing { InetText.write(inet, to: &$0) } }
        }
        if let address = MACAddressText.parse(bytes) { _ = writing { MACAddressText.write(address, to: &$0) } }
    }

    @Test func everyNumberOfATextIsReplaced() {
        for seed in Self.seeds {
            let bytes = Array(seed.utf8)
            var index = 0
            while index < bytes.count {
                let digits = bytes[index...].prefix { $0 &- 0x30 <= 9 }
                defer { index += max(digits.count, 1) }
                if digits.isEmpty { continue }
                for number in Self.numbers {
                    for sign in ["", "-", "+"] {
                        let text = bytes[..<index] + Array((sign + number).utf8) + bytes[digits.endIndex...]
                        text.withUnsafeBytes(parseEverything)
                    }
                }
            }
        }
    }

    @Test func intervalsThatDoNotFit() {
        for text in [
            "2147483648 days", "-2147483649 days", "178956971 years", "2562047788:00:54.775808",
            "999999999999999999 years", "P999999999999999999Y", "-999999999999999999-999999999999999999",
        ] {
            #expect(reading(text) { IntervalText.parse($0) } == nil, "\(text)")
        }
        for (text, interval) in [
            ("2147483647 days", PGInterval(days: .max)), ("-2147483648 days", PGInterval(days: .min)),
            ("178956970 years 7 mons", PGInterval(months: .max)),
            ("-178956970 years -8 mons", PGInterval(months: .min)),
            ("2562047788:00:54.775807", PGInterval(microseconds: .max)),
            ("-2562047788:00:54.775808", PGInterval(microseconds: .min)),
        ] {
            #expect(reading(text) { IntervalText.parse($0) } == interval, "\(text)")
            #expect(
                reading(writing { IntervalText.writePostgres(interval, to: &$0) }) { IntervalText.parse($0) }
                    == interval)
            #expect(
                reading(writing { IntervalText.writeISO(interval, to: &$0) }) { IntervalText.parse($0) } == interval)
        }
    }

    @Test func datesOfAnyFields() {
        for year in [Int32.min, .min + 1, -4714, -4713, 0, 1, 5_874_897, 5_874_898, .max] {
            for month: UInt8 in [0, 1, 2, 12, 13, .max] {
                for day: UInt8 in [0, 1, 29, 31, 32, .max] {
                    let fields = DateFields(year: year, month: month, day: day)
                    _ = (PGDate(fields), fields.isValid, fields.yearOfEra)
                    _ = writing { DateText.write(fields, to: &$0) }
                    let time = TimeFields(hour: 0, minute: 0, second: 0, utcOffset: .min)
                    _ = PGTimestampTZ(TimestampFields(date: fields, time: time))
                    _ = writing { TimestampText.write(TimestampFields(date: fields, time: time), to: &$0) }
                }
            }
        }
        for days in [Int32.min, .min + 1, -1, 0, .max - 1, .max] {
            let date = PGDate(daysSince2000: days)
            #expect(PGDate(date.fields).map { $0 == date } ?? (date.finiteness == .finite))
        }
    }

    @Test func timesOfAnyFields() {
        for byte: UInt8 in [0, 24, 59, 60, .max] {
            for microsecond: UInt32 in [0, 999_999, 1_000_000, 4_000_000_000, .max] {
                for offset: Int32? in [nil, 0, .min, .max, 57_599, -57_600] {
                    let fields = TimeFields(
                        hour: byte, minute: byte, second: byte, microsecond: microsecond, utcOffset: offset)
                    _ = (PGTime(fields), PGTimeTZ(fields))
                    _ = writing { TimeText.write(fields, to: &$0) }
                }
            }
        }
        for number in [Int64.min, .min + 1, -1, 0, PGTime.microsecondsPerDay, .max - 1, .max] {
            let time = PGTime(microsecondsSinceMidnight: number)
            for offset in [Int32.min, -57_599, 0, .max] {
                let zoned = PGTimeTZ(time: time, utcOffset: offset)
                _ = writing { TimeText.write(zoned, to: &$0) }
                _ = writing { zoned.writeBinary(to: &$0) }
            }
            _ = writing { TimestampText.write(PGTimestamp(microsecondsSince2000: number), to: &$0) }
            let moment = PGTimestampTZ(microsecondsSince2000: number)
            #expect(PGTimestampTZ(moment.fields).map { $0 == moment } ?? (moment.finiteness == .finite))
            let interval = PGInterval(months: .min, days: .max, microseconds: number)
            _ = writing { IntervalText.writePostgres(interval, to: &$0) }
            _ = writing { IntervalText.writeISO(interval, to: &$0) }
        }
    }

    @Test func addressesOfAnyFields() {
        for family in [PGInet.Family.v4, .v6] {
            for prefix: UInt8 in [0, 32, 33, 128, 129, .max] {
                for isCIDR in [true, false] {
                    _ = PGInet(family: family, address: .max, prefixLength: prefix, isCIDR: isCIDR)
                    guard var inet = PGInet(family: family, address: 0) else { continue }
                    (inet.address, inet.prefixLength, inet.isCIDR) = (.max, prefix, isCIDR)
                    _ = writing { InetText.write(inet, to: &$0) }
                    _ = writing { inet.writeBinary(to: &$0) }
                }
            }
        }
        #expect(PGMACAddress(eui48: .max).address == 0xFFFF_FFFF_FFFF)
    }

    @Test func numericsAtTheEnds() {
        #expect(PGNumeric("1e131071") != nil && PGNumeric("1e131072") == nil)
        #expect(PGNumeric("1e-16383") != nil && PGNumeric("1e-16384") == nil)
        #expect(PGNumeric("1e1000001") == nil && PGNumeric("1e" + String(repeating: "9", count: 30)) == nil)
        #expect(PGNumeric(Int64.min).exactly(Int64.self) == .min)
        #expect(PGNumeric(UInt64.max).exactly(UInt64.self) == .max && PGNumeric(UInt64.max).exactly(Int64.self) == nil)
        #expect(PGNumeric(-1).exactly(UInt64.self) == nil && PGNumeric(256).exactly(UInt8.self) == nil)
    }
}
