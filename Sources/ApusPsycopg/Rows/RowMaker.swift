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
    /// Makes row objects of the program's own, owned, because a row may give the cursor another; nil for tuples.
    private let factory: PyObj?
    /// Makes a row object of the driver's own of a tuple, owned: see `seekMaker`.
    private var maker: PyObj?
    private var isMakerSought = false
    private var decoding: Decoding
    /// Whether no item can hold another object that could hold it: the collector need not look at the rows.
    private let isAtomic: Bool
    /// Whether many tuples are made, more than CPython may have at hand from earlier ones.
    private var makesMany = false
    /// One for each column, while any of them is useful.
    private var memos: UnsafeMutablePointer<CellMemo>?
    private var usefulMemos = 0

    /// - Returns: nil if there is no result.
    @inline(__always)
    init?(_ cursor: Cursor, encoding: ClientEncoding) throws(Raised) {
        guard let casts = cursor.fields.pointee.casts, let columns = cursor.columns else { return nil }
        let fields = cursor.fields
        self.cursor = cursor.object
        decoding = try Decoding(
            encoding: encoding, cursor: cursor.object, tzinfoFactory: fields.pointee.tzinfo_factory)
        factory = fields.pointee.row_factory.flatMap { $0.isNone ? nil : $0.retained() }
        count = apus_tuple_size(casts)
        self.columns = columns
        isAtomic = fields.pointee.is_atomic != 0
    }

    deinit {
        if memos != nil { freeMemos() }
        maker?.release()
        factory?.release()
    }

    /// Finds what the class of the rows has to make them at once; nothing for one that is filled item by item. A
    /// subclass of such a class may do as it likes with its items, so that its own dictionary is what counts.
    private mutating func seekMaker(_ factory: PyObj) throws(Raised) {
        isMakerSought = true
        let name = try Owned(interned("_row_maker"))
        guard let found = apus_own_attribute(factory, name.object) else { return }
        let function = Owned(found)
        maker = try owned(apus_call1(function.object, cursor))
    }

    // MARK: What a fetch may do

    /// Gets ready for a number of rows.
    mutating func prepare(for rows: Int) {
        makesMany = rows > 10_000
        // Fewer are made before it is known whether any repeat.
        if rows < 500 || factory != nil { return }
        usefulMemos = (0..<count).count { mayRepeat($0) }
        if usefulMemos == 0 { return }
        let memos = UnsafeMutablePointer<CellMemo>.allocate(capacity: count)
        for index in 0..<count { (memos + index).initialize(to: CellMemo(mayRepeat: mayRepeat(index))) }
        self.memos = memos
    }

    /// Whether one object could stand for all cells that are alike, and be worth looking for. Where the column is the
    /// only one, that object is the row.
    private func mayRepeat(_ index: Int) -> Bool {
        switch columns[index].decoder {
        case .text, .decimal, .date, .timestamp, .timestamptz: true
        case .integer, .boolean: count == 1
        default: false
        }
    }

    private mutating func dropMemos() {
        freeMemos()
        memos = nil
    }

    private func freeMemos() {
        guard let memos else { return }
        for index in 0..<count { memos[index].deallocate() }
        memos.deallocate()
    }

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
        if let memos { return try row(&reader, by: memos) }
        return try freshRow(&reader)
    }

    @inline(__always)
    private mutating func freshRow(_ reader: inout some CellReader) throws(Raised) -> PyObj {
        let tuple = try owned(apus_new_tuple(count, makesMany ? 1 : 0))
        var index = 0
        do throws(Raised) {
            while index < count {
                apus_tuple_set(tuple, index, try item(reader.next(), index))
                index &+= 1
            }
        } catch {
            apus_drop_tuple(tuple, index)
            throw error
        }
        if !makesMany || !isAtomic { apus_finish_tuple(tuple, makesMany ? 1 : 0, isAtomic ? 1 : 0) }
        return tuple
    }

    @inline(__always)
    private mutating func item(_ bytes: UnsafeRawBufferPointer?, _ index: Int) throws(Raised) -> PyObj {
        let column = columns + index
        guard let bytes else {
            return column.pointee.decoder == .python ? try decoding.python(column.pointee.caster, nil) : none()
        }
        return try decoding.decode(column.pointee.decoder, column.pointee.caster, bytes)
    }

    /// A row of which something may be known.
    @inline(never)
    private mutating func row(
        _ reader: inout some CellReader, by memos: UnsafeMutablePointer<CellMemo>
    ) throws(Raised) -> PyObj {
        defer { if usefulMemos == 0 { dropMemos() } }
        if count == 1 {
            var ahead = reader
            let bytes = ahead.next()
            let (known, place) = find(bytes, in: memos)
            if let known {
                reader = ahead
                return known
            }
            let row = try freshRow(&reader)
            if let place, let bytes { memos.pointee.put(row, of: bytes, at: place) }
            return row
        }
        let tuple = try Owned(owned(PyTuple_New(count)))
        for index in 0..<count {
            let bytes = reader.next()
            let (known, place) = find(bytes, in: memos + index)
            if let known {
                apus_tuple_set(tuple.object, index, known)
                continue
            }
            let item = try freshItem(bytes, index)
            apus_tuple_set(tuple.object, index, item)
            if let place, let bytes { memos[index].put(item, of: bytes, at: place) }
        }
        apus_finish_tuple(tuple.object, 0, isAtomic ? 1 : 0)
        return tuple.take()
    }

    @inline(__always)
    private mutating func find(
        _ bytes: UnsafeRawBufferPointer?, in memo: UnsafeMutablePointer<CellMemo>
    ) -> (object: PyObj?, place: Int?) {
        guard let bytes, memo.pointee.isUseful else { return (nil, nil) }
        let found = memo.pointee.find(bytes)
        if !memo.pointee.isUseful { usefulMemos -= 1 }
        return found
    }

    @inline(never)
    private mutating func freshItem(_ bytes: UnsafeRawBufferPointer?, _ index: Int) throws(Raised) -> PyObj {
        try item(bytes, index)
    }

    /// A row object of the program's own: it is made empty, then its items are set by their numbers.
    @inline(never)
    private mutating func row(_ reader: inout some CellReader, by factory: PyObj) throws(Raised) -> PyObj {
        if !isMakerSought { try seekMaker(factory) }
        if let maker {
            let cells = try Owned(freshRow(&reader))
            return try owned(apus_call1(maker, cells.object))
        }
        let made = try Owned(owned(apus_call1(factory, cursor)))
        for index in 0..<count {
            let item = try Owned(freshItem(reader.next(), index))
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
        if !isMakerSought, let factory { try seekMaker(factory) }
        if let maker, hasPlainZones { return try owned(apus_call1(maker, tuple)) }
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
