import CApusPython

/// Makes the type of typecasters, the built-in ones, and the registries.
func makeTypecasters(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(Raised) {
    state.pointee.chunk = try makeChunkType(in: owner)
    state.pointee.typecaster = try makeTypecasterType(in: owner)
    state.pointee.stringTypes = try owned(PyDict_New())
    state.pointee.binaryTypes = try owned(PyDict_New())
    try add(state.pointee.stringTypes, as: "string_types", to: owner)
    try add(state.pointee.binaryTypes, as: "binary_types", to: owner)
    for builtin in BuiltinTypecaster.all {
        let caster = try Owned(Typecaster.make(builtin, in: owner))
        try add(caster.object, as: builtin.name, to: owner)
        if builtin.isRegistered { try Typecaster.register(caster.object, in: state.pointee.stringTypes) }
    }
    state.pointee.defaultCast = try attribute("STRING", of: owner)
    state.pointee.defaultBinaryCast = try attribute("BINARY", of: owner)
}

enum Typecaster {
    fileprivate static func make(_ builtin: BuiltinTypecaster, in owner: PyObj) throws(Raised) -> PyObj {
        let values = try Owned(owned(PyTuple_New(builtin.oids.count)))
        for (index, oid) in builtin.oids.enumerated() { try apus_tuple_set(values.object, index, python(Int(oid))) }
        let name = try Owned(interned(builtin.name))
        var element: PyObj?
        if let elementName = builtin.element { element = try attribute(elementName, of: owner) }
        return try make(values.object, name.object, builtin.decoder, cast: nil, base: element)
    }

    /// - Parameter base: owned; taken over.
    private static func make(
        _ values: PyObj, _ name: PyObj, _ decoder: Decoder, cast: PyObj?, base: PyObj?
    ) throws(Raised) -> PyObj {
        guard let object = apus_allocate(module.pointee.typecaster.asType) else {
            base?.release()
            throw Raised()
        }
        let fields = object.fields(apus_typecaster.self)
        fields.pointee.values = values.retained()
        fields.pointee.name = name.retained()
        fields.pointee.decoder = decoder.rawValue
        fields.pointee.cast = cast?.retained()
        fields.pointee.base = base
        return object
    }

    /// `new_type(oids, name, castobj)`
    static func makeNew(_ given: Arguments) throws(Raised) -> PyObj {
        let (values, name) = try checked(given)
        let cast = given.unlessNone(2)
        return try make(values, name, cast == nil ? .text : .python, cast: cast, base: nil)
    }

    /// `new_array_type(oids, name, base)`
    static func makeNewArray(_ given: Arguments) throws(Raised) -> PyObj {
        let (values, name) = try checked(given)
        let base = try given.required(2)
        guard apus_is_instance(base, module.pointee.typecaster) != 0 else {
            throw raiseTypeError("new_array_type() argument 3 must be psycopg2._psycopg.type, not \(base.typeName)")
        }
        return try make(values, name, .array, cast: nil, base: base.retained())
    }

    private static func checked(_ given: Arguments) throws(Raised) -> (values: PyObj, name: PyObj) {
        let values = try given.required(0)
        guard apus_is_tuple(values) != 0 else {
            throw raiseTypeError("argument 1 must be tuple, not \(values.typeName)")
        }
        for index in 0..<apus_tuple_size(values) where apus_is_int(apus_tuple_get(values, index)) == 0 {
            throw raiseTypeError("the OIDs must be integers, not \(apus_tuple_get(values, index).typeName)")
        }
        let name = given.unlessNone(1) ?? given[1]
        guard let name, apus_is_str(name) != 0 else { throw raiseTypeError("the name must be str") }
        return (values, name)
    }

    /// Makes columns of the typecaster's OIDs be decoded by it.
    static func register(_ caster: PyObj, in registry: PyObj) throws(Raised) {
        guard let values = caster.fields(apus_typecaster.self).pointee.values else { return }
        // A subclass of int may run Python code when it is hashed, which may give the cursor another registry.
        let keeper = Owned(registry.retained())
        for index in 0..<apus_tuple_size(values) {
            try check(PyDict_SetItem(keeper.object, apus_tuple_get(values, index), caster))
        }
    }

    /// `register_type(caster, scope)`: for everybody, or for one connection or cursor.
    static func register(_ caster: PyObj, for scope: PyObj?) throws(Raised) {
        let state = module
        guard apus_is_instance(caster, state.pointee.typecaster) != 0 else {
            throw raiseTypeError("argument 1 must be psycopg2._psycopg.type, not \(caster.typeName)")
        }
        guard let scope else { return try register(caster, in: state.pointee.stringTypes) }
        if apus_is_instance(scope, state.pointee.cursor) != 0 {
            let fields = try Cursor(scope).fields
            if fields.pointee.string_types == nil { fields.pointee.string_types = try owned(PyDict_New()) }
            if let own = fields.pointee.string_types { try register(caster, in: own) }
        } else if apus_is_instance(scope, state.pointee.connection) != 0 {
            if let own = try Connection(scope).fields.pointee.string_types { try register(caster, in: own) }
        } else {
            throw raiseTypeError("argument 2 must be a connection, cursor or None")
        }
    }

    /// `typecaster(value, cursor)`: what the typecaster makes of a text.
    static func call(_ caster: PyObj, _ value: PyObj, _ cursor: PyObj?) throws(Raised) -> PyObj {
        let fields = caster.fields(apus_typecaster.self)
        let decoder = Decoder(rawValue: fields.pointee.decoder) ?? .python
        var decoding = try decodingContext(of: cursor)
        // As psycopg2 has it: a function is told of the NULL in a row, but not of a None that a program casts.
        if value.isNone { return none() }
        if apus_is_bytes(value) != 0 {
            return try decoding.decode(
                decoder, fields, UnsafeRawBufferPointer(start: apus_bytes_data(value), count: apus_bytes_size(value)))
        }
        guard apus_is_str(value) != 0 else {
            throw raiseTypeError("a bytes-like object is required, not '\(value.typeName)'")
        }
        let (bytes, holder) = try decoding.encoding.encode(value)
        let keeper = Owned(holder)
        let result = try decoding.decode(decoder, fields, bytes)
        _ = keeper.object
        return result
    }

    /// Whether a typecaster stands for an OID, or shares one with another typecaster.
    fileprivate static func matches(_ caster: PyObj, _ other: PyObj) throws(Raised) -> Bool {
        guard let values = caster.fields(apus_typecaster.self).pointee.values else { return false }
        if apus_is_instance(other, module.pointee.typecaster) == 0 {
            let found = PySequence_Contains(values, other)
            try check(found)
            return found != 0
        }
        if caster == other { return true }
        guard let others = other.fields(apus_typecaster.self).pointee.values else { return false }
        for index in 0..<apus_tuple_size(others) {
            let found = PySequence_Contains(values, apus_tuple_get(others, index))
            try check(found)
            if found != 0 { return true }
        }
        return false
    }
}

private func makeTypecasterType(in owner: PyObj) throws(Raised) -> PyObj {
    try makeType(
        "psycopg2._psycopg.type", in: owner, size: MemoryLayout<apus_typecaster>.size, flags: apus_flag_collected,
        [
            .doc("Makes Python objects of the text of PostgreSQL's types; compares equal to their OIDs."),
            .call { me, arguments, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments(
                        "type", ["string", "cursor"], required: 1, tuple: arguments, dict: keywords)
                    return try Typecaster.call(receiver(me), given.required(0), given.unlessNone(1))
                }
            },
            .compare { me, other, operation in
                answer { () throws(Raised) in
                    guard operation == Py_EQ || operation == Py_NE else { return apus_not_implemented().retained() }
                    let equal = try Typecaster.matches(receiver(me), receiver(other))
                    return python(equal == (operation == Py_EQ))
                }
            },
            .repr { me in
                answer { () throws(Raised) in
                    let me = try receiver(me)
                    let name = try me.fields(apus_typecaster.self).pointee.name.map(text) ?? ""
                    return try python(
                        "<psycopg2._psycopg.type '\(name)' at 0x\(String(UInt(bitPattern: me), radix: 16))>")
                }
            },
            .traverse(apus_typecaster_traverse), .clear(apus_typecaster_clear), .dealloc(apus_typecaster_dealloc),
            .members(
                permanent(
                    [
                        .field("name", "The typecaster's name.", \apus_typecaster.name),
                        .field("values", "The OIDs that it stands for.", \apus_typecaster.values),
                    ], end: .end)),
        ])
}

/// A C function that programs find by its name in the extension's file: the object of a `bytea`'s text.
@_cdecl("typecast_BINARY_cast")
public func castBinary(
    _ text: UnsafePointer<CChar>?, _ length: Int, _ cursor: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let text else { return UnsafeMutableRawPointer(none()) }
    return UnsafeMutableRawPointer(
        answer { () throws(Raised) in
            var slab = ByteSlab()
            return try slab.view(UnsafeRawBufferPointer(start: text, count: length))
        })
}
