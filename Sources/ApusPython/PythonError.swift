import CApusPython

/// Says that an exception is pending in this thread. It carries nothing: the exception is Python's.
@frozen
public struct PythonError: Error {
    @inlinable public init() {}
}

/// For C functions that return a negative number when they raised.
@inlinable @inline(__always)
public func check(_ status: Int32) throws(PythonError) {
    if status < 0 { throw PythonError() }
}

// MARK: Bodies of functions that Python calls

/// Runs the body of a function that returns an object. NULL tells Python that an exception is pending.
@inlinable @inline(__always)
public func returningObject(_ body: () throws(PythonError) -> PyRef) -> PyObj? {
    do throws(PythonError) { return try body().take() } catch { return nil }
}

/// Runs the body of a slot that returns 0 or, with an exception pending, -1.
@inlinable @inline(__always)
public func returningStatus(_ body: () throws(PythonError) -> Void) -> Int32 {
    do throws(PythonError) {
        try body()
        return 0
    } catch { return -1 }
}

/// An argument that CPython never leaves out of a call; checked all the same, so that nothing is unwrapped by force.
@inlinable @inline(__always)
public func receiver(_ object: PyObj?) throws(PythonError) -> PyObj {
    guard let object else { throw raise(Python.runtimeError, "called without an object") }
    return object
}

/// The same for the type that `tp_new` is called with.
@inlinable @inline(__always)
public func receiver(_ type: PyTypeObj?) throws(PythonError) -> PyTypeObj {
    guard let type else { throw raise(Python.runtimeError, "called without a type") }
    return type
}

// MARK: Raising

/// Makes an exception of a message pending: `throw raise(Python.valueError, "…")`.
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
/// - Parameter value: the exception, or the arguments that the type makes one of.
public func raise(_ type: PyObj, value: borrowing PyRef) -> PythonError {
    PyErr_SetObject(type, value.object)
    return PythonError()
}

public func raiseMemoryError() -> PythonError {
    PyErr_NoMemory()
    return PythonError()
}

// MARK: The pending exception

/// The exception that is pending in this thread, Python's error indicator.
public enum PendingException {
    @inlinable @inline(__always) public static var exists: Bool { PyErr_Occurred() != nil }

    /// Whether there is one, and of this type.
    @inlinable public static func isInstance(of type: PyObj) -> Bool { PyErr_ExceptionMatches(type) != 0 }

    @inlinable public static func clear() { PyErr_Clear() }

    /// Takes the exception out, with its traceback; nil where none is pending.
    @inlinable public static func take() -> PyRef? {
        guard let exception = apus_take_exception() else { return nil }
        return PyRef(owning: exception)
    }

    /// Makes an exception pending that was taken before.
    @inlinable public static func restore(_ exception: consuming PyRef) { apus_give_exception(exception.take()) }

    /// Runs what may change the pending exception, and then makes it pending again. An exception of `body` is dropped.
    public static func preserving(_ body: () throws(PythonError) -> Void) {
        let exception = take()
        do throws(PythonError) { try body() } catch { clear() }
        if let exception { restore(exception) }
    }
}

extension PyObj {
    /// Sets what an exception was caused by (`raise … from cause`).
    public func setCause(_ cause: consuming PyRef) { PyException_SetCause(self, cause.take()) }
    /// Sets what was being handled when an exception was raised.
    public func setContext(_ context: consuming PyRef) { PyException_SetContext(self, context.take()) }
}
