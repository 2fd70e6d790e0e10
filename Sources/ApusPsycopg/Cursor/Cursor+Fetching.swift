import ApusPQ
import CApusLibPQ
import CApusPython

extension Cursor {
    /// The next row; nil when there is none left.
    func fetchOne() throws(Raised) -> PyObj? {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD 1", connection) }
        return try nextRow(connection)
    }

    /// `__next__`: as `fetchOne`, but named cursors fetch `itersize` rows at once.
    func iterate() throws(Raised) -> PyObj? {
        let connection = try checkFetch()
        if isNamed, fields.pointee.row >= fields.pointee.rowcount {
            try fetchFromServer("FORWARD \(fields.pointee.itersize)", connection)
        }
        return try nextRow(connection)
    }

    /// At most `count` rows as a list.
    func fetchMany(_ count: Int) throws(Raised) -> PyObj {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD \(count)", connection) }
        // As in psycopg2, a negative number is all that are left.
        return try rows(count < 0 ? .max : count, connection)
    }

    /// All rows that are left, as a list.
    func fetchAll() throws(Raised) -> PyObj {
        let connection = try checkFetch()
        if isNamed { try fetchFromServer("FORWARD ALL", connection) }
        return try rows(.max, connection)
    }

    @inline(__always)
    private func checkFetch() throws(Raised) -> Connection {
        let connection = try openConnection()
        if connection.core.exchange != nil, connection.core.isAsynchronous { try connection.checkIdle("fetch") }
        if isNamed { return connection }
        if fields.pointee.no_tuples != 0 { throw raise(module.pointee.programmingError, "no results to fetch") }
        return connection
    }

    // MARK: Rows

    private func nextRow(_ connection: Connection) throws(Raised) -> PyObj? {
        let row = fields.pointee.row
        guard let result, row < fields.pointee.rowcount, let casts = fields.pointee.casts else { return nil }
        var decoding = try Decoding(
            encoding: connection.core.encoding, cursor: object, tzinfoFactory: fields.pointee.tzinfo_factory)
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        fields.pointee.row = row + 1
        return try makeRow(row, result, casts, &decoding)
    }

    private func rows(_ count: Int, _ connection: Connection) throws(Raised) -> PyObj {
        let first = fields.pointee.row
        let count = max(0, min(count, fields.pointee.rowcount - first))
        guard count > 0, let result, let casts = fields.pointee.casts else { return try owned(PyList_New(0)) }
        let list = try Owned(owned(PyList_New(count)))
        var decoding = try Decoding(
            encoding: connection.core.encoding, cursor: object, tzinfoFactory: fields.pointee.tzinfo_factory)
        fields.pointee.readers += 1
        defer { fields.pointee.readers -= 1 }
        // What is being made is no garbage yet: looking through it again and again would find none.
        let isPaused = count > 100 && makesNative(casts) && apus_pause_collector() != 0
        defer { if isPaused { apus_resume_collector() } }
        for index in 0..<count {
            fields.pointee.row = first &+ index &+ 1
            try apus_list_set(list.object, index, makeRow(first &+ index, result, casts, &decoding))
        }
        return list.take()
    }

    /// Whether rows are made without a Python function, which might leave garbage behind.
    private func makesNative(_ casts: PyObj) -> Bool {
        if let factory = fields.pointee.row_factory, !factory.isNone { return false }
        return (0..<apus_tuple_size(casts)).allSatisfy { index in
            var caster = apus_tuple_get(casts, index).fields(apus_typecaster.self)
            while let base = caster.pointee.base { caster = base.fields(apus_typecaster.self) }
            return caster.pointee.decoder != Decoder.python.rawValue
        }
    }

    @inline(__always)
    private func makeRow(
        _ row: Int, _ result: OpaquePointer, _ casts: PyObj, _ decoding: inout Decoding
    ) throws(Raised) -> PyObj {
        if let factory = fields.pointee.row_factory, !factory.isNone {
            return try makeRow(row, result, casts, &decoding, by: factory)
        }
        let count = apus_tuple_size(casts)
        let tuple = try owned(PyTuple_New(count))
        let row = Int32(truncatingIfNeeded: row)
        do throws(Raised) {
            var isAtomic = true
            for index in 0..<count {
                let item = try cell(
                    row, Int32(truncatingIfNeeded: index), result, apus_tuple_get(casts, index), &decoding, &isAtomic)
                apus_tuple_set(tuple, index, item)
            }
            // The collector would find out by itself, after having walked through every row.
            if isAtomic { PyObject_GC_UnTrack(tuple) }
        } catch {
            tuple.release()
            throw error
        }
        return tuple
    }

    /// A row object of the program's own: it is made empty, then its items are set by their numbers.
    @inline(never)
    private func makeRow(
        _ row: Int, _ result: OpaquePointer, _ casts: PyObj, _ decoding: inout Decoding, by factory: PyObj
    ) throws(Raised) -> PyObj {
        let made = try Owned(owned(apus_call1(factory, object)))
        let row = Int32(truncatingIfNeeded: row)
        var isAtomic = true
        for index in 0..<apus_tuple_size(casts) {
            let item = try Owned(
                cell(
                    row, Int32(truncatingIfNeeded: index), result, apus_tuple_get(casts, index), &decoding, &isAtomic))
            let key = try Owned(python(index))
            try check(PyObject_SetItem(made.object, key.object, item.object))
        }
        return made.take()
    }

    @inline(__always)
    private func cell(
        _ row: Int32, _ column: Int32, _ result: OpaquePointer, _ cast: PyObj, _ decoding: inout Decoding,
        _ isAtomic: inout Bool
    ) throws(Raised) -> PyObj {
        let caster = cast.fields(apus_typecaster.self)
        let decoder = Decoder(rawValue: caster.pointee.decoder) ?? .python
        isAtomic = isAtomic && decoder.isAtomic
        let count = Int(PQgetlength(result, row, column))
        if count == 0, PQgetisnull(result, row, column) != 0 {
            return decoder == .python ? try decoding.python(caster, nil) : none()
        }
        return try decoding.decode(
            decoder, caster, UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: count))
    }

    // MARK: Moving

    /// `scroll(value, mode='relative')`
    func scroll(_ value: Int, absolute: Bool) throws(Raised) {
        let connection = try openConnection()
        if isNamed {
            let position = absolute ? "ABSOLUTE \(value)" : "\(value)"
            try connection.checkIdle("scroll")
            try executeOnServer("MOVE \(position) FROM \(quotedName(connection))", connection)
            return
        }
        let destination = absolute ? value : fields.pointee.row + value
        guard destination >= 0, destination < max(0, fields.pointee.rowcount) else {
            throw raise(module.pointee.programmingError, "scroll destination out of bounds")
        }
        fields.pointee.row = destination
    }
}
