import ApusPython
import CApusPsycopg

/// `psycopg2.extensions.adapters`: a dict {(type, protocol): callable} that counts its changes. Quoting compares the
/// count to know whether a built-in type still has its built-in adapter, which costs one comparison.
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
                countChange(me)
                defer { countChange(me) }
                return me?.assignDictItem(key, value) ?? -1
            },
            .initialize { me, arguments, keywords in
                countChange(me)
                defer { countChange(me) }
                return me?.initializeDict(arguments, keywords) ?? -1
            },
            .methods(registryMethods),
            .inPlaceOr(registryUpdate),
        ])
}

private func countChange(_ me: PyObj?) { me?.fields(apus_adapter_registry.self).pointee.generation &+= 1 }

/// Calls a method of dict that changes the registry. The change is counted when the method is called, not when it is
/// looked up, because a program may keep the bound method and call it again.
private func callDictMethod(_ name: StaticString, _ me: PyObj?, _ arguments: PyObj?, _ keywords: PyObj?) -> PyObj? {
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
        // Counted before and after, because comparing keys may run Python code that quotes a value in between.
        countChange(me)
        defer { countChange(me) }
        return try method.object.call(arguments: all, keywords: keywords)
    }
}

private let registryUpdate: BinaryOperator = { me, other in
    returningObject { () throws(PythonError) in
        let me = try receiver(me)
        countChange(me)
        defer { countChange(me) }
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
    /// The built-in types that still have their built-in adapter.
    @inline(__always)
    static func direct(_ state: UnsafeMutablePointer<ModuleState>) -> DirectTypes {
        let registry = state.pointee.adapters.fields(apus_adapter_registry.self)
        if registry.pointee.generation != registry.pointee.checked { findDirectTypes(state) }
        return DirectTypes(rawValue: UInt(registry.pointee.direct))
    }

    @inline(never)
    private static func findDirectTypes(_ state: UnsafeMutablePointer<ModuleState>) {
        let registry = state.pointee.adapters.fields(apus_adapter_registry.self)
        // The generation is read first: comparing keys of the program's own classes may run Python code that changes
        // the registry, and then the types are checked again at the next use.
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

    /// Returns the adapter of an object for a protocol: `psycopg2.extensions.adapt`.
    ///
    /// The first of these that exists: the result of the callable registered for the object's type; of the protocol's
    /// `__adapt__`; of the object's `__conform__`; of the callable registered for the nearest base class;
    /// `alternative`; for a NumPy scalar, the adapter of its plain Python value. Raises ProgrammingError if none
    /// exists.
    static func adapt(_ object: PyObj, to proto: PyObj, or alternative: PyObj? = nil) throws(PythonError) -> PyRef {
        let state = module
        if let adapted = try adapt(object, as: object.type, to: proto) { return adapted }
        if let adapted = try callAdapting(proto, state.pointee.nameAdapt, object) { return adapted }
        if let adapted = try callAdapting(object, state.pointee.nameConform, proto) { return adapted }
        if let order = object.type.methodResolutionOrder {
            // Retained, because the callables may run Python code that changes the bases of the class.
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

    /// Converts a NumPy scalar to a plain Python object; nil for any other object.
    private static func numpyScalar(_ object: PyObj) throws(PythonError) -> PyRef? {
        guard object.typeName.hasPrefix("numpy.") else { return nil }
        let numpy = try Python.module("psycopg2._numpy")
        let convert = try numpy.object.attribute("plain")
        let plain = try convert.object.call(object)
        if plain.object == Python.notImplemented { return nil }
        return plain
    }

    /// Calls the callable registered for a type; nil if there is none.
    private static func adapt(_ object: PyObj, as type: PyObj, to proto: PyObj) throws(PythonError) -> PyRef? {
        let key = try PyRef(tuple: type, proto)
        // Retained, because the adapter may remove itself from the registry.
        guard let adapter = try module.pointee.adapters.find(key.object) else { return nil }
        return try adapter.object.call(object)
    }

    /// Calls `receiver.name(argument)`. Nil if there is no such method, if it returns None, or if it raises TypeError.
    private static func callAdapting(_ receiver: PyObj, _ name: PyObj, _ argument: PyObj) throws(PythonError) -> PyRef?
    {
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

/// Made once, because CPython keeps pointers into it.
private let registryMethods = Methods(
    [
        .keyword("clear", "()", "Remove all adapters.") { callDictMethod("clear", $0, $1, $2) },
        .keyword(
            "pop", "(key, default=..., /)",
            "Remove and return the adapter of a key; without one, return `default` or raise KeyError."
        ) { callDictMethod("pop", $0, $1, $2) },
        .keyword(
            "popitem", "()",
            "Remove the last adapter, and return (key, adapter). Raises KeyError if there is none."
        ) {
            callDictMethod("popitem", $0, $1, $2)
        },
        .keyword(
            "setdefault", "(key, default=None, /)",
            "Return the adapter of a key; without one, add `default` and return it."
        ) {
            callDictMethod("setdefault", $0, $1, $2)
        },
        .keyword(
            "update", "(other=(), /, **kwargs)",
            "Add adapters from a mapping, or from an iterable of pairs."
        ) { callDictMethod("update", $0, $1, $2) },
    ] as [Method])
