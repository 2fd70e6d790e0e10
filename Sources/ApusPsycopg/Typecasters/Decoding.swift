import ApusValues
import CApusPython

/// Makes Python objects of cells: what a cursor has to say about it, gathered once per fetch.
struct Decoding: ~Copyable {
    let encoding: ClientEncoding
    /// The cursor that casts are called with, borrowed; nil where there is none.
    let cursor: PyObj?
    /// Makes a `tzinfo` of an offset, borrowed; nil leaves dates without a time zone.
    let tzinfoFactory: PyObj?
    let state: UnsafeMutablePointer<ModuleState>
    let datetime: UnsafeMutablePointer<PyDateTime_CAPI>
    /// The time zone of the last cell: columns rarely change theirs.
    private var lastOffset: Int32 = 0
    private var lastZone: PyObj?
    /// The tuple of the last numeric's text, to be used for the next one.
    var decimalArguments: PyObj?
    /// Where the next short `bytea` goes.
    var slab = ByteSlab()

    init(encoding: ClientEncoding, cursor: PyObj?, tzinfoFactory: PyObj?) throws(Raised) {
        guard let datetime = DateTimeAPI.table else { throw raise(apus_exc_runtime(), "the module is gone") }
        self.datetime = datetime
        self.encoding = encoding
        self.cursor = cursor
        self.tzinfoFactory = tzinfoFactory.flatMap { $0.isNone ? nil : $0 }
        state = module
    }

    deinit {
        lastZone?.release()
        decimalArguments?.release()
    }

    /// The object that a typecaster makes of a cell that is not NULL.
    @inline(__always)
    mutating func decode(
        _ decoder: Decoder, _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(Raised) -> PyObj {
        switch decoder {
        case .integer:
            if let value = IntegerText.parse(bytes) { return try owned(PyLong_FromLongLong(value)) }
            return try integer(bytes)
        case .text: return try text(bytes)
        case .boolean: return try boolean(bytes)
        case .float:
            if let value = FloatText.parse(bytes) { return try owned(PyFloat_FromDouble(value)) }
            return try float(bytes)
        case .decimal: return try decimal(bytes)
        case .timestamp: return try timestamp(bytes, zoned: false)
        case .timestamptz: return try timestamp(bytes, zoned: true)
        default: return try decodeRarer(decoder, caster, bytes)
        }
    }

    @inline(never)
    private mutating func decodeRarer(
        _ decoder: Decoder, _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(Raised) -> PyObj {
        switch decoder {
        case .date: return try date(bytes)
        case .time: return try time(bytes)
        case .interval: return try interval(bytes)
        case .binary: return try slab.view(bytes)
        case .bytes: return try pythonBytes(bytes)
        case .array: return try array(caster, bytes)
        default: return try python(caster, bytes)
        }
    }

    /// What a Python cast makes of a cell, or of NULL.
    @inline(never)
    func python(
        _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer?
    ) throws(Raised) -> PyObj {
        guard let bytes else {
            guard let cast = caster.pointee.cast else { return none() }
            return try owned(apus_call2(cast, apus_none(), cursor ?? apus_none()))
        }
        let value = try Owned(text(bytes))
        guard let cast = caster.pointee.cast else { return value.take() }
        return try owned(apus_call2(cast, value.object, cursor ?? apus_none()))
    }

    // MARK: Text and numbers

    @inline(__always)
    func text(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        // CPython keeps the strings of one character; every other ASCII text is a header and a copy.
        if bytes.count > 1, encoding.kind != .ambiguous, TextBytes.isASCII(bytes), let source = bytes.baseAddress {
            let object = try owned(PyUnicode_New(bytes.count, 127))
            memcpy(apus_str_data(object), source, bytes.count)
            return object
        }
        return try encoding.decode(bytes)
    }

    /// An integer that is too large for a machine word, or no integer: ValueError.
    @inline(never)
    private func integer(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        let text = try Owned(text(bytes))
        return try owned(PyLong_FromUnicodeObject(text.object, 10))
    }

    @inline(never)
    private func float(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        let text = try Owned(text(bytes))
        return try owned(PyFloat_FromString(text.object))
    }

    @inline(__always)
    private func boolean(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        switch bytes.first {
        case UInt8(ascii: "t"), UInt8(ascii: "T"): return apus_true().retained()
        case UInt8(ascii: "f"), UInt8(ascii: "F"): return apus_false().retained()
        default:
            throw raise(
                state.pointee.interfaceError, "can't parse boolean: '\(String(decoding: bytes, as: UTF8.self))'")
        }
    }

    static func malformed(_ what: String) -> Raised {
        raise(module.pointee.dataError, "unable to parse \(what)")
    }

    // MARK: Dates

    private func date(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        guard let fields = DateText.parse(bytes) ?? TimestampText.parse(bytes)?.date else {
            throw Self.malformed("date")
        }
        let day = try Day(fields)
        return try owned(datetime.pointee.Date_FromDate(day.year, day.month, day.day, datetime.pointee.DateType))
    }

    private mutating func time(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        guard let fields = TimeText.parse(bytes), Self.hasSeconds(bytes, hour: 0) else { throw Self.malformed("time") }
        var clock = Clock(fields)
        // 24:00:00 is a time for PostgreSQL.
        if clock.hour == 24 { clock.hour = 0 }
        let zone = fields.hasOffset ? try self.zone(fields.utcOffset) : apus_none()
        return try owned(
            datetime.pointee.Time_FromTime(
                clock.hour, clock.minute, clock.second, clock.microsecond, zone, datetime.pointee.TimeType))
    }

    private mutating func timestamp(_ bytes: UnsafeRawBufferPointer, zoned: Bool) throws(Raised) -> PyObj {
        guard let fields = TimestampText.parse(bytes) else {
            // A date alone is a timestamp at midnight.
            if let fields = DateText.parse(bytes) { return try timestamp(Day(fields), Clock(fields), apus_none()) }
            throw Self.malformed("date")
        }
        if !fields.date.isFinite {
            return try timestamp(Day(fields.date), Clock(fields.date), zoned ? zone(0) : apus_none())
        }
        if !Self.hasSeconds(bytes, hour: 11) { throw Self.malformed("time") }
        let zone = fields.time.hasOffset ? try self.zone(fields.time.utcOffset) : apus_none()
        return try timestamp(Day(fields.date), Clock(fields.time), zone)
    }

    /// Whether the time has seconds. Its hours are usually at a place that is known.
    @inline(__always)
    private static func hasSeconds(_ bytes: UnsafeRawBufferPointer, hour: Int) -> Bool {
        if bytes.count >= hour &+ 8, bytes[hour &+ 2] == UInt8(ascii: ":"), bytes[hour &+ 5] == UInt8(ascii: ":") {
            return true
        }
        return bytes.prefix { $0 != UInt8(ascii: "+") }.filter { $0 == UInt8(ascii: ":") }.count >= 2
    }

    @inline(__always)
    private func timestamp(_ day: Day, _ clock: Clock, _ zone: PyObj) throws(Raised) -> PyObj {
        try owned(
            datetime.pointee.DateTime_FromDateAndTime(
                day.year, day.month, day.day, clock.hour, clock.minute, clock.second, clock.microsecond, zone,
                datetime.pointee.DateTimeType))
    }

    /// The time zone of an offset in seconds, borrowed from `self`.
    @inline(__always)
    private mutating func zone(_ offset: Int32) throws(Raised) -> PyObj {
        if offset == lastOffset, let lastZone { return lastZone }
        return try makeZone(offset)
    }

    @inline(never)
    private mutating func makeZone(_ offset: Int32) throws(Raised) -> PyObj {
        guard let tzinfoFactory else { return apus_none() }
        let delta = try Owned(owned(datetime.pointee.Delta_FromDelta(0, offset, 0, 1, datetime.pointee.DeltaType)))
        let zone = try owned(apus_call1(tzinfoFactory, delta.object))
        replace(&lastZone, with: zone)
        lastOffset = offset
        return zone
    }
}

/// A day that Python has. PostgreSQL's infinities become Python's first and last day; other days out of Python's
/// range raise ValueError.
private struct Day {
    let year, month, day: Int32

    @inline(__always)
    init(_ fields: DateFields) throws(Raised) {
        if fields.year >= 1, fields.year <= 9999, fields.isFinite {
            (year, month, day) = (fields.year, Int32(fields.month), Int32(fields.day))
            return
        }
        switch fields.finiteness {
        case .infinity: (year, month, day) = (9999, 12, 31)
        case .negativeInfinity: (year, month, day) = (1, 1, 1)
        case .finite:
            let shown = fields.isBC ? -fields.yearOfEra : fields.year
            throw raiseValueError("year \(shown) is out of range")
        }
    }
}

private struct Clock {
    var hour, minute, second, microsecond: Int32

    @inline(__always)
    init(_ fields: TimeFields) {
        hour = Int32(fields.hour)
        minute = Int32(fields.minute)
        second = Int32(fields.second)
        microsecond = Int32(truncatingIfNeeded: fields.microsecond)
        if second == 60 { carry() }
    }

    /// Midnight, or the last moment of the last day.
    init(_ fields: DateFields) {
        (hour, minute, second, microsecond) = fields.finiteness == .infinity ? (23, 59, 59, 999_999) : (0, 0, 0, 0)
    }

    /// Servers of old could round up to a sixtieth second.
    private mutating func carry() {
        second = 0
        minute += 1
        if minute == 60 {
            minute = 0
            hour += 1
        }
    }
}
