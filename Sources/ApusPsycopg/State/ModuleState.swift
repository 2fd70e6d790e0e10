import ApusPython

/// All objects that the module uses: types, names, imported callables, registries.
///
/// It is stored in the memory that CPython allocates for the state of a module. CPython fills the memory with zeros,
/// and `Module.execute` sets all fields before Python can see the module; after that no field is NULL. Each interpreter
/// has its own state, see `module`. All fields are references, so that the collector can visit them as one array.
struct ModuleState {
    // Exceptions.
    var warning, error, interfaceError, databaseError, dataError, operationalError, integrityError, internalError,
        programmingError, notSupportedError, queryCanceledError, transactionRollbackError, commandTimeout: PyObj
    /// {sqlstate: class}
    var sqlStateErrors: PyObj

    // Types.
    var diagnostics, adapterRegistry, isqlQuote, asIs, quotedString, binary, boolean, int, float, decimalAdapter,
        list, datetimeAdapter, sqlIn, noneAdapter, typecaster, chunk, column, notify, connectionInfo, connection,
        cursor, lobject, replicationCursor, replicationMessage: PyObj

    // Adapters that are functions.
    var dateFromPy, timeFromPy, timestampFromPy, intervalFromPy: PyObj

    // Registries.
    /// {(type, protocol): callable}
    var adapters: PyObj
    /// {oid: typecaster}, for text and for binary results
    var stringTypes, binaryTypes: PyObj
    /// {PostgreSQL's encoding: Python's codec}
    var encodings: PyObj
    /// The typecasters for OIDs without a registered typecaster.
    var defaultCast, defaultBinaryCast: PyObj
    /// The callable of `set_wait_callback`, or None.
    var waitCallback: PyObj

    // Imported callables and objects.
    /// `decimalOfWords` is the result of `DecimalLayout.verifiedType`: the type, or None.
    var decimal, decimalOfWords, timezone, utc, date, time, datetime, timedelta: PyObj

    // Interned names.
    var nameGetquoted, namePrepare, nameConform, nameAdapt, nameIsoformat, nameTzinfo, nameUtcoffset, nameClose,
        nameCursor, nameCursorFactory, nameRead, nameWrite, nameAppend, nameGetitem: PyObj

    /// The fields as an array, for the collector.
    static func references(_ state: UnsafeMutablePointer<ModuleState>) -> UnsafeMutableBufferPointer<PyObj?> {
        let count = MemoryLayout<ModuleState>.size / MemoryLayout<PyObj?>.size
        return UnsafeMutableBufferPointer(
            start: UnsafeMutableRawPointer(state).assumingMemoryBound(to: PyObj?.self), count: count)
    }
}
