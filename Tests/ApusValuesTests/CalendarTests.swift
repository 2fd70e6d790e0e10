import Testing

@testable import ApusValues

@Suite("Calendar values")
struct CalendarTests {
    @Test func daysAndBack() throws {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<50_000 {
            let date = PGDate(daysSince2000: Int32.random(in: -2_451_545...2_145_031_948, using: &generator))
            #expect(date.fields.isValid)
            #expect(PGDate(date.fields) == date)
        }
        // Day by day over four centuries, months and years follow each other.
        var expected = DateFields(year: 1600, month: 1, day: 1)
        let first = try #require(PGDate(expected)).daysSince2000
        for day in 0..<Int32(146_097) {
            #expect(PGDate(daysSince2000: first + day).fields == expected)
            expected.day += 1
            if expected.day > DateFields.daysInMonth(expected.month, year: expected.year) {
                expected.day = 1
                expected.month += 1
            }
            if expected.month > 12 {
                expected.month = 1
                expected.year += 1
            }
        }
        #expect(expected == DateFields(year: 2000, month: 1, day: 1))
    }

    @Test func theEndsOfTheCalendar() {
        #expect(PGDate(year: -4713, month: 11, day: 24)?.daysSince2000 == -2_451_545)
        #expect(PGDate(year: -4713, month: 11, day: 23) == nil)
        #expect(PGDate(year: 5_874_897, month: 12, day: 31)?.daysSince2000 == 2_145_031_948)
        #expect(PGDate(year: 5_874_898, month: 1, day: 1) == nil)
        #expect(PGDate(year: .max, month: 1, day: 1) == nil)
        #expect(PGDate(year: 2023, month: 2, day: 29) == nil)
        #expect(PGDate(year: 2023, month: 0, day: 1) == nil)
        let parse: (String) -> PGTimestampTZ? = { text in
            reading(text) { TimestampText.parse($0).flatMap { PGTimestampTZ($0) } }
        }
        #expect(parse("294276-12-31 23:59:59.999999+00") != nil)
        #expect(parse("294277-01-01 00:00:00+00") == nil)
        #expect(parse("294277-01-01 01:00:00+02") != nil)
        #expect(parse("4714-11-24 00:00:00+00 BC") != nil)
        #expect(parse("4714-11-23 23:59:59+00 BC") == nil)
        #expect(parse("2024-01-01 00:00:00") == nil)
        #expect(parse("infinity") == .infinity)
    }

    @Test func everyNumberIsSomeTime() {
        // A server may send any bits, which must not trap.
        for value in [Int64.min, .min + 1, -1, 0, 1, .max - 1, .max] {
            _ = PGTimestamp(microsecondsSince2000: value).fields
            _ = PGTimestampTZ(microsecondsSince2000: value).fields
            _ = writing { TimestampText.write(PGTimestamp(microsecondsSince2000: value), to: &$0) }
            _ = PGTime(microsecondsSinceMidnight: value).fields
            _ = writing {
                IntervalText.writePostgres(PGInterval(months: .min, days: .min, microseconds: value), to: &$0)
            }
            _ = writing { IntervalText.writeISO(PGInterval(months: .min, days: .max, microseconds: value), to: &$0) }
        }
        for value in [Int32.min, .min + 1, 0, .max - 1, .max] { _ = PGDate(daysSince2000: value).fields }
    }

    @Test func fieldsThatAreNoTimeAreStillWritten() {
        let odd = TimeFields(hour: 255, minute: 255, second: 255, microsecond: .max, utcOffset: .min)
        #expect(!odd.isValid)
        _ = writing { TimeText.write(odd, to: &$0) }
        _ = writing { DateText.write(DateFields(year: .min, month: 255, day: 255), to: &$0) }
        #expect(PGTime(odd) == nil)
        #expect(DateFields(year: .min, month: 1, day: 1).isBC)
    }

    @Test func intervalsSurviveBothStyles() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<20_000 {
            let value = PGInterval(
                months: Int32(truncatingIfNeeded: generator.next()) >> Int32.random(in: 0..<32, using: &generator),
                days: Int32(truncatingIfNeeded: generator.next()) >> Int32.random(in: 0..<32, using: &generator),
                microseconds: Int64(bitPattern: generator.next()) >> Int64.random(in: 0..<64, using: &generator))
            let postgres = writing { IntervalText.writePostgres(value, to: &$0) }
            let iso = writing { IntervalText.writeISO(value, to: &$0) }
            #expect(reading(postgres, IntervalText.parse) == value, "\(postgres)")
            #expect(reading(iso, IntervalText.parse) == value, "\(iso)")
        }
    }

    @Test func leapSecond() {
        #expect(
            reading("23:59:60") { TimeText.parse($0).flatMap { PGTime($0) } }?.microsecondsSinceMidnight
                == 86_400_000_000)
        #expect(reading("23:59:60.5") { TimeText.parse($0).flatMap { PGTime($0) } } == nil)
    }
}
