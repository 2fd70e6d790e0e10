import CApusPython

/// The definition of a module with multi-phase initialization (PEP 489). The module's state is an array of references,
/// which are NULL at first.
public struct ModuleDefinition: @unchecked Sendable {
    // CPython changes it, under the GIL.
    private let definition: UnsafeMutablePointer<PyModuleDef>

    /// - Parameters:
    ///   - stateSize: the size of the state in bytes; the state contains only references.
    ///   - execute: initializes a new module.
    ///   - free: is called when a module is freed. Its argument may be NULL, or a module without a state: see
    ///     ``state(of:)``.
    public init(
        name: StaticString, doc: StaticString, stateSize: Int, methods: Methods,
        execute: @escaping @convention(c) (PyObj?) -> Int32,
        free: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
    ) {
        let slots = UnsafeMutablePointer<PyModuleDef_Slot>.allocate(capacity: 2)
        slots.initialize(to: PyModuleDef_Slot(slot: Py_mod_exec, value: untyped(execute)))
        (slots + 1).initialize(to: PyModuleDef_Slot(slot: 0, value: nil))
        definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
        definition.initialize(
            to: PyModuleDef(
                m_base: apus_module_head(), m_name: name.c, m_doc: doc.c, m_size: stateSize,
                m_methods: methods.start, m_slots: slots,
                m_traverse: { module, visit, argument in
                    for object in ModuleDefinition.references(of: module) {
                        if let object, let status = visit?(object, argument), status != 0 { return status }
                    }
                    return 0
                },
                m_clear: { module in
                    // Set to None instead of NULL, because objects that are collected with the module may still use its
                    // state.
                    let fields = ModuleDefinition.references(of: module)
                    for index in fields.indices { replace(&fields[index], with: PyRef.none) }
                    return 0
                },
                m_free: free))
    }

    /// Returns the result of `PyInit_…`.
    public func initialize() -> UnsafeMutableRawPointer? { UnsafeMutableRawPointer(PyModuleDef_Init(definition)) }

    /// Returns the state of a module; nil if CPython never allocated it.
    public static func state(of module: PyObj?) -> UnsafeMutableRawPointer? { module.flatMap { PyModule_GetState($0) } }

    private static func references(of module: PyObj?) -> UnsafeMutableBufferPointer<PyObj?> {
        guard let module, let state = state(of: module), let definition = PyModule_GetDef(module) else {
            return UnsafeMutableBufferPointer(start: nil, count: 0)
        }
        return UnsafeMutableBufferPointer(
            start: state.assumingMemoryBound(to: PyObj?.self),
            count: definition.pointee.m_size / MemoryLayout<PyObj?>.size)
    }
}

extension PyObj {
    /// Adds an object to a module, which retains it.
    public func add(_ object: PyObj, as name: StaticString) throws(PythonError) {
        if PyModule_AddObject(self, name.c, object.retained()) < 0 {
            object.release()
            throw PythonError()
        }
    }

    public func add(_ text: StaticString, as name: StaticString) throws(PythonError) {
        try check(PyModule_AddStringConstant(self, name.c, text.c))
    }

    public func add(_ text: String, as name: StaticString) throws(PythonError) {
        try check(PyModule_AddStringConstant(self, name.c, text))
    }

    public func add(_ number: Int, as name: StaticString) throws(PythonError) {
        try check(PyModule_AddIntConstant(self, name.c, number))
    }
}
