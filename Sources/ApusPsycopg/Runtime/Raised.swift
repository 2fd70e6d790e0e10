import CApusPython

/// Says that Python's error indicator is set. It carries nothing: the exception is Python's.
struct Raised: Error {}

/// The new reference that a C function answered with, or its exception.
@inline(__always)
func owned(_ result: PyObj?) throws(Raised) -> PyObj {
    guard let result else { throw Raised() }
    return result
}

/// For C functions that answer with a negative number when they raised.
@inline(__always)
func check(_ status: Int32) throws(Raised) {
    if status < 0 { throw Raised() }
}

/// Runs the body of a function that Python calls.
@inline(__always)
func answer(_ body: () throws(Raised) -> PyObj) -> PyObj? {
    do throws(Raised) { return try body() } catch { return nil }
}

/// Runs the body of a slot that answers 0 or, having raised, -1.
@inline(__always)
func succeed(_ body: () throws(Raised) -> Void) -> Int32 {
    do throws(Raised) {
        try body()
        return 0
    } catch { return -1 }
}

/// Raises an exception: `throw raise(type, message)`.
@inline(never)
func raise(_ type: PyObj?, _ message: String) -> Raised {
    do throws(Raised) {
        let text = try Owned(python(message))
        PyErr_SetObject(type, text.object)
    } catch {}
    return Raised()
}

func raiseTypeError(_ message: String) -> Raised { raise(apus_exc_type(), message) }
func raiseValueError(_ message: String) -> Raised { raise(apus_exc_value(), message) }

/// Whether the pending exception is of the type.
func pending(is type: PyObj?) -> Bool { PyErr_ExceptionMatches(type) != 0 }
