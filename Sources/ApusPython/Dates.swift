import CApusPython

/// The C API of the module `datetime`, one table for the whole process.
public enum DateTimeAPI {
    /// Set under the GIL when a module is made, before any use of that module. Every interpreter gets the same table.
    nonisolated(unsafe) public private(set) static var table: UnsafeMutablePointer<PyDateTime_CAPI>?

    public static func load() throws(PythonError) {
        guard let api = apus_import_datetime() else { throw PythonError() }
        table = api
    }
}

// The fields of a date, time, datetime or timedelta. The object must have the type that is given for each.
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
    /// True if a datetime or time has a time zone.
    @inlinable public var hasTimeZone: Bool { apus_datetime_has_tzinfo(self) != 0 }

    /// Returns the time zone of a datetime or time, borrowed; nil if it has none, or for any other object.
    public func timeZone(_ api: UnsafeMutablePointer<PyDateTime_CAPI>) -> PyObj? { apus_tzinfo(api, self) }

    /// Of a timedelta: days, seconds, microseconds.
    @inlinable public var duration: (days: Int, seconds: Int, microseconds: Int) {
        (Int(apus_delta_days(self)), Int(apus_delta_seconds(self)), Int(apus_delta_microseconds(self)))
    }
}
