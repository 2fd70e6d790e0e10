import CApusPython

extension PyRef {
    @inlinable @inline(__always)
    public init(_ value: Int) throws(PythonError) { self = try PyRef(new: PyLong_FromLong(value)) }
    @inlinable
    public init(_ value: UInt64) throws(PythonError) { self = try PyRef(new: PyLong_FromUnsignedLongLong(value)) }
    @inlinable @inline(__always)
    public init(_ value: Double) throws(PythonError) { self = try PyRef(new: PyFloat_FromDouble(value)) }
    /// Makes an `int` of an address.
    public init(address: UnsafeMutableRawPointer) throws(PythonError) {
        self = try PyRef(new: PyLong_FromVoidPtr(address))
    }
    /// Makes an `int` of the decimal digits in a `str`. Raises ValueError.
    public init(integerOf text: borrowing PyRef) throws(PythonError) {
        self = try PyRef(new: PyLong_FromUnicodeObject(text.object, 10))
    }
    /// Makes a `float` of a `str`. Raises ValueError.
    public init(floatOf text: borrowing PyRef) throws(PythonError) {
        self = try PyRef(new: PyFloat_FromString(text.object))
    }
}

extension PyObj {
    /// The value of an `int`, or of an object with `__index__`. Raises TypeError, and OverflowError if it needs more
    /// than 64 bits.
    @inlinable
    public var integer: Int {
        get throws(PythonError) {
            let number = PyLong_AsLong(self)
            if number == -1 && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The value of an `int`, or of an object with `__index__`; nil if it needs more than 64 bits. Raises TypeError.
    @inlinable @inline(__always)
    public var integerIfSmall: Int? {
        get throws(PythonError) {
            var overflow: Int32 = 0
            let number = PyLong_AsLongAndOverflow(self, &overflow)
            if overflow != 0 { return nil }
            if number == -1 && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The value of an `int` as 64 bits without a sign. Raises TypeError, and OverflowError if it is negative or does
    /// not fit.
    public var unsigned: UInt64 {
        get throws(PythonError) {
            let number = PyLong_AsUnsignedLongLong(self)
            if number == .max && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The lowest 64 bits of an `int`. Raises TypeError.
    public var lowestBits: UInt64 {
        get throws(PythonError) {
            let number = PyLong_AsUnsignedLongLongMask(self)
            if number == .max && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// The value of a `float`, or of an object with `__float__` or `__index__`. Raises TypeError, also for a `str`.
    @inlinable
    public var double: Double {
        get throws(PythonError) {
            let number = PyFloat_AsDouble(self)
            if number == -1 && PendingException.exists { throw PythonError() }
            return number
        }
    }

    /// `float(object)`. Raises TypeError or ValueError.
    public func asFloat() throws(PythonError) -> PyRef { try PyRef(new: PyNumber_Float(self)) }

    /// The value of a `float`.
    @inlinable @inline(__always) public var floatValue: Double { apus_float_value(self) }

    /// `bool(object)`, which may run Python code.
    @inlinable
    public var truth: Bool {
        get throws(PythonError) {
            let truth = PyObject_IsTrue(self)
            try check(truth)
            return truth != 0
        }
    }
}

/// Formats a float as `repr()` does.
/// - Parameter body: gets the text, which is valid during the call.
public func withRepr(of value: Double, _ body: (UnsafeRawBufferPointer) -> Void) throws(PythonError) {
    guard let text = PyOS_double_to_string(value, Int8(bitPattern: UInt8(ascii: "r")), 0, Py_DTSF_ADD_DOT_0, nil) else {
        throw PythonError()
    }
    defer { PyMem_Free(text) }
    body(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}
