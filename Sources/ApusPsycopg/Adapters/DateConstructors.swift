import CApusPython

/// PEP 249's constructors of dates and times, and the adapters of `datetime`'s objects.
enum DateConstructors {
    nonisolated(unsafe) static let functions: [PyMethodDef] = [
        .one("DateFromPy", "DateFromPy(datetime.date) -> an adapter") { _, value in
            adapting(value, .date, module.pointee.date)
        },
        .one("TimeFromPy", "TimeFromPy(datetime.time) -> an adapter") { _, value in
            adapting(value, .time, module.pointee.time)
        },
        .one("TimestampFromPy", "TimestampFromPy(datetime.datetime) -> an adapter") { _, value in
            adapting(value, .timestamp, module.pointee.datetime)
        },
        .one("IntervalFromPy", "IntervalFromPy(datetime.timedelta) -> an adapter") { _, value in
            adapting(value, .interval, module.pointee.timedelta)
        },
        .fast("Date", "Date(year, month, day) -> an adapter") { _, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments("Date", ["year", "month", "day"], required: 3, positional, count, keywords)
                let value = try Owned(owned(apus_call3(module.pointee.date, given[0], given[1], given[2])))
                return try make(.date, value.object)
            }
        },
        .fast("Time", "Time(hour, minutes, seconds, tzinfo=None) -> an adapter") { _, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments(
                    "Time", ["hour", "minute", "second", "tzinfo"], required: 3, positional, count, keywords)
                let clock = try Clock(given, from: 0)
                let value = try Owned(call(module.pointee.time, clock.numbers, tzinfo: given.unlessNone(3)))
                return try make(.time, value.object)
            }
        },
        .fast(
            "Timestamp",
            "Timestamp(year, month, day, hour=0, minutes=0, seconds=0, tzinfo=None) -> an adapter"
        ) { _, positional, count, keywords in
            answer { () throws(Raised) in
                let given = try Arguments(
                    "Timestamp", ["year", "month", "day", "hour", "minute", "second", "tzinfo"], required: 3,
                    positional, count, keywords)
                let day = try [
                    given.integer(0, default: 0), given.integer(1, default: 0), given.integer(2, default: 0),
                ]
                let clock = try Clock(given, from: 3)
                let value = try Owned(call(module.pointee.datetime, day + clock.numbers, tzinfo: given.unlessNone(6)))
                return try make(.timestamp, value.object)
            }
        },
        .one("DateFromTicks", "DateFromTicks(seconds since the epoch) -> an adapter") { _, ticks in
            answer { () throws(Raised) in
                let value = try Owned(fromTicks(module.pointee.date, receiver(ticks)))
                return try make(.date, value.object)
            }
        },
        .one("TimeFromTicks", "TimeFromTicks(seconds since the epoch) -> an adapter") { _, ticks in
            answer { () throws(Raised) in
                let moment = try Owned(fromTicks(module.pointee.datetime, receiver(ticks)))
                let name = try Owned(interned("time"))
                let value = try Owned(owned(apus_method0(moment.object, name.object)))
                return try make(.time, value.object)
            }
        },
        .one("TimestampFromTicks", "TimestampFromTicks(seconds since the epoch) -> an adapter") { _, ticks in
            answer { () throws(Raised) in
                let moment = try Owned(fromTicks(module.pointee.datetime, receiver(ticks)))
                let name = try Owned(interned("astimezone"))
                let value = try Owned(owned(apus_method0(moment.object, name.object)))
                return try make(.timestamp, value.object)
            }
        },
    ]

    /// Hours, minutes, and seconds with a fraction, from three arguments.
    private struct Clock {
        let numbers: [Int]

        init(_ given: Arguments, from first: Int) throws(Raised) {
            let hour = try given.integer(first, default: 0)
            let minute = try given.integer(first + 1, default: 0)
            var seconds = 0.0
            if let second = given[first + 2] {
                seconds = PyFloat_AsDouble(second)
                if seconds == -1 && PyErr_Occurred() != nil { throw Raised() }
            }
            guard seconds >= 0, seconds < 60 else { throw raiseValueError("second must be in 0..59") }
            let microseconds = min(59_999_999, Int((seconds * 1e6).rounded()))
            numbers = [hour, minute, microseconds / 1_000_000, microseconds % 1_000_000]
        }
    }

    private static func adapting(_ value: PyObj?, _ kind: AdapterKind, _ type: PyObj) -> PyObj? {
        answer { () throws(Raised) in
            let value = try receiver(value)
            guard apus_is_instance(value, type) != 0 else {
                let wanted = String(cString: apus_type_name(type.asType))
                throw raiseTypeError("argument 1 must be \(wanted), not \(value.typeName)")
            }
            return try make(kind, value)
        }
    }

    private static func make(_ kind: AdapterKind, _ value: PyObj) throws(Raised) -> PyObj {
        try Adapter.make(module.pointee.datetimeAdapter, kind, adapting: value)
    }

    private static func call(_ type: PyObj, _ numbers: [Int], tzinfo: PyObj?) throws(Raised) -> PyObj {
        let arguments = try Owned(owned(PyTuple_New(numbers.count + (tzinfo == nil ? 0 : 1))))
        for (index, number) in numbers.enumerated() { try apus_tuple_set(arguments.object, index, python(number)) }
        if let tzinfo { apus_tuple_set(arguments.object, numbers.count, tzinfo.retained()) }
        return try owned(PyObject_CallObject(type, arguments.object))
    }

    private static func fromTicks(_ type: PyObj, _ ticks: PyObj) throws(Raised) -> PyObj {
        let name = try Owned(interned("fromtimestamp"))
        return try owned(apus_method1(type, name.object, ticks))
    }
}
