import CApusLibPQ
import CApusPython

/// `psycopg2.extensions.Column`: one column of a result, as PEP 249's sequence of seven and by name.
enum Column {
    private static let numeric: UInt32 = 1700

    /// The column of a result.
    static func make(_ result: OpaquePointer, _ index: Int32, _ encoding: ClientEncoding) throws(Raised) -> PyObj {
        let column = try Owned(owned(apus_allocate(module.pointee.column.asType)))
        let fields = column.object.fields(apus_column.self)
        if let name = PQfname(result, index) {
            fields.pointee.name = try encoding.decode(UnsafeRawBufferPointer(start: name, count: strlen(name)))
        }
        let type = PQftype(result, index)
        fields.pointee.type_code = try python(Int(type))
        // A type modifier counts the four bytes of a length word with it. What has none shows as psycopg2 shows it.
        let modifier = Int(PQfmod(result, index))
        let length = modifier > 0 ? modifier - 4 : modifier
        let size = Int(PQfsize(result, index))
        fields.pointee.internal_size = try python(size != -1 ? size : type == numeric ? length >> 16 : length)
        if type == numeric {
            fields.pointee.precision = try python((length >> 16) & 0xFFFF)
            fields.pointee.scale = try python(length & 0xFFFF)
        }
        let table = PQftable(result, index)
        if table != 0 { fields.pointee.table_oid = try python(Int(table)) }
        let number = PQftablecol(result, index)
        if number > 0 { fields.pointee.table_column = try python(Int(number)) }
        return column.take()
    }

    /// PEP 249's seven, as a new tuple.
    fileprivate static func sequence(_ me: PyObj) throws(Raised) -> PyObj {
        // Made first: a new tuple may set off the cycle collector, and with it finalizers that change the column.
        let tuple = try owned(PyTuple_New(sequenceCount))
        let slots = slots(me)
        for index in 0..<sequenceCount { apus_tuple_set(tuple, index, (slots[index] ?? apus_none()).retained()) }
        return tuple
    }

    private static let sequenceCount = 7

    /// In the order of the fields.
    private static let names: [StaticString] = [
        "name", "type_code", "display_size", "internal_size", "precision", "scale", "null_ok", "table_oid",
        "table_column",
    ]

    private static func slots(_ me: PyObj) -> UnsafeMutablePointer<PyObj?> {
        let start = UnsafeMutableRawPointer(me) + (MemoryLayout<apus_column>.offset(of: \.name) ?? 0)
        return start.assumingMemoryBound(to: PyObj?.self)
    }

    static func makeType(in owner: PyObj) throws(Raised) -> PyObj {
        try ApusPsycopg.makeType(
            "psycopg2.extensions.Column", in: owner, size: MemoryLayout<apus_column>.size,
            flags: apus_flag_subclass | apus_flag_collected,
            [
                .doc("Description of a column returned by a query."),
                .initialize { me, arguments, keywords in
                    succeed { () throws(Raised) in
                        let given = try Arguments("Column", Column.names, tuple: arguments, dict: keywords)
                        let slots = Column.slots(try receiver(me))
                        for index in Column.names.indices { replace(&slots[index], with: given[index]?.retained()) }
                    }
                },
                .repr { me in
                    answer { () throws(Raised) in
                        let values = try Owned(Column.sequence(receiver(me)))
                        let name = try Owned(owned(PyObject_Repr(apus_tuple_get(values.object, 0))))
                        let type = try Owned(owned(PyObject_Repr(apus_tuple_get(values.object, 1))))
                        return try python("Column(name=\(text(of: name.object)), type_code=\(text(of: type.object)))")
                    }
                },
                .compare { me, other, operation in
                    answer { () throws(Raised) in
                        let mine = try Owned(Column.sequence(receiver(me)))
                        let other = try receiver(other)
                        guard apus_is_instance(other, module.pointee.column) != 0 else {
                            return try owned(PyObject_RichCompare(mine.object, other, operation))
                        }
                        let theirs = try Owned(Column.sequence(other))
                        return try owned(PyObject_RichCompare(mine.object, theirs.object, operation))
                    }
                },
                .mappingLength { _ in 7 },
                .length { _ in 7 },
                .item { me, index in
                    answer { () throws(Raised) in
                        let values = try Owned(Column.sequence(receiver(me)))
                        return try owned(PySequence_GetItem(values.object, index))
                    }
                },
                .subscripted { me, key in
                    answer { () throws(Raised) in
                        let values = try Owned(Column.sequence(receiver(me)))
                        return try owned(PyObject_GetItem(values.object, key))
                    }
                },
                .traverse(apus_column_traverse), .clear(apus_column_clear), .dealloc(apus_column_dealloc),
                .members(
                    permanent(
                        [
                            .field("name", "The name of the column.", \apus_column.name),
                            .field("type_code", "The OID of the column's type.", \apus_column.type_code),
                            .field("display_size", "Always None.", \apus_column.display_size),
                            .field("internal_size", "The size in bytes on the server.", \apus_column.internal_size),
                            .field("precision", "The digits of a numeric.", \apus_column.precision),
                            .field("scale", "The digits after the point of a numeric.", \apus_column.scale),
                            .field("null_ok", "Always None.", \apus_column.null_ok),
                            .field(
                                "table_oid", "The OID of the table that the column is from.", \apus_column.table_oid),
                            .field("table_column", "The column's number in its table.", \apus_column.table_column),
                        ], end: .end)),
                .methods(
                    permanent(
                        [
                            .plain("__getstate__", "The state for pickle.") { me, _ in
                                answer { () throws(Raised) in try Column.sequence(receiver(me)) }
                            },
                            .plain("__reduce__", "Pickles the column.") { me, _ in
                                answer { () throws(Raised) in
                                    let values = try Owned(Column.sequence(receiver(me)))
                                    return try owned(apus_tuple2(module.pointee.column, values.object))
                                }
                            },
                            .one("__setstate__", "Takes the state of a pickle.") { me, state in
                                answer { () throws(Raised) in
                                    let slots = Column.slots(try receiver(me))
                                    let state = try Owned(owned(PySequence_Tuple(state)))
                                    for index in 0..<min(Column.names.count, apus_tuple_size(state.object)) {
                                        replace(&slots[index], with: apus_tuple_get(state.object, index).retained())
                                    }
                                    return none()
                                }
                            },
                        ], end: .end)),
            ])
    }
}
