import CApusPython

// Any of these may run any Python code.

extension PyObj {
    // MARK: Calls

    @inlinable public func call() throws(PythonError) -> PyRef { try PyRef(apus_call0(self)) }
    @inlinable @inline(__always)
    public func call(_ a: PyObj) throws(PythonError) -> PyRef { try PyRef(apus_call1(self, a)) }
    @inlinable
    public func call(_ a: PyObj, _ b: PyObj) throws(PythonError) -> PyRef { try PyRef(apus_call2(self, a, b)) }
    @inlinable
    public func call(_ a: PyObj, _ b: PyObj, _ c: PyObj) throws(PythonError) -> PyRef {
        try PyRef(apus_call3(self, a, b, c))
    }
    /// Calls with a tuple of arguments, and a dict of keywords or nil.
    public func call(arguments: borrowing PyRef, keywords: PyObj? = nil) throws(PythonError) -> PyRef {
        try PyRef(PyObject_Call(self, arguments.object, keywords))
    }

    // MARK: Methods and attributes

    @inlinable
    public func callMethod(_ name: PyObj) throws(PythonError) -> PyRef { try PyRef(apus_method0(self, name)) }
    @inlinable
    public func callMethod(_ name: PyObj, _ a: PyObj) throws(PythonError) -> PyRef {
        try PyRef(apus_method1(self, name, a))
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
        try PyRef(PyObject_GetAttrString(self, name.c))
    }
    @inlinable
    public func attribute(_ name: PyObj) throws(PythonError) -> PyRef { try PyRef(PyObject_GetAttr(self, name)) }

    /// Whether the object has an attribute; what asking for it raises counts as no.
    public func hasAttribute(_ name: StaticString) throws(PythonError) -> Bool {
        let name = try PyRef(interned: name)
        return PyObject_HasAttr(self, name.object) != 0
    }

    /// What a class itself, not one of its bases, has under a name; nil for none, and for what is no class.
    public func ownAttribute(_ name: borrowing PyRef) -> PyRef? {
        guard let found = apus_own_attribute(self, name.object) else { return nil }
        return PyRef(owning: found)
    }

    // MARK: What every object can do

    /// `str(object)`
    public func str() throws(PythonError) -> PyRef { try PyRef(PyObject_Str(self)) }
    /// `repr(object)`
    public func repr() throws(PythonError) -> PyRef { try PyRef(PyObject_Repr(self)) }
    /// `str(object)`, and `repr(object)`, as Swift strings.
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

    /// The outcome of a comparison as `tp_richcompare` has it.
    public func compare(_ other: PyObj, _ operation: Int32) throws(PythonError) -> PyRef {
        try PyRef(PyObject_RichCompare(self, other, operation))
    }

    // MARK: Weak references

    /// A weak reference to the object.
    public func weakReference() throws(PythonError) -> PyRef { try PyRef(PyWeakref_NewRef(self, nil)) }

    /// What a weak reference points to; nil where the object has gone.
    public func referent() -> PyRef? {
        guard let object = apus_weakref_get(self) else { return nil }
        return PyRef(owning: object)
    }

    /// Ends the weak references to an object that is about to end.
    public func clearWeakReferences() { PyObject_ClearWeakRefs(self) }

    // MARK: Memory

    /// The bytes of an object that has the buffer protocol, as long as `body` runs. Raises BufferError and TypeError.
    public func withBuffer(_ body: (UnsafeRawBufferPointer) throws(PythonError) -> Void) throws(PythonError) {
        var view = Py_buffer()
        try check(PyObject_GetBuffer(self, &view, PyBUF_SIMPLE))
        defer { PyBuffer_Release(&view) }
        try body(UnsafeRawBufferPointer(start: view.buf, count: view.len))
    }

    /// A memoryview of the object.
    @inlinable
    public func view() throws(PythonError) -> PyRef { try PyRef(PyMemoryView_FromObject(self)) }
}

extension PyRef {
    /// A capsule around a C pointer, for C extensions. The name is checked by those who open it.
    public init(capsule pointer: UnsafeMutableRawPointer?, name: StaticString) throws(PythonError) {
        self = try PyRef(PyCapsule_New(pointer, name.c, nil))
    }
}
