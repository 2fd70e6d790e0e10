import ApusPQ
import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.Column`: one column of a result, as PEP 249's sequence of seven and by name.
enum Column {
    private static let numeric: UInt32 = 1700

    /// The column of a result.
    static func make(_ result: BorrowedResult, _ index: Int, _ encoding: ClientEncoding) throws(PythonError) -> PyRef {
        let column = try PyRef(instanceOf: module.pointee.column)
        let fields = column.object.fields(apus_column.self)
        if let name = result.encodedColumnName(index) { fields.pointee.name = try encoding.decode(name).take() }
        let type = result.columnType(index)
        fields.pointee.type_code = try PyRef(Int(type)).take()
        // A type modifier counts the four bytes of a length word with it. What has none shows as psycopg2 shows it.
        let modifier = result.columnModifier(index)
        let length = modifier > 0 ? modifier - 4 : modifier
        let size = result.columnSize(index)
        fields.pointee.internal_size = try PyRef(size != -1 ? size : type == numeric ? length >> 16 : length).take()
        if type == numeric {
            fields.pointee.precision = try PyRef((length >> 16) & 0xFFFF).take()
            fields.pointee.scale = try PyRef(length & 0xFFFF).take()
        }
        let table = result.columnTable(index)
        if table != 0 { fields.pointee.table_oid = try PyRef(Int(table)).take() }
        let number = result.columnTableColumn(index)
        if number > 0 { fields.pointee.table_column = try PyRef(number).take() }
        return column
    }

    /// PEP 249's seven, as a new tuple.
    fileprivate static func sequence(_ me: PyObj) throws(PythonError) -> PyRef {
        // Made first: a new tuple may set off the cycle collector, and with it finalizers that change the column.
        let tuple = try PyRef(tupleOf: sequenceCount)
        let slots = slots(me)
        for index in 0..<sequenceCount {
            tuple.set(tupleItem: index, to: PyRef(retaining: slots[index] ?? Python.none))
        }
        return tuple
    }

    private static let sequenceCount = 7

    /// In the order of the fields.
    fileprivate static let names: [StaticString] = [
        "name", "type_code", "display_size", "internal_size", "precision", "scale", "null_ok", "table_oid",
        "table_column",
    ]

    fileprivate static func slots(_ me: PyObj) -> UnsafeMutablePointer<PyObj?> {
        let start = UnsafeMutableRawPointer(me) + (MemoryLayout<apus_column>.offset(of: \.name) ?? 0)
        return start.assumingMemoryBound(to: PyObj?.self)
    }

    static func makeType(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extensions.Column", in: owner, size: MemoryLayout<apus_column>.size,
            flags: [.subclassable, .collected],
            signature: """
                (name=None, type_code=None, display_size=None, internal_size=None, precision=None, \
                scale=None, null_ok=None, table_oid=None, table_column=None)
                """,
            doc: """
                A column of a result, found in `cursor.description`.

                As a sequence it has the seven items of PEP 249: name, type_code, display_size, internal_size,
                precision, scale, null_ok. The parameters are the values of the attributes.
                """,
            [
                .initialize { me, arguments, keywords in
                    returningStatus { () throws(PythonError) in
                        let given = try Arguments("Column", Column.names, tuple: arguments, dict: keywords)
                        let slots = Column.slots(try receiver(me))
                        for index in Column.names.indices {
                            replace(&slots[index], with: given[index].map { PyRef(retaining: $0) })
                        }
                    }
                },
                .repr { me in
                    returningObject { () throws(PythonError) in
                        let values = try Column.sequence(receiver(me))
                        let name = try values.object.tupleItem(0).repr()
                        let type = try values.object.tupleItem(1).repr()
                        return try PyRef("Column(name=\(text(of: name.object)), type_code=\(text(of: type.object)))")
                    }
                },
                .compare { me, other, operation in
                    returningObject { () throws(PythonError) in
                        let mine = try Column.sequence(receiver(me))
                        let other = try receiver(other)
                        guard other.isInstance(of: module.pointee.column) else {
                            return try mine.object.compare(other, operation)
                        }
                        let theirs = try Column.sequence(other)
                        return try mine.object.compare(theirs.object, operation)
                    }
                },
                .mappingLength { _ in 7 },
                .length { _ in 7 },
                .item { me, index in
                    returningObject { () throws(PythonError) in
                        let values = try Column.sequence(receiver(me))
                        return try values.object.sequenceItem(index)
                    }
                },
                .subscripted { me, key in
                    returningObject { () throws(PythonError) in
                        let values = try Column.sequence(receiver(me))
                        return try values.object.getItem(key)
                    }
                },
                .traverse(apus_column_traverse), .clear(apus_column_clear), .dealloc(apus_column_dealloc),
                .members(columnMembers),
                .methods(columnMethods),
            ])
    }
}

/// Made once, because CPython keeps pointers into it.
private let columnMethods = Methods([
    .plain("__getstate__", "Return the state for pickle, the values of the sequence.") { me, _ in
        returningObject { () throws(PythonError) in try Column.sequence(receiver(me)) }
    },
    .plain("__reduce__", "Return what pickle and copy need to create the column again.") { me, _ in
        returningObject { () throws(PythonError) in
            let values = try Column.sequence(receiver(me))
            return try PyRef(tuple: module.pointee.column, values.object)
        }
    },
    .one(
        "__setstate__", "(state, /)",
        "Restore the column from a pickle; `state` is a sequence of values in order."
    ) { me, state in
        returningObject { () throws(PythonError) in
            let slots = Column.slots(try receiver(me))
            let state = try receiver(state).asTuple()
            for index in 0..<min(Column.names.count, state.object.tupleCount) {
                replace(&slots[index], with: PyRef(retaining: state.object.tupleItem(index)))
            }
            return PyRef.none
        }
    },
])

/// Made once, because CPython keeps pointers into it.
private let columnMembers = Members([
    .field("name", "Name of the column; a str.", \apus_column.name),
    .field("type_code", "OID of the type of the column; an int.", \apus_column.type_code),
    .field(
        "display_size", "Always None, because the server does not send it.",
        \apus_column.display_size),
    .field(
        "internal_size",
        "Size of the type in bytes, or the declared length; an int, negative if it varies.",
        \apus_column.internal_size),
    .field(
        "precision", "Total number of digits of a `numeric` column; an int, None for other types.",
        \apus_column.precision),
    .field(
        "scale",
        "Number of decimal places of a `numeric` column; an int, None for other types.",
        \apus_column.scale),
    .field("null_ok", "Always None, because the server does not send it.", \apus_column.null_ok),
    .field(
        "table_oid",
        "OID of the table of the column; an int, None if it is not a column of a table.",
        \apus_column.table_oid),
    .field(
        "table_column",
        "Number of the column in its table, from 1; an int, None if it is not a column of a table.",
        \apus_column.table_column),
])
