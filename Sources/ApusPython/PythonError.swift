import CApusPython

/// Means that an exception is pending in this thread. It has no fields, because the exception is stored by Python.
@frozen
public struct PythonError: Error {
    @inlinable public init() {}
}

/// Throws for a negative number, by which a C function reports that it raised.
@inlinable @inline(__always)
public func check(_ status: Int32) throws(PythonError) {
    if status < 0 { throw PythonError() }
}

// MARK: Bodies of functions that Python calls

/// Runs the body of a function that returns an object. Returns NULL if an exception is pending.
@inlinable @inline(__always)
public func returningObject(_ body: () throws(PythonError) -> PyRef) -> PyObj? {
    do throws(PythonError) { return try body().take() } catch { return nil }
}

/// Runs the body of a slot. Returns 0, or -1 if an exception is pending.
@inlinable @inline(__always)
public func returningStatus(_ body: () throws(PythonError) -> Void) -> Int32 {
    do throws(PythonError) {
        try body()
        return 0
    } catch { return -1 }
}

/// Returns an argument that CPython always passes. It is checked all the same, so that no code unwraps by force.
@inlinable @inline(__always)
public func receiver(_ object: PyObj?) throws(PythonError) -> PyObj {
    guard let object else { throw raise(Python.runtimeError, "called without an object") }
    return object
}

/// Returns the type that CPython passes to `tp_new`.
@inlinable @inline(__always)
public func receiver(_ type: PyTypeObj?) throws(PythonError) -> PyTypeObj {
    guard let type else { throw raise(Python.runtimeError, "called without a type") }
    return type
}

// MARK: Raising

/// Makes an exception with a message pending: `throw raise(Python.valueError, "…")`.
@inline(never)
public func raise(_ type: PyObj, _ message: String) -> PythonError {
    do throws(PythonError) {
        let text = try PyRef(message)
        PyErr_SetObject(type, text.object)
    } catch {}
    return PythonError()
}

public func raiseTypeError(_ message: String) -> PythonError { raise(Python.typeError, message) }
public func raiseValueError(_ message: String) -> PythonError { raise(Python.valueError, message) }

/// Makes an exception pending.
/// - Parameter value: the exception, or the argument (or a tuple of arguments) of the exception's type.
public func raise(_ type: PyObj, value: borrowing PyRef) -> PythonError {
    PyErr_SetObject(type, value.object)
    return PythonError()
}

public func raiseMemoryError() -> PythonError {
    PyErr_NoMemory()
    return PythonError()
}

// MARK: The pending exception

/// The exception that is pending in this thread: Python's error indicator.
public enum PendingException {
    @inlinable @inline(__always) public static var exists: Bool { PyErr_Occurred() != nil }

    /// True if an exception is pending and is an instance of a type.
    @inlinable public static func isInstance(of type: PyObj) -> Bool { PyErr_ExceptionMatches(type) != 0 }

    @inlinable public static func clear() { PyErr_Clear() }

    /// Removes the pending exception and returns it, with its traceback; nil if none is pending.
    @inlinable public static func take() -> PyRef? {
        guard let exception = apus_take_exception() else { return nil }
        return PyRef(owning: exception)
    }

    /// Makes an exception that was taken pending again.
    @inlinable public static func restore(_ exception: consuming PyRef) { apus_give_exception(exception.take()) }

    /// Runs code that may change the pending exception, and then makes it pending again. An exception of `body` is
    /// dropped.
    public static func preserving(_ body: () throws(PythonError) -> Void) {
        let exception = take()
        do throws(PythonError) { try body() } catch { clear() }
        if let exception { restore(exception) }
    }
}

extension PyObj {
    /// Sets the cause of an exception (`raise … from cause`).
    public func setCause(_ cause: consuming PyRef) { PyException_SetCause(self, cause.take()) }
    /// Sets the context of an exception: the one that was being handled when it was raised.
    public func setContext(_ context: consuming PyRef) { PyException_SetContext(self, context.take()) }
}
