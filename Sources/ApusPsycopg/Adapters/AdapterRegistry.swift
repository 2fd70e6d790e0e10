import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.adapters`: a dict {(type, protocol): callable} that notices when it may have changed, so that
/// quoting knows at the cost of one comparison whether a built-in type is still adapted as built in.
func makeAdapterRegistryType(in owner: PyObj) throws(PythonError) -> PyRef {
    try PyRef(
        typeNamed: "psycopg2._psycopg.adapters", in: owner, size: MemoryLayout<apus_adapter_registry>.size, flags: [],
        base: Python.dict,
        doc: """
            The adapters in use: a dict from (type, protocol) to a callable that returns an adapter of an
            object.

            `extensions.register_adapter()` adds to it.
            """,
        [
            .assigned { me, key, value in
                noteChange(me)
                defer { noteChange(me) }
                return me?.assignDictItem(key, value) ?? -1
            },
            .initialize { me, arguments, keywords in
                noteChange(me)
                defer { noteChange(me) }
                return me?.initializeDict(arguments, keywords) ?? -1
            },
            .methods(
                Methods(
                    [
                        .keyword("clear", "()", "Remove all adapters.") { changed("clear", $0, $1, $2) },
                        .keyword(
                            "pop", "(key, default=..., /)",
                            "Remove and return the adapter of a key; without one, return `default` or raise KeyError."
                        ) { changed("pop", $0, $1, $2) },
                        .keyword(
                            "popitem", "()",
                            "Remove the last adapter, and return (key, adapter). Raises KeyError if there is none."
                        ) {
                            changed("popitem", $0, $1, $2)
                        },
                        .keyword(
                            "setdefault", "(key, default=None, /)",
                            "Return the adapter of a key; without one, add `default` and return it."
                        ) {
                            changed("setdefault", $0, $1, $2)
                        },
                        .keyword(
                            "update", "(other=(), /, **kwargs)",
                            "Add adapters from a mapping, or from an iterable of pairs."
                        ) { changed("update", $0, $1, $2) },
                    ] as [Method])),
            .inPlaceOr(registryUpdate),
        ])
}

private func noteChange(_ me: PyObj?) { me?.fields(apus_adapter_registry.self).pointee.generation &+= 1 }

/// A method of dict that changes the registry. The change is noted when the method is called, because a program may
/// keep the method, and call it again.
private func changed(_ name: StaticString, _ me: PyObj?, _ arguments: PyObj?, _ keywords: PyObj?) -> PyObj? {
    returningObject { () throws(PythonError) in
        let me = try receiver(me)
        let method = try Python.dict.attribute(name)
        let count = arguments.map { $0.tupleCount } ?? 0
        let all = try PyRef(tupleOf: count &+ 1)
        all.set(tupleItem: 0, to: PyRef(retaining: me))
        if let arguments {
            for index in 0..<count {
                all.set(tupleItem: index &+ 1, to: PyRef(retaining: arguments.tupleItem(index)))
            }
        }
        // What is compared meanwhile may run Python code that quotes: it is noted before and after.
        noteChange(me)
        defer { noteChange(me) }
        return try method.object.call(arguments: all, keywords: keywords)
    }
}

private let registryUpdate: BinaryOperator = { me, other in
    returningObject { () throws(PythonError) in
        let me = try receiver(me)
        noteChange(me)
        defer { noteChange(me) }
        try me.update(from: other)
        return PyRef(retaining: me)
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
            guard let key = try? PyRef(tuple: type, state.pointee.isqlQuote) else {
                PendingException.clear()
                continue
            }
            if state.pointee.adapters.itemIgnoringErrors(key.object) == adapter { direct.insert(bit) }
        }
        registry.pointee.direct = UInt(direct.rawValue)
        registry.pointee.checked = generation
    }

    /// The adapters that the module registers.
    static func builtin(_ state: UnsafeMutablePointer<ModuleState>) -> [(PyObj, PyObj, DirectTypes)] {
        let state = state.pointee
        return [
            (Python.noneType, state.noneAdapter, .none), (Python.bool, state.boolean, .bool),
            (Python.int, state.int, .int), (Python.float, state.float, .float),
            (state.decimal, state.decimalAdapter, .decimal), (Python.str, state.quotedString, .str),
            (Python.bytes, state.binary, .bytes), (Python.bytearray, state.binary, .bytearray),
            (Python.memoryview, state.binary, .memoryview), (state.date, state.dateFromPy, .date),
            (state.time, state.timeFromPy, .time), (state.datetime, state.timestampFromPy, .datetime),
            (state.timedelta, state.intervalFromPy, .timedelta), (Python.list, state.list, .list),
            (Python.tuple, state.sqlIn, .tuple),
        ]
    }

    /// The adapter of an object for a protocol: `psycopg2.extensions.adapt`.
    ///
    /// In this order: the callable registered for its type; the protocol's `__adapt__`; the object's `__conform__`; the
    /// callable for the nearest of its type's bases; `alternative`; for a NumPy scalar that of its plain value;
    /// ProgrammingError.
    static func adapt(_ object: PyObj, to proto: PyObj, or alternative: PyObj? = nil) throws(PythonError) -> PyRef {
        let state = module
        if let adapted = try adapt(object, as: object.type, to: proto) { return adapted }
        if let adapted = try ask(proto, state.pointee.nameAdapt, object) { return adapted }
        if let adapted = try ask(object, state.pointee.nameConform, proto) { return adapted }
        if let order = object.type.methodResolutionOrder {
            // A class may be given other bases by what is called here.
            let bases = PyRef(retaining: order)
            for i in 1..<max(1, bases.object.tupleCount) {
                if let adapted = try adapt(object, as: bases.object.tupleItem(i), to: proto) { return adapted }
            }
        }
        if let alternative { return PyRef(retaining: alternative) }
        if let plain = try numpyScalar(object) {
            return try adapt(plain.object, to: proto)
        }
        throw raise(state.pointee.programmingError, "can't adapt type '\(object.typeName)'")
    }

    /// Python's own object of a NumPy scalar; nil for anything else.
    private static func numpyScalar(_ object: PyObj) throws(PythonError) -> PyRef? {
        guard object.typeName.hasPrefix("numpy.") else { return nil }
        let numpy = try Python.module("psycopg2._numpy")
        let convert = try numpy.object.attribute("plain")
        let plain = try convert.object.call(object)
        if plain.object == Python.notImplemented { return nil }
        return plain
    }

    /// What the callable registered for a type makes of an object; nil if there is none.
    private static func adapt(_ object: PyObj, as type: PyObj, to proto: PyObj) throws(PythonError) -> PyRef? {
        let key = try PyRef(tuple: type, proto)
        // A reference of its own, because the adapter may take itself out of the registry.
        guard let adapter = try module.pointee.adapters.find(key.object) else { return nil }
        return try adapter.object.call(object)
    }

    /// What `receiver.name(argument)` answers, unless there is no such method, it answers None, or it raises TypeError.
    private static func ask(_ receiver: PyObj, _ name: PyObj, _ argument: PyObj) throws(PythonError) -> PyRef? {
        guard let method = try? receiver.attribute(name) else {
            PendingException.clear()
            return nil
        }
        do throws(PythonError) {
            let adapted = try method.object.call(argument)
            if adapted.object.isNone { return nil }
            return adapted
        } catch {
            guard PendingException.isInstance(of: Python.typeError) else { throw error }
            PendingException.clear()
            return nil
        }
    }
}
