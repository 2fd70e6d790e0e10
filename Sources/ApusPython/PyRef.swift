import CApusPython

/// An owned reference to a Python object, released when it goes out of scope. Use and release it under the GIL.
///
///     let name = try PyRef(text)          // a new str
///     let shown = try name.object.repr()  // another reference
///     return shown                        // passed to the caller; `name` is released here
@frozen
public struct PyRef: ~Copyable {
    /// The object, borrowed from this reference.
    ///
    /// Use it only with a reference that has a name, which is released at the end of its scope. A reference without a
    /// name is released as soon as `object` has been read, before the object is used. So instead of
    /// `try f().object.str()`, which `make lint` finds, write `let made = try f()` and `try made.object.str()`.
    public let object: PyObj

    /// Becomes the owner of a reference.
    @inlinable @inline(__always)
    public init(owning object: PyObj) { self.object = object }

    /// Adds a reference and owns it.
    @inlinable @inline(__always)
    public init(retaining object: PyObj) { self.object = object.retained() }

    /// Becomes the owner of the new reference that a C function returned. NULL means that an exception is pending.
    /// Never pass a borrowed object.
    @inlinable @inline(__always)
    public init(new result: PyObj?) throws(PythonError) {
        guard let result else { throw PythonError() }
        object = result
    }

    @inlinable @inline(__always)
    deinit { apus_decref(object) }

    /// Returns the reference, which the caller or a field then owns.
    @inlinable @inline(__always)
    public consuming func take() -> PyObj {
        let object = object
        discard self
        return object
    }

    /// Does nothing. Marks that the object must be alive up to here, although only memory that it owns is used.
    @inlinable @inline(__always)
    public borrowing func keepAlive() {}
}

extension PyRef {
    @inlinable @inline(__always)
    public static var none: PyRef { PyRef(retaining: apus_none()) }

    @inlinable @inline(__always)
    public init(_ value: Bool) { self.init(retaining: value ? apus_true() : apus_false()) }
}

/// Replaces the reference in an optional field, and then releases the old one. That may run Python code, which already
/// sees the new object.
@inlinable @inline(__always)
public func replace(_ field: UnsafeMutablePointer<PyObj?>, with value: consuming PyRef?) {
    // A pointer and not `inout`, because Python code that the release runs may use the field.
    let old = field.pointee
    if let value { field.pointee = value.take() } else { field.pointee = nil }
    if let old { old.release() }
}
