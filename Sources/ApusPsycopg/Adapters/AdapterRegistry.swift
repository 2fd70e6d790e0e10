import CApusPython

/// `psycopg2.extensions.adapters`: a dict {(type, protocol): callable} that notices when it may have changed, so that
/// quoting knows at the cost of one comparison whether a built-in type is still adapted as built in.
func makeAdapterRegistryType(in owner: PyObj) throws(Raised) -> PyObj {
    try makeType(
        "psycopg2._psycopg.adapters", in: owner, size: MemoryLayout<apus_adapter_registry>.size, flags: 0,
        bases: apus_type_dict(),
        [
            .doc("The registry of adapters: {(type, protocol): callable}."),
            .assigned { me, key, value in
                noteChange(me)
                defer { noteChange(me) }
                return apus_dict_assign(me, key, value)
            },
            .initialize { me, arguments, keywords in
                noteChange(me)
                defer { noteChange(me) }
                return apus_dict_initialize(me, arguments, keywords)
            },
            .methods(
                permanent(
                    [
                        .keyword("clear", "Removes all adapters.") { changed("clear", $0, $1, $2) },
                        .keyword("pop", "Removes an adapter and returns it.") { changed("pop", $0, $1, $2) },
                        .keyword("popitem", "Removes an adapter and returns it with its key.") {
                            changed("popitem", $0, $1, $2)
                        },
                        .keyword("setdefault", "Adds an adapter unless there is one.") {
                            changed("setdefault", $0, $1, $2)
                        },
                        .keyword("update", "Adds adapters.") { changed("update", $0, $1, $2) },
                    ] as [PyMethodDef], end: .end)),
            PyType_Slot(Py_nb_inplace_or, unsafeBitCast(registryUpdate, to: UnsafeMutableRawPointer.self)),
        ])
}

private func noteChange(_ me: PyObj?) { me?.fields(apus_adapter_registry.self).pointee.generation &+= 1 }

/// A method of dict that changes the registry. The change is noted when the method is called, because a program may
/// keep the method, and call it again.
private func changed(_ name: StaticString, _ me: PyObj?, _ arguments: PyObj?, _ keywords: PyObj?) -> PyObj? {
    answer { () throws(Raised) in
        let me = try receiver(me)
        let method = try Owned(attribute(name, of: apus_type_dict()))
        let count = arguments.map { apus_tuple_size($0) } ?? 0
        let all = try Owned(owned(PyTuple_New(count &+ 1)))
        apus_tuple_set(all.object, 0, me.retained())
        if let arguments {
            for index in 0..<count {
                apus_tuple_set(all.object, index &+ 1, apus_tuple_get(arguments, index).retained())
            }
        }
        // What is compared meanwhile may run Python code that quotes: it is noted before and after.
        noteChange(me)
        defer { noteChange(me) }
        return try owned(PyObject_Call(method.object, all.object, keywords))
    }
}

private let registryUpdate: binaryfunc = { me, other in
    answer { () throws(Raised) in
        let me = try receiver(me)
        noteChange(me)
        defer { noteChange(me) }
        try check(PyDict_Update(me, other))
        return me.retained()
    }
}

/// The types whose values are quoted without an adapter object, as long as their adapter is the built-in one.
struct DirectTypes: OptionSet {
    let rawValue: UInt
    static let none = DirectTypes(rawValue: 1 << 0)
    static let bool = DirectTypes(rawValue: 1 << 1)
    static let int = DirectTypes(rawValue: 1 << 2)
    static let float = DirectTypes(rawValue: 1 << 3)
    static let decimal = DirectTypes(rawValue: 1 << 4)
    static let str = DirectTypes(rawValue: 1 << 5)
    static let bytes = DirectTypes(rawValue: 1 << 6)
    static let bytearray = DirectTypes(rawValue: 1 << 7)
    static let memoryview = DirectTypes(rawValue: 1 << 8)
    static let date = DirectTypes(rawValue: 1 << 9)
    static let time = DirectTypes(rawValue: 1 << 10)
    static let datetime = DirectTypes(rawValue: 1 << 11)
    static let timedelta = DirectTypes(rawValue: 1 << 12)
    static let list = DirectTypes(rawValue: 1 << 13)
    static let tuple = DirectTypes(rawValue: 1 << 14)
}

enum AdapterRegistry {
    /// Which types' adapters are still the built-in ones.
    @inline(__always)
    static func direct(_ state: UnsafeMutablePointer<ModuleState>) -> DirectTypes {
        let registry = state.pointee.adapters.fields(apus_adapter_registry.self)
        if registry.pointee.generation != registry.pointee.checked { check(state) }
        return DirectTypes(rawValue: UInt(registry.pointee.direct))
    }

    @inline(never)
    private static func check(_ state: UnsafeMutablePointer<ModuleState>) {
        let registry = state.pointee.adapters.fields(apus_adapter_registry.self)
        // Keys of the program's own may change the registry while they are compared: then it is looked at again.
        let generation = registry.pointee.generation
        var direct: DirectTypes = []
        for (type, adapter, bit) in builtin(state) {
            guard let key = apus_tuple2(type, state.pointee.isqlQuote) else {
                PyErr_Clear()
                continue
            }
            if PyDict_GetItem(state.pointee.adapters, key) == adapter { direct.insert(bit) }
            key.release()
        }
        registry.pointee.direct = UInt(direct.rawValue)
        registry.pointee.checked = generation
    }

    /// The adapters that the module registers.
    static func builtin(_ state: UnsafeMutablePointer<ModuleState>) -> [(PyObj, PyObj, DirectTypes)] {
        let state = state.pointee
        return [
            (apus_type_none(), state.noneAdapter, .none), (apus_type_bool(), state.boolean, .bool),
            (apus_type_int(), state.int, .int), (apus_type_float(), state.float, .float),
            (state.decimal, state.decimalAdapter, .decimal), (apus_type_str(), state.quotedString, .str),
            (apus_type_bytes(), state.binary, .bytes), (apus_type_bytearray(), state.binary, .bytearray),
            (apus_type_memoryview(), state.binary, .memoryview), (state.date, state.dateFromPy, .date),
            (state.time, state.timeFromPy, .time), (state.datetime, state.timestampFromPy, .datetime),
            (state.timedelta, state.intervalFromPy, .timedelta), (apus_type_list(), state.list, .list),
            (apus_type_tuple(), state.sqlIn, .tuple),
        ]
    }

    /// The adapter of an object for a protocol: `psycopg2.extensions.adapt`.
    ///
    /// In this order: the callable registered for its type; the protocol's `__adapt__`; the object's `__conform__`; the
    /// callable for the nearest of its type's bases; `alternative`; for a NumPy scalar that of its plain value;
    /// ProgrammingError.
    static func adapt(_ object: PyObj, to proto: PyObj, or alternative: PyObj? = nil) throws(Raised) -> PyObj {
        let state = module
        if let adapted = try adapt(object, as: apus_type_object(object), to: proto) { return adapted }
        if let adapted = try ask(proto, state.pointee.nameAdapt, object) { return adapted }
        if let adapted = try ask(object, state.pointee.nameConform, proto) { return adapted }
        if let order = apus_method_resolution_order(apus_type_object(object)) {
            // A class may be given other bases by what is called here.
            let bases = Owned(order.retained())
            for i in 1..<max(1, apus_tuple_size(bases.object)) {
                if let adapted = try adapt(object, as: apus_tuple_get(bases.object, i), to: proto) { return adapted }
            }
        }
        if let alternative { return alternative.retained() }
        if let plain = try numpyScalar(object) {
            let keeper = Owned(plain)
            return try adapt(keeper.object, to: proto)
        }
        throw raise(state.pointee.programmingError, "can't adapt type '\(object.typeName)'")
    }

    /// Python's own object of a NumPy scalar; nil for anything else.
    private static func numpyScalar(_ object: PyObj) throws(Raised) -> PyObj? {
        guard object.typeName.hasPrefix("numpy.") else { return nil }
        let numpy = try Owned(owned(PyImport_ImportModule("psycopg2._numpy")))
        let convert = try Owned(attribute("plain", of: numpy.object))
        let plain = try Owned(owned(apus_call1(convert.object, object)))
        return plain.object == apus_not_implemented() ? nil : plain.take()
    }

    /// What the callable registered for a type makes of an object; nil if there is none.
    private static func adapt(_ object: PyObj, as type: PyObj, to proto: PyObj) throws(Raised) -> PyObj? {
        let key = try Owned(owned(apus_tuple2(type, proto)))
        guard let found = apus_dict_find(module.pointee.adapters, key.object) else {
            if PyErr_Occurred() != nil { throw Raised() }
            return nil
        }
        // It may take itself out of the registry.
        let adapter = Owned(found)
        return try owned(apus_call1(adapter.object, object))
    }

    /// What `receiver.name(argument)` answers, unless there is no such method, it answers None, or it raises TypeError.
    private static func ask(_ receiver: PyObj, _ name: PyObj, _ argument: PyObj) throws(Raised) -> PyObj? {
        guard let method = PyObject_GetAttr(receiver, name) else {
            PyErr_Clear()
            return nil
        }
        defer { method.release() }
        guard let adapted = apus_call1(method, argument) else {
            guard pending(is: apus_exc_type()) else { throw Raised() }
            PyErr_Clear()
            return nil
        }
        if adapted.isNone {
            adapted.release()
            return nil
        }
        return adapted
    }
}
