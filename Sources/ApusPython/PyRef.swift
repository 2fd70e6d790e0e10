import CApusPython

/// A reference to a Python object that is given back when it goes out of scope, however that happens. It is used, and
/// goes, under the GIL.
///
///     let name = try PyRef(text)          // a new str
///     let shown = try name.object.repr()  // another reference
///     return shown                        // the caller's from now on; `name` is given back here
@frozen
public struct PyRef: ~Copyable {
    /// The object, borrowed from this reference.
    ///
    /// Ask a named reference only. A reference that a call has just returned goes as soon as it was asked, before the
    /// object is used: not `try f().object.str()`, but `let made = try f()` and `try made.object.str()`. `make lint`
    /// looks for the former.
    public let object: PyObj

    /// Takes over a reference.
    @inlinable @inline(__always)
    public init(owning object: PyObj) { self.object = object }

    /// Adds a reference of its own.
    @inlinable @inline(__always)
    public init(retaining object: PyObj) { self.object = object.retained() }

    /// Takes over the new reference that a C function returned, or its exception: NULL says that one is pending.
    @inlinable @inline(__always)
    public init(_ result: PyObj?) throws(PythonError) {
        guard let result else { throw PythonError() }
        object = result
    }

    @inlinable @inline(__always)
    deinit { apus_decref(object) }

    /// Hands the reference over to C, or to a field.
    @inlinable @inline(__always)
    public consuming func take() -> PyObj {
        let object = object
        discard self
        return object
    }

    /// Keeps the object alive up to here, where only what it owns is used before.
    @inlinable @inline(__always)
    public borrowing func keepAlive() {}
}

extension PyRef {
    @inlinable @inline(__always)
    public static var none: PyRef { PyRef(retaining: apus_none()) }

    @inlinable @inline(__always)
    public init(_ value: Bool) { self.init(retaining: value ? apus_true() : apus_false()) }
}

/// Sets an optional field to another reference, and gives the old one back. That may run Python code, which finds the
/// new one.
@inlinable @inline(__always)
public func replace(_ field: inout PyObj?, with value: consuming PyRef?) {
    let old = field
    if let value { field = value.take() } else { field = nil }
    if let old { old.release() }
}
