import CApusPython

/// The C API of the module `datetime`: one table for the whole process.
public enum DateTimeAPI {
    /// Written once, under the GIL, before the module that needs it can be used.
    nonisolated(unsafe) public private(set) static var table: UnsafeMutablePointer<PyDateTime_CAPI>?

    public static func load() throws(PythonError) {
        guard let api = apus_import_datetime() else { throw PythonError() }
        table = api
    }
}

// The fields of a date, time or datetime; it has to be one.
extension PyObj {
    /// Of a date or a datetime.
    @inlinable public var year: Int { Int(apus_datetime_year(self)) }
    @inlinable public var month: Int { Int(apus_datetime_month(self)) }
    @inlinable public var day: Int { Int(apus_datetime_day(self)) }

    /// Of a datetime: hour, minute, second, microsecond.
    @inlinable public var clockOfDatetime: (Int, Int, Int, Int) {
        (
            Int(apus_datetime_hour(self)), Int(apus_datetime_minute(self)), Int(apus_datetime_second(self)),
            Int(apus_datetime_microsecond(self))
        )
    }
    /// Of a time: hour, minute, second, microsecond.
    @inlinable public var clockOfTime: (Int, Int, Int, Int) {
        (
            Int(apus_time_hour(self)), Int(apus_time_minute(self)), Int(apus_time_second(self)),
            Int(apus_time_microsecond(self))
        )
    }
    /// Whether a datetime or a time has a time zone.
    @inlinable public var hasTimeZone: Bool { apus_datetime_has_tzinfo(self) != 0 }

    /// The time zone of a datetime or a time, borrowed; nil for one without, and for anything else.
    public func timeZone(_ api: UnsafeMutablePointer<PyDateTime_CAPI>) -> PyObj? { apus_tzinfo(api, self) }

    /// Of a timedelta: days, seconds, microseconds.
    @inlinable public var duration: (days: Int, seconds: Int, microseconds: Int) {
        (Int(apus_delta_days(self)), Int(apus_delta_seconds(self)), Int(apus_delta_microseconds(self)))
    }
}
