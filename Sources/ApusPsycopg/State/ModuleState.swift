import ApusPython

/// Everything that the module keeps for itself: types, names, imported callables, registries.
///
/// It lies in the memory that CPython gives a module for its state, zeroed, and is filled by `Module.execute`
/// before Python can see the module; from then on no field is NULL. There is one for each interpreter, reached by
/// `module`. All fields are references, so that the collector can visit them as one array.
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
    /// The typecasters for columns whose OID has none.
    var defaultCast, defaultBinaryCast: PyObj
    /// A callable, or None: `set_wait_callback`.
    var waitCallback: PyObj

    // Imported callables and objects.
    /// `decimalOfWords` is the type of `DecimalLayout`, or None.
    var decimal, decimalOfWords, timezone, utc, date, time, datetime, timedelta: PyObj

    // Interned names.
    var nameGetquoted, namePrepare, nameConform, nameAdapt, nameIsoformat, nameTzinfo, nameUtcoffset, nameClose,
        nameCursor, nameCursorFactory, nameRead, nameWrite, nameAppend, nameGetitem: PyObj

    /// The fields as the collector sees them.
    static func references(_ state: UnsafeMutablePointer<ModuleState>) -> UnsafeMutableBufferPointer<PyObj?> {
        let count = MemoryLayout<ModuleState>.size / MemoryLayout<PyObj?>.size
        return UnsafeMutableBufferPointer(
            start: UnsafeMutableRawPointer(state).assumingMemoryBound(to: PyObj?.self), count: count)
    }
}
