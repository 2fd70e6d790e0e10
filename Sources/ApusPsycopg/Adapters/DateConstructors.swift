import ApusPython

/// PEP 249's constructors of dates and times, and the adapters of `datetime`'s objects.
enum DateConstructors {
    static let functions: [Method] = [
        .one("DateFromPy", "(value, /)", "Return an adapter of a `datetime.date`. Raises TypeError for another object.")
        { _, value in
            adapting(value, .date, module.pointee.date)
        },
        .one("TimeFromPy", "(value, /)", "Return an adapter of a `datetime.time`. Raises TypeError for another object.")
        { _, value in
            adapting(value, .time, module.pointee.time)
        },
        .one(
            "TimestampFromPy", "(value, /)",
            "Return an adapter of a `datetime.datetime`. Raises TypeError for another object."
        ) { _, value in
            adapting(value, .timestamp, module.pointee.datetime)
        },
        .one(
            "IntervalFromPy", "(interval, /)",
            "Return an adapter of a `datetime.timedelta`. Raises TypeError for another object."
        ) { _, value in
            adapting(value, .interval, module.pointee.timedelta)
        },
        .fast(
            "Date", "(year, month, day)",
            """
            Return an adapter of a date, from three ints.

            Raises ValueError for a date that does not exist.
            """
        ) { _, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments("Date", ["year", "month", "day"], required: 3, positional, count, keywords)
                let value = try module.pointee.date.call(given.required(0), given.required(1), given.required(2))
                return try make(.date, value.object)
            }
        },
        .fast(
            "Time", "(hour, minute, second, tzinfo=None)",
            """
            Return an adapter of a time of day.

            - hour, minute: ints.
            - second: a number from 0 to less than 60, with up to six decimals.
            - tzinfo: a `datetime.tzinfo`; None for a time without a time zone.

            Raises ValueError for a time that does not exist.
            """
        ) { _, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "Time", ["hour", "minute", "second", "tzinfo"], required: 3, positional, count, keywords)
                let clock = try Clock(given, from: 0)
                let value = try call(module.pointee.time, clock.numbers, tzinfo: given.unlessNone(3))
                return try make(.time, value.object)
            }
        },
        .fast(
            "Timestamp", "(year, month, day, hour=0, minute=0, second=0, tzinfo=None)",
            """
            Return an adapter of a date and time.

            - year, month, day, hour, minute: ints.
            - second: a number from 0 to less than 60, with up to six decimals.
            - tzinfo: a `datetime.tzinfo`; None for a timestamp without a time zone.

            Raises ValueError for a date or time that does not exist.
            """
        ) { _, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "Timestamp", ["year", "month", "day", "hour", "minute", "second", "tzinfo"], required: 3,
                    positional, count, keywords)
                let day = try [
                    given.integer(0, default: 0), given.integer(1, default: 0), given.integer(2, default: 0),
                ]
                let clock = try Clock(given, from: 3)
                let value = try call(module.pointee.datetime, day + clock.numbers, tzinfo: given.unlessNone(6))
                return try make(.timestamp, value.object)
            }
        },
        .one(
            "DateFromTicks", "(ticks, /)",
            "Return an adapter of a date in local time, from the number of seconds since 1970."
        ) { _, ticks in
            returningObject { () throws(PythonError) in
                let value = try fromTicks(module.pointee.date, receiver(ticks))
                return try make(.date, value.object)
            }
        },
        .one(
            "TimeFromTicks", "(ticks, /)",
            "Return an adapter of a time of day in local time, from the number of seconds since 1970."
        ) { _, ticks in
            returningObject { () throws(PythonError) in
                let moment = try fromTicks(module.pointee.datetime, receiver(ticks))
                let value = try moment.object.callMethod("time")
                return try make(.time, value.object)
            }
        },
        .one(
            "TimestampFromTicks", "(ticks, /)",
            """
            Return an adapter of a date and time with the local time zone, from the number of seconds since
            1970.
            """
        ) { _, ticks in
            returningObject { () throws(PythonError) in
                let moment = try fromTicks(module.pointee.datetime, receiver(ticks))
                let value = try moment.object.callMethod("astimezone")
                return try make(.timestamp, value.object)
            }
        },
    ]

    /// Hours, minutes, and seconds with a fraction, read from three arguments.
    private struct Clock {
        let numbers: [Int]

        init(_ given: Arguments, from first: Int) throws(PythonError) {
            let hour = try given.integer(first, default: 0)
            let minute = try given.integer(first + 1, default: 0)
            var seconds = 0.0
            if let second = given[first + 2] { seconds = try second.double }
            guard seconds >= 0, seconds < 60 else { throw raiseValueError("second must be in 0..59") }
            let microseconds = min(59_999_999, Int((seconds * 1e6).rounded()))
            numbers = [hour, minute, microseconds / 1_000_000, microseconds % 1_000_000]
        }
    }

    private static func adapting(_ value: PyObj?, _ kind: AdapterKind, _ type: PyObj) -> PyObj? {
        returningObject { () throws(PythonError) in
            let value = try receiver(value)
            guard value.isInstance(of: type) else {
                throw raiseTypeError("argument 1 must be \(type.nameAsType), not \(value.typeName)")
            }
            return try make(kind, value)
        }
    }

    private static func make(_ kind: AdapterKind, _ value: PyObj) throws(PythonError) -> PyRef {
        try Adapter.make(module.pointee.datetimeAdapter, kind, adapting: value)
    }

    private static func call(_ type: PyObj, _ numbers: [Int], tzinfo: PyObj?) throws(PythonError) -> PyRef {
        let arguments = try PyRef(tupleOf: numbers.count + (tzinfo == nil ? 0 : 1))
        for (index, number) in numbers.enumerated() { try arguments.set(tupleItem: index, to: PyRef(number)) }
        if let tzinfo { arguments.set(tupleItem: numbers.count, to: PyRef(retaining: tzinfo)) }
        return try type.call(arguments: arguments)
    }

    private static func fromTicks(_ type: PyObj, _ ticks: PyObj) throws(PythonError) -> PyRef {
        try type.callMethod("fromtimestamp", ticks)
    }
}
