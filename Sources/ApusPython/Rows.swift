import CApusPython

// What a driver makes thousands of per fetch: objects whose making is not worth a check more than it needs.

extension PyRef {
    /// An `int`.
    @inlinable @inline(__always)
    public init(int64 value: Int64) throws(PythonError) { self = try PyRef(apus_int(value)) }

    /// A `str` of so many characters of ASCII, which `write` puts in.
    @inlinable @inline(__always)
    public init(asciiOf count: Int, _ write: (UnsafeMutableRawPointer) -> Void) throws(PythonError) {
        self = try PyRef(PyUnicode_New(count, 127))
        write(apus_str_data(object))
    }

    /// A `date` of fields that are in range.
    @inlinable @inline(__always)
    public init(
        dateOf year: Int32, _ month: Int32, _ day: Int32, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(apus_new_date(api.pointee.DateType, year, month, day))
    }

    /// A `datetime` of fields that are in range.
    /// - Parameter zone: a `tzinfo`, or None.
    @inlinable @inline(__always)
    public init(
        datetimeOf year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32, _ minute: Int32, _ second: Int32,
        _ microsecond: Int32, zone: PyObj, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(
            apus_new_datetime(
                api.pointee.DateTimeType, year, month, day, hour, minute, second, microsecond, zone))
    }

    /// A `datetime` of any fields. Raises ValueError.
    public init(
        checkedDatetimeOf year: Int32, _ month: Int32, _ day: Int32, _ hour: Int32, _ minute: Int32, _ second: Int32,
        _ microsecond: Int32, zone: PyObj, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(
            api.pointee.DateTime_FromDateAndTime(
                year, month, day, hour, minute, second, microsecond, zone, api.pointee.DateTimeType))
    }

    /// A `time` of any fields. Raises ValueError, and TypeError for a zone that is neither a `tzinfo` nor None.
    public init(
        timeOf hour: Int32, _ minute: Int32, _ second: Int32, _ microsecond: Int32, zone: PyObj,
        _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(
            api.pointee.Time_FromTime(hour, minute, second, microsecond, zone, api.pointee.TimeType))
    }

    /// A `timedelta`. Raises OverflowError.
    public init(
        timedeltaOf days: Int32, seconds: Int32, microseconds: Int32, _ api: UnsafeMutablePointer<PyDateTime_CAPI>
    ) throws(PythonError) {
        self = try PyRef(api.pointee.Delta_FromDelta(days, seconds, microseconds, 1, api.pointee.DeltaType))
    }
}

/// The C API of `datetime`.
public typealias DateTimeTable = UnsafeMutablePointer<PyDateTime_CAPI>

/// A tuple in the making. Until it is finished no Python code can see it, and the collector need not know of it.
@frozen
public struct TupleInMaking: ~Copyable {
    @usableFromInline let tuple: PyObj
    @usableFromInline var filled = 0
    @usableFromInline let isOneOfMany: Bool

    /// - Parameter isOneOfMany: whether more tuples are made than CPython may keep for use again.
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

    /// The tuple, all of whose items have been set.
    /// - Parameter isAcyclic: whether no item can hold an object that could hold the tuple: then the collector never has
    ///   to look at it.
    @inlinable @inline(__always)
    public consuming func finish(isAcyclic: Bool) -> PyRef {
        if !isOneOfMany || !isAcyclic { apus_finish_tuple(tuple, isOneOfMany ? 1 : 0, isAcyclic ? 1 : 0) }
        let tuple = tuple
        discard self
        return PyRef(owning: tuple)
    }
}

extension PyRef {
    /// Another memoryview of the memory that a memoryview shows: a part of it.
    /// - Parameter view: it is changed, and must not be shown to any Python code.
    @inlinable
    public init(viewSharing view: PyObj, _ start: UnsafeMutableRawPointer, count: Int) throws(PythonError) {
        self = try PyRef(apus_view_of(view, start, count))
    }
}
