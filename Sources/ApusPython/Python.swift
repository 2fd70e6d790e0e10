import CApusPython

/// Objects that exist as long as the interpreter, borrowed.
public enum Python {
    @inlinable @inline(__always) public static var none: PyObj { apus_none() }
    @inlinable @inline(__always) public static var notImplemented: PyObj { apus_not_implemented() }

    // MARK: Types

    @inlinable @inline(__always) public static var str: PyObj { apus_type_str() }
    @inlinable @inline(__always) public static var bytes: PyObj { apus_type_bytes() }
    @inlinable @inline(__always) public static var bytearray: PyObj { apus_type_bytearray() }
    @inlinable @inline(__always) public static var memoryview: PyObj { apus_type_memoryview() }
    @inlinable @inline(__always) public static var int: PyObj { apus_type_int() }
    @inlinable @inline(__always) public static var bool: PyObj { apus_type_bool() }
    @inlinable @inline(__always) public static var float: PyObj { apus_type_float() }
    @inlinable @inline(__always) public static var list: PyObj { apus_type_list() }
    @inlinable @inline(__always) public static var tuple: PyObj { apus_type_tuple() }
    @inlinable @inline(__always) public static var dict: PyObj { apus_type_dict() }
    @inlinable @inline(__always) public static var noneType: PyObj { apus_type_none() }

    // MARK: Exceptions

    @inlinable public static var exception: PyObj { apus_exc_exception() }
    @inlinable public static var typeError: PyObj { apus_exc_type() }
    @inlinable public static var valueError: PyObj { apus_exc_value() }
    @inlinable public static var attributeError: PyObj { apus_exc_attribute() }
    @inlinable public static var runtimeError: PyObj { apus_exc_runtime() }
    @inlinable public static var overflowError: PyObj { apus_exc_overflow() }
    @inlinable public static var osError: PyObj { apus_exc_os() }
    @inlinable public static var blockingIOError: PyObj { apus_exc_blocking() }
    @inlinable public static var unicodeEncodeError: PyObj { apus_exc_unicode_encode() }

    // MARK: Modules

    /// Imports a module, which may run Python code.
    public static func module(_ name: StaticString) throws(PythonError) -> PyRef {
        try PyRef(new: PyImport_ImportModule(name.c))
    }

    /// Imports a module and returns one of its objects.
    public static func object(_ name: StaticString, of module: StaticString) throws(PythonError) -> PyRef {
        let module = try self.module(module)
        return try module.object.attribute(name)
    }

    // MARK: The interpreter

    /// Identifies the current interpreter. Call it under the GIL.
    @inlinable @inline(__always)
    public static var interpreter: OpaquePointer? { PyInterpreterState_Get() }

    /// True if the interpreter is being finalized: other threads cannot take the GIL any more.
    @inlinable public static var isFinalizing: Bool { apus_is_finalizing() != 0 }

    /// Identifies this thread; never 0. Does not need the GIL.
    @inlinable @inline(__always)
    public static var thread: UInt { UInt(PyThread_get_thread_ident()) }

    /// Runs the handlers of signals that have arrived, and raises their exceptions: KeyboardInterrupt for Ctrl-C.
    @inlinable public static func checkSignals() throws(PythonError) { try check(PyErr_CheckSignals()) }

    /// Protects the C stack: raises RecursionError if calls are nested too deeply.
    /// - Parameter place: the end of the message, such as " while quoting a sequence".
    @inlinable
    public static func recursing<Result>(
        _ place: StaticString, _ body: () throws(PythonError) -> Result
    ) throws(PythonError) -> Result {
        if Py_EnterRecursiveCall(place.c) != 0 { throw PythonError() }
        defer { Py_LeaveRecursiveCall() }
        return try body()
    }
}

extension StaticString {
    /// The text as C's `const char *`, which is valid as long as the program runs. It must be a literal without a NUL.
    @inlinable
    public var c: UnsafePointer<CChar> { UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }

    /// The UTF-8 of a literal, without the NUL at its end.
    public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount) }
}
