import CApusPython

// All of these may run Python code.

extension PyObj {
    // MARK: Calls

    @inlinable public func call() throws(PythonError) -> PyRef { try PyRef(new: apus_call0(self)) }
    @inlinable @inline(__always)
    public func call(_ a: PyObj) throws(PythonError) -> PyRef { try PyRef(new: apus_call1(self, a)) }
    @inlinable
    public func call(_ a: PyObj, _ b: PyObj) throws(PythonError) -> PyRef { try PyRef(new: apus_call2(self, a, b)) }
    @inlinable
    public func call(_ a: PyObj, _ b: PyObj, _ c: PyObj) throws(PythonError) -> PyRef {
        try PyRef(new: apus_call3(self, a, b, c))
    }
    /// Calls with a tuple of arguments, and a dict of keywords or nil.
    public func call(arguments: borrowing PyRef, keywords: PyObj? = nil) throws(PythonError) -> PyRef {
        try PyRef(new: PyObject_Call(self, arguments.object, keywords))
    }

    // MARK: Methods and attributes

    @inlinable
    public func callMethod(_ name: PyObj) throws(PythonError) -> PyRef { try PyRef(new: apus_method0(self, name)) }
    @inlinable
    public func callMethod(_ name: PyObj, _ a: PyObj) throws(PythonError) -> PyRef {
        try PyRef(new: apus_method1(self, name, a))
    }
    public func callMethod(_ name: StaticString) throws(PythonError) -> PyRef {
        let name = try PyRef(interned: name)
        return try callMethod(name.object)
    }
    public func callMethod(_ name: StaticString, _ a: PyObj) throws(PythonError) -> PyRef {
        let name = try PyRef(interned: name)
        return try callMethod(name.object, a)
    }

    public func attribute(_ name: StaticString) throws(PythonError) -> PyRef {
        try PyRef(new: PyObject_GetAttrString(self, name.c))
    }
    @inlinable
    public func attribute(_ name: PyObj) throws(PythonError) -> PyRef { try PyRef(new: PyObject_GetAttr(self, name)) }

    /// True if the object has an attribute. Exceptions that are raised by the lookup are dropped, and mean false.
    public func hasAttribute(_ name: StaticString) throws(PythonError) -> Bool {
        let name = try PyRef(interned: name)
        return PyObject_HasAttr(self, name.object) != 0
    }

    /// Returns an attribute that a class has in its own dictionary, not in one of its bases; nil if there is none, or
    /// if the object is no heap type.
    public func ownAttribute(_ name: borrowing PyRef) -> PyRef? {
        guard let found = apus_own_attribute(self, name.object) else { return nil }
        return PyRef(owning: found)
    }

    // MARK: Protocols of all objects

    /// `str(object)`
    public func str() throws(PythonError) -> PyRef { try PyRef(new: PyObject_Str(self)) }
    /// `repr(object)`
    public func repr() throws(PythonError) -> PyRef { try PyRef(new: PyObject_Repr(self)) }
    /// `str(object)` and `repr(object)` as Swift strings.
    public var shown: String { get throws(PythonError) { try text(of: str()) } }
    public var shownRepr: String { get throws(PythonError) { try text(of: repr()) } }

    /// `hash(object)`
    public func hash() throws(PythonError) -> Int {
        let hash = PyObject_Hash(self)
        if hash == -1 { throw PythonError() }
        return hash
    }

    /// `object == other`
    public func isEqual(to other: PyObj) throws(PythonError) -> Bool {
        let equal = PyObject_RichCompareBool(self, other, Py_EQ)
        try check(equal)
        return equal != 0
    }

    /// Compares by an operation of `tp_richcompare` and returns its result.
    public func compare(_ other: PyObj, _ operation: Int32) throws(PythonError) -> PyRef {
        try PyRef(new: PyObject_RichCompare(self, other, operation))
    }

    // MARK: Weak references

    /// Makes a weak reference to the object.
    public func weakReference() throws(PythonError) -> PyRef { try PyRef(new: PyWeakref_NewRef(self, nil)) }

    /// Returns the object that a weak reference refers to; nil if it was freed.
    public func referent() -> PyRef? {
        guard let object = apus_weakref_get(self) else { return nil }
        return PyRef(owning: object)
    }

    /// Clears the weak references to an object that is being freed.
    public func clearWeakReferences() { PyObject_ClearWeakRefs(self) }

    // MARK: Memory

    /// Passes the bytes of an object with the buffer protocol, which are valid during the call. Raises BufferError or
    /// TypeError.
    public func withBuffer(_ body: (UnsafeRawBufferPointer) throws(PythonError) -> Void) throws(PythonError) {
        var view = Py_buffer()
        try check(PyObject_GetBuffer(self, &view, PyBUF_SIMPLE))
        defer { PyBuffer_Release(&view) }
        try body(UnsafeRawBufferPointer(start: view.buf, count: view.len))
    }

    /// Makes a memoryview of the object.
    @inlinable
    public func view() throws(PythonError) -> PyRef { try PyRef(new: PyMemoryView_FromObject(self)) }
}

extension PyRef {
    /// Makes a capsule that contains a C pointer, for C extensions, which check the name when they open it.
    public init(capsule pointer: UnsafeMutableRawPointer?, name: StaticString) throws(PythonError) {
        self = try PyRef(new: PyCapsule_New(pointer, name.c, nil))
    }
}
