import ApusPython
import CApusPsycopg

/// Makes the `psycopg2.Error` that was raised name a cursor, unless it names one already.
@inline(never)
func naming(_ raised: PythonError, _ cursor: PyObj) -> PythonError {
    guard let exception = PendingException.take() else { return raised }
    // A program may have given the class another way to make its instances.
    if exception.object.isInstance(of: module.pointee.error) {
        let fields = exception.object.fields(apus_error.self)
        if fields.pointee.cursor == nil { fields.pointee.cursor = cursor.retained() }
    }
    PendingException.restore(exception)
    return raised
}

/// A cursor and its fields, from the `self` of a method. Raises InterfaceError if `__init__` never ran.
@inline(__always)
func initializedCursor(
    _ object: PyObj?
) throws(PythonError) -> (object: PyObj, fields: UnsafeMutablePointer<apus_cursor>) {
    guard let object, object.fields(apus_cursor.self).pointee.connection != nil else { throw uninitializedCursor() }
    return (object, object.fields(apus_cursor.self))
}

@inline(never)
private func uninitializedCursor() -> PythonError {
    raise(module.pointee.interfaceError, "the cursor is not initialized")
}
