import ApusPython
import ApusValues
import CApusPsycopg

/// Makes Python objects of cells: what a cursor has to say about it, gathered once per fetch.
struct Decoding: ~Copyable {
    let encoding: ClientEncoding
    /// The cursor that casts are called with, borrowed; nil where there is none.
    let cursor: PyObj?
    /// Makes a `tzinfo` of an offset, owned, because it may give the cursor another; nil leaves dates without a time
    /// zone.
    let tzinfoFactory: PyObj?
    let state: UnsafeMutablePointer<ModuleState>
    let datetime: DateTimeTable
    /// The time zone of the last cell: columns rarely change theirs.
    var lastOffset: Int32 = 0
    var lastZone: PyObj?
    /// Where the next short `bytea` goes.
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

    /// The object that a typecaster makes of a cell that is not NULL.
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

    /// What a Python cast makes of a cell, or of NULL.
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
        // CPython keeps the strings of one character; every other ASCII text is a header and a copy.
        if bytes.count > 1, encoding.kind != .ambiguous, TextBytes.isASCII(bytes), let source = bytes.baseAddress {
            return try PyRef(asciiOf: bytes.count) { $0.copyMemory(from: source, byteCount: bytes.count) }
        }
        return try encoding.decode(bytes)
    }

    /// An integer that is too large for a machine word, or no integer: ValueError.
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
