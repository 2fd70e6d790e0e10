import ApusPython
import CApusPsycopg

/// Makes the type of typecasters, the built-in typecasters, and their registries.
func makeTypecasters(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(PythonError) {
    state.pointee.chunk = try makeChunkType(in: owner).take()
    state.pointee.typecaster = try makeTypecasterType(in: owner).take()
    state.pointee.stringTypes = try PyRef.dict().take()
    state.pointee.binaryTypes = try PyRef.dict().take()
    try owner.add(state.pointee.stringTypes, as: "string_types")
    try owner.add(state.pointee.binaryTypes, as: "binary_types")
    for builtin in BuiltinTypecaster.all {
        let caster = try Typecaster.make(builtin, in: owner)
        try owner.add(caster.object, as: builtin.name)
        if builtin.isRegistered { try Typecaster.register(caster.object, in: state.pointee.stringTypes) }
    }
    state.pointee.defaultCast = try owner.attribute("STRING").take()
    state.pointee.defaultBinaryCast = try owner.attribute("BINARY").take()
}

enum Typecaster {
    fileprivate static func make(_ builtin: BuiltinTypecaster, in owner: PyObj) throws(PythonError) -> PyRef {
        let values = try PyRef(tupleOf: builtin.oids.count)
        for (index, oid) in builtin.oids.enumerated() { try values.set(tupleItem: index, to: PyRef(Int(oid))) }
        let name = try PyRef(interned: builtin.name)
        var element: PyRef?
        if let elementName = builtin.element { element = try owner.attribute(elementName) }
        return try make(values.object, name.object, builtin.decoder, cast: nil, base: element)
    }

    private static func make(
        _ values: PyObj, _ name: PyObj, _ decoder: Decoder, cast: PyObj?, base: consuming PyRef?
    ) throws(PythonError) -> PyRef {
        let object = try PyRef(instanceOf: module.pointee.typecaster)
        let fields = object.object.fields(apus_typecaster.self)
        fields.pointee.values = values.retained()
        fields.pointee.name = name.retained()
        fields.pointee.decoder = decoder.rawValue
        fields.pointee.cast = cast?.retained()
        fields.pointee.base = base?.take()
        return object
    }

    /// `new_type(oids, name, castobj)`
    static func makeNew(_ given: Arguments) throws(PythonError) -> PyRef {
        let (values, name) = try checked(given)
        let cast = given.unlessNone(2)
        return try make(values, name, cast == nil ? .text : .python, cast: cast, base: nil)
    }

    /// `new_array_type(oids, name, base)`
    static func makeNewArray(_ given: Arguments) throws(PythonError) -> PyRef {
        let (values, name) = try checked(given)
        let base = try given.required(2)
        guard base.isInstance(of: module.pointee.typecaster) else {
            throw raiseTypeError("new_array_type() argument 3 must be psycopg2._psycopg.type, not \(base.typeName)")
        }
        return try make(values, name, .array, cast: nil, base: PyRef(retaining: base))
    }

    private static func checked(_ given: Arguments) throws(PythonError) -> (values: PyObj, name: PyObj) {
        let values = try given.required(0)
        guard values.isTuple else {
            throw raiseTypeError("argument 1 must be tuple, not \(values.typeName)")
        }
        for index in 0..<values.tupleCount where !values.tupleItem(index).isInt {
            throw raiseTypeError("the OIDs must be integers, not \(values.tupleItem(index).typeName)")
        }
        let name = given.unlessNone(1) ?? given[1]
        guard let name, name.isStr else { throw raiseTypeError("the name must be str") }
        return (values, name)
    }

    /// Uses the typecaster for the columns of its OIDs.
    static func register(_ caster: PyObj, in registry: PyObj) throws(PythonError) {
        guard let values = caster.fields(apus_typecaster.self).pointee.values else { return }
        // Retained, because hashing an instance of a subclass of int may run Python code that replaces the cursor's
        // registry.
        let keeper = PyRef(retaining: registry)
        for index in 0..<values.tupleCount {
            try keeper.object.set(values.tupleItem(index), to: caster)
        }
    }

    /// `register_type(caster, scope)`: for all connections, or only for one connection or cursor.
    static func register(_ caster: PyObj, for scope: PyObj?) throws(PythonError) {
        let state = module
        guard caster.isInstance(of: state.pointee.typecaster) else {
            throw raiseTypeError("argument 1 must be psycopg2._psycopg.type, not \(caster.typeName)")
        }
        guard let scope else { return try register(caster, in: state.pointee.stringTypes) }
        if scope.isInstance(of: state.pointee.cursor) {
            let fields = try initializedCursor(scope).fields
            if fields.pointee.string_types == nil { fields.pointee.string_types = try PyRef.dict().take() }
            if let own = fields.pointee.string_types { try register(caster, in: own) }
        } else if scope.isInstance(of: state.pointee.connection) {
            if let own = try Connection(scope).fields.pointee.string_types { try register(caster, in: own) }
        } else {
            throw raiseTypeError("argument 2 must be a connection, cursor or None")
        }
    }

    /// `typecaster(value, cursor)`: converts a text.
    static func call(_ caster: PyObj, _ value: PyObj, _ cursor: PyObj?) throws(PythonError) -> PyRef {
        let fields = caster.fields(apus_typecaster.self)
        let decoder = Decoder(rawValue: fields.pointee.decoder) ?? .python
        var decoding = try decodingContext(of: cursor)
        // As in psycopg2: Python casts are called for NULL cells, but calling the typecaster with None returns None.
        if value.isNone { return PyRef.none }
        if value.isBytes {
            return try decoding.decode(decoder, fields, value.bytes)
        }
        guard value.isStr else {
            throw raiseTypeError("a bytes-like object is required, not '\(value.typeName)'")
        }
        let encoded = try decoding.encoding.encode(value)
        return try decoding.decode(decoder, fields, encoded.bytes)
    }

    /// True if `other` is one of the typecaster's OIDs, or a typecaster with an OID in common.
    fileprivate static func matches(_ caster: PyObj, _ other: PyObj) throws(PythonError) -> Bool {
        guard let values = caster.fields(apus_typecaster.self).pointee.values else { return false }
        if !other.isInstance(of: module.pointee.typecaster) {
            return try values.contains(other)
        }
        if caster == other { return true }
        guard let others = other.fields(apus_typecaster.self).pointee.values else { return false }
        for index in 0..<others.tupleCount where try values.contains(others.tupleItem(index)) { return true }
        return false
    }
}

private func makeTypecasterType(in owner: PyObj) throws(PythonError) -> PyRef {
    try PyRef(
        typeNamed: "psycopg2._psycopg.type", in: owner, size: MemoryLayout<apus_typecaster>.size, flags: .collected,
        doc: """
            A typecaster, which converts the text of a result to an object. `extensions.new_type()` creates
            typecasters.

            Call it with a text, a str or bytes, and a cursor or None, to convert the text. It equals each of
            its OIDs, so that `cursor.description[0].type_code == psycopg2.NUMBER` compares types as PEP 249
            demands.
            """,
        [
            .call { me, arguments, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "type", ["string", "cursor"], required: 1, tuple: arguments, dict: keywords)
                    return try Typecaster.call(receiver(me), given.required(0), given.unlessNone(1))
                }
            },
            .compare { me, other, operation in
                returningObject { () throws(PythonError) in
                    guard operation == Comparison.equal || operation == Comparison.notEqual else {
                        return PyRef(retaining: Python.notImplemented)
                    }
                    let equal = try Typecaster.matches(receiver(me), receiver(other))
                    return PyRef(equal == (operation == Comparison.equal))
                }
            },
            .repr { me in
                returningObject { () throws(PythonError) in
                    let me = try receiver(me)
                    let name = try me.fields(apus_typecaster.self).pointee.name.map(text) ?? ""
                    return try PyRef(
                        "<psycopg2._psycopg.type '\(name)' at 0x\(String(UInt(bitPattern: me), radix: 16))>")
                }
            },
            .traverse(apus_typecaster_traverse), .clear(apus_typecaster_clear), .dealloc(apus_typecaster_dealloc),
            .members(typecasterMembers),
        ])
}

/// Decodes the text of a `bytea`. A C function, which programs find by its name in the extension's file.
@_cdecl("typecast_BINARY_cast")
public func castBinary(
    _ text: UnsafePointer<CChar>?, _ length: Int, _ cursor: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let text else { return UnsafeMutableRawPointer(Python.none.retained()) }
    return UnsafeMutableRawPointer(
        returningObject { () throws(PythonError) in
            var slab = ByteSlab()
            return try slab.view(UnsafeRawBufferPointer(start: text, count: length))
        })
}

/// Made once, because CPython keeps pointers into it.
private let typecasterMembers = Members([
    .field("name", "Name of the typecaster; a str.", \apus_typecaster.name),
    .field("values", "OIDs of the types that it converts; a tuple of int.", \apus_typecaster.values),
])
