import CApusPython

/// Makes Python's rows of cells: what is the same for all rows of one fetch.
struct RowMaker: ~Copyable {
    /// A column of the result, as `Cursor.chooseCasts` found it.
    struct Column {
        /// Borrowed from the cursor.
        let caster: UnsafeMutablePointer<apus_typecaster>
        let decoder: Decoder

        init(_ cast: PyObj) {
            caster = cast.fields(apus_typecaster.self)
            decoder = Decoder(rawValue: caster.pointee.decoder) ?? .python
        }
    }
    /// The cursor's, borrowed.
    private let columns: UnsafeMutablePointer<Column>
    private let count: Int
    private let cursor: PyObj
    /// Makes row objects of the program's own; nil for tuples.
    private let factory: PyObj?
    private var decoding: Decoding
    /// Whether no item can hold another object that could hold it: the collector need not look at the rows.
    private let isAtomic: Bool
    /// Whether many tuples are made, more than CPython may have at hand from earlier ones.
    var makesMany = false

    /// - Returns: nil if there is no result.
    @inline(__always)
    init?(_ cursor: Cursor, encoding: ClientEncoding) throws(Raised) {
        guard let casts = cursor.fields.pointee.casts, let columns = cursor.columns else { return nil }
        let fields = cursor.fields
        self.cursor = cursor.object
        factory = fields.pointee.row_factory.flatMap { $0.isNone ? nil : $0 }
        decoding = try Decoding(
            encoding: encoding, cursor: cursor.object, tzinfoFactory: fields.pointee.tzinfo_factory)
        count = apus_tuple_size(casts)
        self.columns = columns
        isAtomic = fields.pointee.is_atomic != 0
    }

    // MARK: What a fetch may do

    /// Whether rows are made without a Python function, which might leave garbage behind.
    var isNative: Bool {
        if factory != nil { return false }
        return (0..<count).allSatisfy { index in
            var caster = columns[index].caster
            while let base = caster.pointee.base { caster = base.fields(apus_typecaster.self) }
            return caster.pointee.decoder != Decoder.python.rawValue
        }
    }

    /// Whether a row's tuple can stand for its cells from now on: nothing in it can change, and it holds all that was
    /// in them.
    var isFaithful: Bool {
        if factory != nil { return false }
        return (0..<count).allSatisfy { index in
            switch columns[index].decoder {
            case .integer, .float, .decimal, .boolean, .text, .bytes, .date, .interval: true
            case .time, .timestamp, .timestamptz: hasPlainZones
            case .python, .binary, .array: false
            }
        }
    }

    /// Whether a time zone is the offset from UTC that it was made of.
    private var hasPlainZones: Bool { decoding.tzinfoFactory == decoding.state.pointee.timezone }

    // MARK: Rows

    /// The next row of a reader.
    @inline(__always)
    mutating func row(_ reader: inout some CellReader) throws(Raised) -> PyObj {
        if let factory { return try row(&reader, by: factory) }
        let tuple = try owned(apus_new_tuple(count, makesMany ? 1 : 0))
        var index = 0
        do throws(Raised) {
            while index < count {
                apus_tuple_set(tuple, index, try item(&reader, index))
                index &+= 1
            }
        } catch {
            apus_drop_tuple(tuple, index)
            throw error
        }
        apus_finish_tuple(tuple, makesMany ? 1 : 0, isAtomic ? 1 : 0)
        return tuple
    }

    @inline(__always)
    private mutating func item(_ reader: inout some CellReader, _ index: Int) throws(Raised) -> PyObj {
        let column = columns + index
        guard let bytes = reader.next() else {
            return column.pointee.decoder == .python ? try decoding.python(column.pointee.caster, nil) : none()
        }
        return try decoding.decode(column.pointee.decoder, column.pointee.caster, bytes)
    }

    /// A row object of the program's own: it is made empty, then its items are set by their numbers.
    @inline(never)
    private mutating func row(_ reader: inout some CellReader, by factory: PyObj) throws(Raised) -> PyObj {
        let made = try Owned(owned(apus_call1(factory, cursor)))
        for index in 0..<count {
            let item = try Owned(item(&reader, index))
            try set(index, of: made.object, to: item.object)
        }
        return made.take()
    }

    private func set(_ index: Int, of row: PyObj, to item: PyObj) throws(Raised) {
        let key = try Owned(python(index))
        try check(PyObject_SetItem(row, key.object, item))
    }

    // MARK: Rows made before

    /// What a fetch makes of a tuple that stands for its cells.
    mutating func row(again tuple: PyObj) throws(Raised) -> PyObj {
        if factory == nil, hasPlainZones { return tuple.retained() }
        let made = try Owned(owned(factory.map { apus_call1($0, cursor) } ?? PyTuple_New(count)))
        for index in 0..<count {
            let old = apus_tuple_get(tuple, index)
            let item = try Owned(hasPlainZones ? old.retained() : zoned(old))
            if factory == nil {
                apus_tuple_set(made.object, index, item.take())
            } else {
                try set(index, of: made.object, to: item.object)
            }
        }
        return made.take()
    }

    /// A value with the time zone that the cursor gives it now.
    private func zoned(_ item: PyObj) throws(Raised) -> PyObj {
        guard let zone = apus_tzinfo(decoding.datetime, item) else { return item.retained() }
        let zoneNow: Owned
        if let factory = decoding.tzinfoFactory {
            let offset = try Owned(owned(apus_method1(zone, decoding.state.pointee.nameUtcoffset, apus_none())))
            zoneNow = try Owned(owned(apus_call1(factory, offset.object)))
        } else {
            zoneNow = Owned(none())
        }
        let replace = try Owned(attribute("replace", of: item))
        let nothing = try Owned(owned(PyTuple_New(0)))
        let change = try Owned(owned(PyDict_New()))
        try check(PyDict_SetItem(change.object, decoding.state.pointee.nameTzinfo, zoneNow.object))
        return try owned(PyObject_Call(replace.object, nothing.object, change.object))
    }
}
