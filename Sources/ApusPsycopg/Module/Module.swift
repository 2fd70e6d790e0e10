import ApusConnector
import ApusPQ
import ApusPython

/// The function that Python calls to import the extension.
@_cdecl("PyInit__psycopg")
public func initializeModule() -> UnsafeMutableRawPointer? {
    Module.definition.initialize()
}

/// The module `psycopg2._psycopg`.
enum Module {
    static let definition = ModuleDefinition(
        name: "psycopg2._psycopg",
        doc: "The compiled part of psycopg2: connections, cursors, adapters and typecasters.",
        stateSize: MemoryLayout<ModuleState>.size, methods: functions,
        execute: { me in
            returningStatus { () throws(PythonError) in try Module.execute(receiver(me)) }
        },
        free: { me in
            guard let state = state(of: me.map { PyObj($0) }) else {
                return
            }
            InterpreterStates.unregister(state)
            for object in ModuleState.references(state) { object?.release() }
        })

    private static func state(of module: PyObj?) -> UnsafeMutablePointer<ModuleState>? {
        ModuleDefinition.state(of: module)?.assumingMemoryBound(to: ModuleState.self)
    }

    private static func execute(_ object: PyObj) throws(PythonError) {
        guard let state = state(of: object) else { throw raise(Python.runtimeError, "the module has no state") }
        InterpreterStates.register(state)
        try DateTimeAPI.load()
        try importCallables(state)
        try internNames(state)
        try makeExceptions(state, in: object)
        try makeAdapters(state, in: object)
        try makeTypecasters(state, in: object)
        try makeConnections(state, in: object)
        try addConstants(to: object)
    }

    private static func importCallables(_ state: UnsafeMutablePointer<ModuleState>) throws(PythonError) {
        let decimals = try Python.module("decimal")
        state.pointee.decimal = try decimals.object.attribute("Decimal").take()
        state.pointee.decimalOfWords = try DecimalLayout.verifiedType(state.pointee.decimal).take()
        let dates = try Python.module("datetime")
        state.pointee.date = try dates.object.attribute("date").take()
        state.pointee.time = try dates.object.attribute("time").take()
        state.pointee.datetime = try dates.object.attribute("datetime").take()
        state.pointee.timedelta = try dates.object.attribute("timedelta").take()
        state.pointee.timezone = try dates.object.attribute("timezone").take()
        state.pointee.utc = try state.pointee.timezone.attribute("utc").take()
        state.pointee.waitCallback = PyRef.none.take()
    }

    private static func internNames(_ state: UnsafeMutablePointer<ModuleState>) throws(PythonError) {
        state.pointee.nameGetquoted = try PyRef(interned: "getquoted").take()
        state.pointee.namePrepare = try PyRef(interned: "prepare").take()
        state.pointee.nameConform = try PyRef(interned: "__conform__").take()
        state.pointee.nameAdapt = try PyRef(interned: "__adapt__").take()
        state.pointee.nameIsoformat = try PyRef(interned: "isoformat").take()
        state.pointee.nameTzinfo = try PyRef(interned: "tzinfo").take()
        state.pointee.nameUtcoffset = try PyRef(interned: "utcoffset").take()
        state.pointee.nameClose = try PyRef(interned: "close").take()
        state.pointee.nameCursor = try PyRef(interned: "cursor").take()
        state.pointee.nameCursorFactory = try PyRef(interned: "cursor_factory").take()
        state.pointee.nameRead = try PyRef(interned: "read").take()
        state.pointee.nameWrite = try PyRef(interned: "write").take()
        state.pointee.nameAppend = try PyRef(interned: "append").take()
        state.pointee.nameGetitem = try PyRef(interned: "__getitem__").take()
    }

    private static func addConstants(to object: PyObj) throws(PythonError) {
        try object.add("2.0", as: "apilevel")
        try object.add(2, as: "threadsafety")
        try object.add("pyformat", as: "paramstyle")
        try object.add(version, as: "__version__")
        try object.add(PQLibrary.version, as: "__libpq_version__")
        try object.add(12_345_678, as: "REPLICATION_PHYSICAL")
        try object.add(87_654_321, as: "REPLICATION_LOGICAL")
        try object.add(BalanceProperty.keywords.joined(separator: " "), as: "_balance_keywords")
    }

    /// Starts with the version of psycopg2 whose behaviour the module has, because frameworks parse it.
    static let version: StaticString = "2.9.13 (dt dec pq3 ext lo64 apus)"
}
