import Testing

@testable import ApusValues

@Suite("Dates and times as text")
struct DateTimeTextTests {
    func date(_ text: String) -> DateFields? { reading(text, DateText.parse) }
    func time(_ text: String) -> TimeFields? { reading(text, TimeText.parse) }
    func timestamp(_ text: String) -> TimestampFields? { reading(text, TimestampText.parse) }
    func interval(_ text: String) -> PGInterval? { reading(text, IntervalText.parse) }

    @Test func dates() {
        #expect(date("2024-02-29") == DateFields(year: 2024, month: 2, day: 29))
        #expect(date("0001-01-01 BC") == DateFields(year: 0, month: 1, day: 1))
        #expect(date("0044-03-15 BC")?.yearOfEra == 44)
        #expect(date("0044-03-15 BC")?.isBC == true)
        #expect(date("4713-11-24 BC")?.year == -4712)
        #expect(date("5874897-12-31") == DateFields(year: 5_874_897, month: 12, day: 31))
        #expect(date("10000-01-01")?.year == 10_000)
        #expect(date("0005-02-29 BC")?.day == 29)  // astronomical -4 is a leap year
        #expect(date("infinity") == .infinity)
        #expect(date("-infinity") == .negativeInfinity)
    }

    @Test(arguments: [
        "", "2024", "2024-1-1", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "2024-01-00", "0000-01-01",
        "2024-01-01 AD", "2024-01-01x", "2024/01/01", "20240101", "-2024-01-01", "infinityx", "12345678-01-01",
        "0001-02-29", "0004-02-29 BC", "2024-04-31", "2024-01-01 00:00:00", "01/02/2024", "2O24-01-01", "2024-0a-01",
    ])
    func noDate(_ text: String) {
        #expect(date(text) == nil)
    }

    @Test func times() {
        #expect(time("04:05:06") == TimeFields(hour: 4, minute: 5, second: 6))
        #expect(time("24:00:00")?.hour == 24)
        #expect(time("23:59:59.999999")?.microsecond == 999_999)
        #expect(time("00:00:00.5")?.microsecond == 500_000)
        #expect(time("00:00:00.000001+00")?.microsecond == 1)
        #expect(time("04:05") == TimeFields(hour: 4, minute: 5, second: 0))
        #expect(
            time("04:05:06.12+05:30")
                == TimeFields(hour: 4, minute: 5, second: 6, microsecond: 120_000, utcOffset: 19800))
        #expect(time("04:05:06-15:59:59")?.utcOffset == -57599)
        #expect(time("04:05:06+00")?.hasOffset == true)
        #expect(time("04:05:06")?.hasOffset == false)
    }

    @Test(arguments: [
        "", "4:05:06", "04:60:00", "24:00:00.000001", "25:00:00", "04:05:61", "04:05:06.", "04:05:06.1234567",
        "04:05:06.1234567+00:00", "04:05:06+", "04:05:06+1", "04:05:06+16", "04:05:06+00:60", "04:05:06 BC", "04:05:0",
        "04-05-06", "04:05:06.x", "04:05:06+00:0",
    ])
    func noTime(_ text: String) {
        #expect(time(text) == nil)
    }

    @Test func timestamps() {
        let day = DateFields(year: 2024, month: 1, day: 2)
        #expect(
            timestamp("2024-01-02 03:04:05.123456+00")
                == TimestampFields(
                    date: day, time: TimeFields(hour: 3, minute: 4, second: 5, microsecond: 123_456, utcOffset: 0)))
        #expect(timestamp("2024-01-02 03:04:05.1")?.time.microsecond == 100_000)
        #expect(timestamp("2024-01-02T03:04:05-04:56:02")?.time.utcOffset == -17762)
        #expect(timestamp("294276-12-31 23:59:59.999999")?.date.year == 294_276)
        #expect(timestamp("4713-01-01 00:00:00 BC")?.date.year == -4712)
        #expect(timestamp("0001-12-31 19:03:58-04:56:02 BC")?.date.year == 0)
        #expect(timestamp("2024-01-02")?.date == day)
        #expect(timestamp("0044-03-15 BC")?.date.isBC == true)
        #expect(timestamp("infinity")?.date == .infinity)
        #expect(timestamp("-infinity")?.date == .negativeInfinity)
        for text in [
            "", "2024-01-02 ", "2024-01-02 03:04:05 ", "2024-01-02 03", "2024-01-02 03:04:05 CET", "infinity BC",
        ] {
            #expect(timestamp(text) == nil, "\(text)")
        }
    }

    @Test func everyDayOfFourCenturies() {
        for year in Int32(1800)..<2200 {
            for month in UInt8(1)...12 {
                let days = DateFields.daysInMonth(month, year: year)
                for day in UInt8(1)...31 {
                    let text = "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
                    #expect(date(text) == (day <= days ? DateFields(year: year, month: month, day: day) : nil))
                }
            }
        }
    }

    @Test(arguments: [
        ("00:00:00", PGInterval()),
        ("1 year 2 mons 3 days 04:05:06.789", PGInterval(months: 14, days: 3, microseconds: 14_706_789_000)),
        ("-1 years -2 mons +3 days -04:05:06", PGInterval(months: -14, days: 3, microseconds: -14_706_000_000)),
        ("-1 days +02:03:00", PGInterval(days: -1, microseconds: 7_380_000_000)),
        ("-00:00:00.000001", PGInterval(microseconds: -1)),
        ("-2562047788:00:54.775808", PGInterval(microseconds: .min)),
        ("-178956970 years -8 mons", PGInterval(months: .min)),
        ("@ 0", PGInterval()),
        (
            "@ 1 year 2 mons -3 days 4 hours 5 mins 6.789 secs ago",
            PGInterval(months: -14, days: 3, microseconds: -14_706_789_000)
        ),
        ("@ 1 sec", PGInterval(microseconds: 1_000_000)),
        ("@ 2562047788 hours 54.775808 secs ago", PGInterval(microseconds: .min)),
        ("0", PGInterval()),
        ("1-2", PGInterval(months: 14)),
        ("-1-2", PGInterval(months: -14)),
        ("3 4:05:06", PGInterval(days: 3, microseconds: 14_706_000_000)),
        ("-3 4:05:06", PGInterval(days: -3, microseconds: -14_706_000_000)),
        ("+1-2 -3 +4:05:06.789", PGInterval(months: 14, days: -3, microseconds: 14_706_789_000)),
        ("PT0S", PGInterval()),
        ("P1Y2M-3DT4H5M6.789S", PGInterval(months: 14, days: -3, microseconds: 14_706_789_000)),
        ("P-1Y-2MT-0.5S", PGInterval(months: -14, microseconds: -500_000)),
        ("infinity", .infinity),
        ("-infinity", .negativeInfinity),
    ])
    func intervals(_ text: String, _ value: PGInterval) {
        #expect(interval(text) == value)
    }

    @Test(arguments: [
        "", "P", "PT", "@", "@ ", "1", "x", "1 yea", "1 year ", "1:2", "2147483648 days", "P1H", "PT1D", "1.5 days",
        "@ 1 day agony", "9223372036854775807:00:00", "1 day 99999999999999999999", "04:05:06.1234567", "1-", "-",
    ])
    func noInterval(_ text: String) {
        // A bare number is sql_standard's spelling of days, with or without a time.
        #expect(interval(text) == (text == "1" ? PGInterval(days: 1) : nil))
    }
}
