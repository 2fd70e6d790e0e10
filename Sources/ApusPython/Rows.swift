import CApusPython

// Objects that a fetch makes by the thousands, so that each check costs. Their values are not checked again.

extension PyRef {
    /// Makes an `int`.
    @inlinable @inline(__always)
    public init(int64 value: Int64) throws(PythonError) { self = try PyRef(new: apus_int(value)) }

    /// Makes a `str` of `count` ASCII characters, which `write` stores.
    @inlinable @inline(__always)
    public init(asciiOf count: Int, _ write: (UnsafeMutableRawPointer) -> Void) throws(PythonError) {
        self = try PyRef(new: PyUnicode_New(count, 127))
        write(apus_str_data(object))
    }

    /// Makes a `date`. The fields must be in range.
    @inlinable @inline(__always)
    public init(
        dateOf year: Int32, _ month: Int32, _ day: Int32, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(new: apus_new_date(api.pointee.DateType, year, month, day))
    }

    /// Makes a `datetime`. The fields must be in range.
    /// - Parameter zone: a `tzinfo` or None.
    @inlinable @inline(__always)
    public init(
        datetimeOf year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32, _ minute: Int32, _ second: Int32,
        _ microsecond: Int32, zone: PyObj, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(
            new: apus_new_datetime(
                api.pointee.DateTimeType, year, month, day, hour, minute, second, microsecond, zone))
    }

    /// Makes a `datetime` of any fields. Raises ValueError.
    public init(
        checkedDatetimeOf year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32, _ minute: Int32, _ second: Int32,
        _ microsecond: Int32, zone: PyObj, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(
            new: api.pointee.DateTime_FromDateAndTime(
                year, month, day, hour, minute, second, microsecond, zone, api.pointee.DateTimeType))
    }

    /// Makes a `time` of any fields. Raises ValueError, and TypeError unless the zone is a `tzinfo` or None.
    public init(
        timeOf hour: Int32, _ minute: Int32, _ second: Int32, _ microsecond: Int32, zone: PyObj,
        _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(
            new: api.pointee.Time_FromTime(hour, minute, second, microsecond, zone, api.pointee.TimeType))
    }

    /// Makes a `timedelta`. Raises OverflowError.
    public init(
        timedeltaOf days: Int32, seconds: Int32, microseconds: Int32, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(new: api.pointee.Delta_FromDelta(days, seconds, microseconds, 1, api.pointee.DeltaType))
    }
}

/// The C API of `datetime`.
public typealias DateTimeTable = UnsafeMutablePointer<PyDateTime_CAPI>

/// A tuple whose items are not all set yet. Python code must not get it before it is finished.
@frozen
public struct TupleInMaking: ~Copyable {
    @usableFromInline let tuple: PyObj
    @usableFromInline var filled = 0
    @usableFromInline let isOneOfMany: Bool

    /// - Parameter isOneOfMany: true if more tuples are made than CPython may keep for reuse. Before CPython 3.14, the
    ///   collector then does not track the tuple before it is finished.
    @inlinable @inline(__always)
    public init(count: Int, isOneOfMany: Bool) throws(PythonError) {
        guard let tuple = apus_new_tuple(count, isOneOfMany ? 1 : 0) else { throw PythonError() }
        self.tuple = tuple
        self.isOneOfMany = isOneOfMany
    }

    @inlinable @inline(__always)
    deinit { apus_drop_tuple(tuple, filled) }

    /// Sets the next item.
    @inlinable @inline(__always)
    public mutating func append(_ item: consuming PyRef) {
        apus_tuple_set(tuple, filled, item.take())
        filled &+= 1
    }

    /// Returns the tuple, all of whose items must be set.
    /// - Parameter isAcyclic: true if no item can be part of a reference cycle, so the collector need not track the
    ///   tuple.
    @inlinable @inline(__always)
    public consuming func finish(isAcyclic: Bool) -> PyRef {
        if !isOneOfMany || !isAcyclic { apus_finish_tuple(tuple, isOneOfMany ? 1 : 0, isAcyclic ? 1 : 0) }
        let tuple = tuple
        discard self
        return PyRef(owning: tuple)
    }
}

extension PyRef {
    /// Makes another memoryview of a part of the memory that a memoryview shows.
    /// - Parameter view: is changed, so Python code must not get it.
    @inlinable
    public init(viewSharing view: PyObj, _ start: UnsafeMutableRawPointer, count: Int) throws(PythonError) {
        self = try PyRef(new: apus_view_of(view, start, count))
    }
}
