import CApusPython

extension PyRef {
    @inlinable @inline(__always)
    public init(_ value: Int) throws(PythonError) { self = try PyRef(PyLong_FromLong(value)) }
    @inlinable
    public init(_ value: UInt64) throws(PythonError) { self = try PyRef(PyLong_FromUnsignedLongLong(value)) }
    @inlinable @inline(__always)
    public init(_ value: Double) throws(PythonError) { self = try PyRef(PyFloat_FromDouble(value)) }
    /// An address as an `int`.
    public init(address: UnsafeMutableRawPointer) throws(PythonError) { self = try PyRef(PyLong_FromVoidPtr(address)) }
    /// An `int` of decimal digits in a `str`. Raises ValueError.
    public init(integerOf text: borrowing PyRef) throws(PythonError) {
        self = try PyRef(PyLong_FromUnicodeObject(text.object, 10))
    }
    /// A `float` of a `str`. Raises ValueError.
    public init(floatOf text: borrowing PyRef) throws(PythonError) { self = try PyRef(PyFloat_FromString(text.object)) }
}

extension PyObj {
    /// The value of an `int`, or of what has `__index__`. Raises TypeError, and OverflowError beyond 64 bits.
    @inlinable
    public var integer: Int {
        get throws(PythonError) {
            let number = PyLong_AsLong(self)
            if number == -1 && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The same; nil beyond 64 bits.
    @inlinable
    public var integerIfSmall: Int? {
        get throws(PythonError) {
            var overflow: Int32 = 0
            let number = PyLong_AsLongAndOverflow(self, &overflow)
            if overflow != 0 { return nil }
            if number == -1 && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The value of an `int` of 64 bits without a sign. Raises TypeError and OverflowError.
    public var unsigned: UInt64 {
        get throws(PythonError) {
            let number = PyLong_AsUnsignedLongLong(self)
            if number == .max && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The last 64 bits of an `int`. Raises TypeError.
    public var lowestBits: UInt64 {
        get throws(PythonError) {
            let number = PyLong_AsUnsignedLongLongMask(self)
            if number == .max && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The value of what `float()` takes but a text. Raises TypeError.
    @inlinable
    public var double: Double {
        get throws(PythonError) {
            let number = PyFloat_AsDouble(self)
            if number == -1 && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// What `float()` makes of the object. Raises TypeError and ValueError.
    public func asFloat() throws(PythonError) -> PyRef { try PyRef(PyNumber_Float(self)) }

    /// The value of a `float`.
    @inlinable @inline(__always) public var floatValue: Double { apus_float_value(self) }

    /// Whether the object is true: Python's `bool(object)`, which may run any Python code.
    @inlinable
    public var truth: Bool {
        get throws(PythonError) {
            let truth = PyObject_IsTrue(self)
            try check(truth)
            return truth != 0
        }
    }
}

/// The digits of a float as `repr()` writes them.
/// - Parameter body: gets the text, which lives as long as the call.
public func withRepr(of value: Double, _ body: (UnsafeRawBufferPointer) -> Void) throws(PythonError) {
    guard let text = PyOS_double_to_string(value, Int8(bitPattern: UInt8(ascii: "r")), 0, Py_DTSF_ADD_DOT_0, nil) else {
        throw PythonError()
    }
    defer { PyMem_Free(text) }
    body(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}
