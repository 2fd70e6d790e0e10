import ApusPython
import CApusPsycopg

/// Sets the `cursor` of the pending `psycopg2.Error`, unless it is set already.
@inline(never)
func naming(_ raised: PythonError, _ cursor: PyObj) -> PythonError {
    guard let exception = PendingException.take() else { return raised }
    // A program may have changed how instances of the class are made, so the exception may have another type.
    if exception.object.isInstance(of: module.pointee.error) {
        let fields = exception.object.fields(apus_error.self)
        if fields.pointee.cursor == nil { fields.pointee.cursor = cursor.retained() }
    }
    PendingException.restore(exception)
    return raised
}

/// Checks the `self` of a method, and returns it with its fields. Raises InterfaceError if `__init__` never ran.
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
