import ApusPython
import ApusSessions
import CApusPsycopg

/// Makes Python rows of cells. It holds what is the same for all rows of one fetch.
struct RowMaker: ~Copyable {
    /// Borrowed from the cursor.
    private let columns: UnsafeMutablePointer<ColumnCast>
    private let count: Int
    private let cursor: PyObj
    /// Makes row objects of a class of the program; nil makes tuples. Owned, because a row may replace the cursor's
    /// factory.
    private let factory: PyObj?
    /// Makes a row object of one of the driver's classes from a tuple, owned: see `findMaker`.
    private var maker: PyObj?
    private var hasSearchedMaker = false
    private var decoding: Decoding
    /// True if no cell can be part of a reference cycle, so the collector need not track the rows.
    private let isAcyclic: Bool
    /// True if more tuples are made than CPython may keep for reuse.
    private var makesMany = false
    /// One memo for each column, while at least one of them is useful.
    private var memos: UnsafeMutablePointer<CellMemo>?
    private var usefulMemos = 0

    /// - Returns: nil if there is no result.
    @inline(__always)
    init?(cursor: PyObj, encoding: ClientEncoding) throws(PythonError) {
        let fields = cursor.fields(apus_cursor.self)
        guard let casts = fields.pointee.casts, let columns = fields.pointee.columns else { return nil }
        self.cursor = cursor
        decoding = try Decoding(encoding: encoding, cursor: cursor, tzinfoFactory: fields.pointee.tzinfo_factory)
        factory = fields.pointee.row_factory.flatMap { $0.isNone ? nil : $0.retained() }
        count = casts.tupleCount
        self.columns = columns.assumingMemoryBound(to: ColumnCast.self)
        isAcyclic = fields.pointee.is_acyclic != 0
    }

    deinit {
        if memos != nil { freeMemos() }
        maker?.release()
        factory?.release()
    }

    /// Gets the function `_row_maker` of the class of the rows, if it has one: it makes a row from a tuple of all
    /// cells. Other classes are filled item by item. Only the class's own dictionary counts, because a subclass may
    /// override how items are set.
    private mutating func findMaker(_ factory: PyObj) throws(PythonError) {
        hasSearchedMaker = true
        let name = try PyRef(interned: "_row_maker")
        guard let function = factory.ownAttribute(name) else { return }
        maker = try function.object.call(cursor).take()
    }

    // MARK: Properties of a fetch

    /// Prepares for making a number of rows.
    mutating func prepare(for rows: Int) {
        makesMany = rows > 10_000
        // Too few rows to find out whether values repeat.
        if rows < 500 || factory != nil { return }
        usefulMemos = (0..<count).count { mayRepeat($0) }
        if usefulMemos == 0 { return }
        let memos = UnsafeMutablePointer<CellMemo>.allocate(capacity: count)
        for index in 0..<count { (memos + index).initialize(to: CellMemo(mayRepeat: mayRepeat(index))) }
        self.memos = memos
    }

    /// True if equal cells of a column can share one object, and sharing can be worth the search. If it is the only
    /// column, the shared object is the row.
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

    /// True if no Python function is called for the rows; a Python function might leave garbage for the collector.
    var isNative: Bool {
        if factory != nil { return false }
        return (0..<count).allSatisfy { index in
            var caster = columns[index].caster
            while let base = caster.pointee.base { caster = base.fields(apus_typecaster.self) }
            return caster.pointee.decoder != Decoder.python.rawValue
        }
    }

    /// True if a row's tuple can replace its cells, because its objects are immutable and contain everything that the
    /// cells do.
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

    /// True if a datetime's time zone has exactly the offset from UTC that the server sent.
    private var hasPlainZones: Bool { decoding.tzinfoFactory == decoding.state.pointee.timezone }

    // MARK: Rows

    /// Makes the next row of a reader.
    @inline(__always)
    mutating func row(_ reader: inout some CellReader) throws(PythonError) -> PyRef {
        if let factory { return try row(&reader, by: factory) }
        if let memos { return try row(&reader, by: memos) }
        return try freshRow(&reader)
    }

    @inline(__always)
    private mutating func freshRow(_ reader: inout some CellReader) throws(PythonError) -> PyRef {
        var tuple = try TupleInMaking(count: count, isOneOfMany: makesMany)
        var index = 0
        while index < count {
            tuple.append(try item(reader.next(), index))
            index &+= 1
        }
        return tuple.finish(isAcyclic: isAcyclic)
    }

    @inline(__always)
    private mutating func item(_ bytes: UnsafeRawBufferPointer?, _ index: Int) throws(PythonError) -> PyRef {
        let column = columns + index
        guard let bytes else {
            return column.pointee.decoder == .python ? try decoding.python(column.pointee.caster, nil) : PyRef.none
        }
        return try decoding.decode(column.pointee.decoder, column.pointee.caster, bytes)
    }

    /// Makes a row, reusing objects of earlier cells with the same bytes.
    @inline(never)
    private mutating func row(
        _ reader: inout some CellReader, by memos: UnsafeMutablePointer<CellMemo>
    ) throws(PythonError) -> PyRef {
        defer { if usefulMemos == 0 { dropMemos() } }
        if count == 1 {
            var ahead = reader
            let bytes = ahead.next()
            let (known, place) = find(bytes, in: memos)
            if let known {
                reader = ahead
                return PyRef(owning: known)
            }
            let row = try freshRow(&reader)
            if let place, let bytes { memos.pointee.store(row.object, of: bytes, at: place) }
            return row
        }
        var tuple = try TupleInMaking(count: count, isOneOfMany: false)
        for index in 0..<count {
            let bytes = reader.next()
            let (known, place) = find(bytes, in: memos + index)
            if let known {
                tuple.append(PyRef(owning: known))
                continue
            }
            let item = try freshItem(bytes, index)
            if let place, let bytes { memos[index].store(item.object, of: bytes, at: place) }
            tuple.append(item)
        }
        return tuple.finish(isAcyclic: isAcyclic)
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
    private mutating func freshItem(_ bytes: UnsafeRawBufferPointer?, _ index: Int) throws(PythonError) -> PyRef {
        try item(bytes, index)
    }

    /// Makes a row of a class of the program: an empty one, whose items are then set by index.
    @inline(never)
    private mutating func row(_ reader: inout some CellReader, by factory: PyObj) throws(PythonError) -> PyRef {
        if !hasSearchedMaker { try findMaker(factory) }
        if let maker {
            let cells = try freshRow(&reader)
            return try maker.call(cells.object)
        }
        let made = try factory.call(cursor)
        for index in 0..<count {
            let item = try freshItem(reader.next(), index)
            try set(index, of: made.object, to: item.object)
        }
        return made
    }

    private func set(_ index: Int, of row: PyObj, to item: PyObj) throws(PythonError) {
        let key = try PyRef(index)
        try row.setItem(key.object, to: item)
    }

    // MARK: Kept rows

    /// Makes a row from a tuple that replaces its cells, with the row factory and time zones that the cursor has now.
    mutating func row(again tuple: PyObj) throws(PythonError) -> PyRef {
        if factory == nil, hasPlainZones { return PyRef(retaining: tuple) }
        if !hasSearchedMaker, let factory { try findMaker(factory) }
        if let maker, hasPlainZones { return try maker.call(tuple) }
        let made: PyRef
        if let factory { made = try factory.call(cursor) } else { made = try PyRef(tupleOf: count) }
        for index in 0..<count {
            let old = tuple.tupleItem(index)
            let item = try hasPlainZones ? PyRef(retaining: old) : zoned(old)
            if factory == nil {
                made.set(tupleItem: index, to: item)
            } else {
                try set(index, of: made.object, to: item.object)
            }
        }
        return made
    }

    /// Converts a value to the time zone that the cursor's factory makes now.
    private func zoned(_ item: PyObj) throws(PythonError) -> PyRef {
        guard let zone = item.timeZone(decoding.datetime) else { return PyRef(retaining: item) }
        let zoneNow: PyRef
        if let factory = decoding.tzinfoFactory {
            let offset = try zone.callMethod(decoding.state.pointee.nameUtcoffset, Python.none)
            zoneNow = try factory.call(offset.object)
        } else {
            zoneNow = PyRef.none
        }
        let replace = try item.attribute("replace")
        let nothing = try PyRef(tupleOf: 0)
        let change = try PyRef.dict()
        try change.object.set(decoding.state.pointee.nameTzinfo, to: zoneNow.object)
        return try replace.object.call(arguments: nothing, keywords: change.object)
    }
}
