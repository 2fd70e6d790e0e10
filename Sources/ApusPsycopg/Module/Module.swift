import ApusConnector
import CApusLibPQ
import CApusPython

/// Python's entry into the extension.
@_cdecl("PyInit__psycopg")
public func initializeModule() -> UnsafeMutableRawPointer? {
    UnsafeMutableRawPointer(PyModuleDef_Init(Module.definition))
}

/// The module `psycopg2._psycopg`.
enum Module {
    nonisolated(unsafe) static let definition: UnsafeMutablePointer<PyModuleDef> = {
        let execute: @convention(c) (PyObj?) -> Int32 = { me in
            succeed { () throws(Raised) in try Module.execute(me) }
        }
        let slots = permanent(
            [PyModuleDef_Slot(slot: Py_mod_exec, value: unsafeBitCast(execute, to: UnsafeMutableRawPointer.self))],
            end: PyModuleDef_Slot(slot: 0, value: nil))
        let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
        definition.initialize(
            to: PyModuleDef(
                m_base: apus_module_head(), m_name: ("psycopg2._psycopg" as StaticString).c,
                m_doc: ("The engine of psycopg2: connections, cursors, adapters and typecasters" as StaticString).c,
                m_size: MemoryLayout<ModuleState>.size, m_methods: functions, m_slots: slots,
                m_traverse: { me, visit, argument in
                    for object in references(of: me) {
                        if let object, let status = visit?(object, argument), status != 0 { return status }
                    }
                    return 0
                },
                m_clear: { me in
                    let fields = references(of: me)
                    for index in fields.indices { replace(&fields[index], with: none()) }
                    return 0
                },
                m_free: { me in
                    guard let memory = me, let state = state(of: memory) else { return }
                    Home.forget(state)
                    for object in ModuleState.references(state) { object?.release() }
                }))
        return definition
    }()

    private static func state(of module: UnsafeMutableRawPointer) -> UnsafeMutablePointer<ModuleState>? {
        PyModule_GetState(module.assumingMemoryBound(to: PyObject.self))?
            .assumingMemoryBound(to: ModuleState.self)
    }

    private static func references(of object: PyObj?) -> UnsafeMutableBufferPointer<PyObj?> {
        guard let object, let state = state(of: UnsafeMutableRawPointer(object)) else {
            return UnsafeMutableBufferPointer(start: nil, count: 0)
        }
        return ModuleState.references(state)
    }

    private static func execute(_ object: PyObj?) throws(Raised) {
        guard let object, let state = state(of: UnsafeMutableRawPointer(object)) else { throw Raised() }
        Home.register(state)
        guard let datetime = apus_import_datetime() else { throw Raised() }
        DateTimeAPI.table = datetime
        try importCallables(state)
        try internNames(state)
        try makeExceptions(state, in: object)
        try makeAdapters(state, in: object)
        try makeTypecasters(state, in: object)
        try makeConnections(state, in: object)
        try addConstants(to: object)
    }

    private static func importCallables(_ state: UnsafeMutablePointer<ModuleState>) throws(Raised) {
        let decimals = try Owned(owned(PyImport_ImportModule("decimal")))
        state.pointee.decimal = try attribute("Decimal", of: decimals.object)
        state.pointee.decimalOfWords = try DecimalLayout.prove(state.pointee.decimal)
        let dates = try Owned(owned(PyImport_ImportModule("datetime")))
        state.pointee.date = try attribute("date", of: dates.object)
        state.pointee.time = try attribute("time", of: dates.object)
        state.pointee.datetime = try attribute("datetime", of: dates.object)
        state.pointee.timedelta = try attribute("timedelta", of: dates.object)
        state.pointee.timezone = try attribute("timezone", of: dates.object)
        state.pointee.utc = try attribute("utc", of: state.pointee.timezone)
        state.pointee.waitCallback = none()
    }

    private static func internNames(_ state: UnsafeMutablePointer<ModuleState>) throws(Raised) {
        state.pointee.nameGetquoted = try interned("getquoted")
        state.pointee.namePrepare = try interned("prepare")
        state.pointee.nameConform = try interned("__conform__")
        state.pointee.nameAdapt = try interned("__adapt__")
        state.pointee.nameIsoformat = try interned("isoformat")
        state.pointee.nameTzinfo = try interned("tzinfo")
        state.pointee.nameUtcoffset = try interned("utcoffset")
        state.pointee.nameClose = try interned("close")
        state.pointee.nameCursor = try interned("cursor")
        state.pointee.nameCursorFactory = try interned("cursor_factory")
        state.pointee.nameRead = try interned("read")
        state.pointee.nameWrite = try interned("write")
        state.pointee.nameAppend = try interned("append")
        state.pointee.nameGetitem = try interned("__getitem__")
    }

    private static func addConstants(to object: PyObj) throws(Raised) {
        try check(PyModule_AddStringConstant(object, "apilevel", "2.0"))
        try check(PyModule_AddIntConstant(object, "threadsafety", 2))
        try check(PyModule_AddStringConstant(object, "paramstyle", "pyformat"))
        try check(PyModule_AddStringConstant(object, "__version__", version.c))
        try check(PyModule_AddIntConstant(object, "__libpq_version__", Int(PQlibVersion())))
        try check(PyModule_AddIntConstant(object, "REPLICATION_PHYSICAL", 12_345_678))
        try check(PyModule_AddIntConstant(object, "REPLICATION_LOGICAL", 87_654_321))
        try check(
            PyModule_AddStringConstant(object, "_balance_keywords", BalanceProperty.keywords.joined(separator: " ")))
    }

    /// It begins with the version of psycopg2 whose behaviour the module has: frameworks read it.
    static let version: StaticString = "2.9.13 (dt dec pq3 ext lo64 apus)"
}

/// An attribute of an object, owned.
func attribute(_ name: StaticString, of object: PyObj) throws(Raised) -> PyObj {
    try owned(PyObject_GetAttrString(object, name.c))
}

/// Gives the module a name for an object, which it does not take over.
func add(_ object: PyObj, as name: StaticString, to owner: PyObj) throws(Raised) {
    if PyModule_AddObject(owner, name.c, object.retained()) < 0 {
        object.release()
        throw Raised()
    }
}
