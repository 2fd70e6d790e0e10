import ApusPython
import ApusValues
import CApusPsycopg

/// Makes Python objects of cells. It holds the settings of a cursor that decoding depends on, read once per fetch.
struct Decoding: ~Copyable {
    let encoding: ClientEncoding
    /// The cursor that Python typecasters are called with, borrowed; nil if there is none.
    let cursor: PyObj?
    /// Makes a `tzinfo` of an offset; nil makes datetimes without a time zone. Owned, because the factory may replace
    /// itself in the cursor.
    let tzinfoFactory: PyObj?
    let state: UnsafeMutablePointer<ModuleState>
    let datetime: DateTimeTable
    /// The time zone of the previous cell, kept because a column rarely changes its time zone.
    var lastOffset: Int32 = 0
    var lastZone: PyObj?
    /// The memory for short `bytea` values.
    var slab = ByteSlab()

    init(encoding: ClientEncoding, cursor: PyObj?, tzinfoFactory: PyObj?) throws(PythonError) {
        guard let datetime = DateTimeAPI.table else { throw raise(Python.runtimeError, "the module is gone") }
        self.datetime = datetime
        self.encoding = encoding
        self.cursor = cursor
        self.tzinfoFactory = tzinfoFactory.flatMap { $0.isNone ? nil : $0.retained() }
        state = module
    }

    deinit {
        lastZone?.release()
        tzinfoFactory?.release()
    }

    /// Converts a cell that is not NULL.
    @inline(__always)
    mutating func decode(
        _ decoder: Decoder, _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(PythonError) -> PyRef {
        switch decoder {
        case .integer:
            if let value = IntegerText.parse(bytes) { return try PyRef(int64: value) }
            return try integer(bytes)
        case .text: return try text(bytes)
        case .boolean: return try boolean(bytes)
        case .float:
            if let value = FloatText.parse(bytes) { return try PyRef(value) }
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
    ) throws(PythonError) -> PyRef {
        switch decoder {
        case .date: return try date(bytes)
        case .time: return try time(bytes)
        case .interval: return try interval(bytes)
        case .binary: return try slab.view(bytes)
        case .bytes: return try PyRef(bytes: bytes)
        case .array: return try array(caster, bytes)
        default: return try python(caster, bytes)
        }
    }

    /// Converts a cell, or NULL if `bytes` is nil, by the typecaster's Python callable.
    @inline(never)
    func python(
        _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer?
    ) throws(PythonError) -> PyRef {
        guard let bytes else {
            guard let cast = caster.pointee.cast else { return PyRef.none }
            return try cast.call(Python.none, cursor ?? Python.none)
        }
        let value = try text(bytes)
        guard let cast = caster.pointee.cast else { return value }
        return try cast.call(value.object, cursor ?? Python.none)
    }

    // MARK: Text and numbers

    @inline(__always)
    func text(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        // CPython keeps one `str` of each single character; any other ASCII text is a header and a copy of the bytes.
        if bytes.count > 1, encoding.kind != .ambiguous, TextBytes.isASCII(bytes), let source = bytes.baseAddress {
            return try PyRef(asciiOf: bytes.count) { $0.copyMemory(from: source, byteCount: bytes.count) }
        }
        return try encoding.decode(bytes)
    }

    /// Decodes an integer that does not fit into 64 bits. Raises ValueError for text that is no integer.
    @inline(never)
    private func integer(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        let text = try text(bytes)
        return try PyRef(integerOf: text)
    }

    @inline(never)
    private func float(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        let text = try text(bytes)
        return try PyRef(floatOf: text)
    }

    @inline(__always)
    private func boolean(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        switch bytes.first {
        case UInt8(ascii: "t"), UInt8(ascii: "T"): return PyRef(true)
        case UInt8(ascii: "f"), UInt8(ascii: "F"): return PyRef(false)
        default:
            throw raise(
                state.pointee.interfaceError, "can't parse boolean: '\(String(decoding: bytes, as: UTF8.self))'")
        }
    }

    static func malformed(_ what: String) -> PythonError {
        raise(module.pointee.dataError, "unable to parse \(what)")
    }
}
