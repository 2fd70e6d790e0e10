import CApusLibPQ
import CApusPython

/// A pointer to a Python object. Whether it is borrowed or owned is said where it is passed; what a function
/// returns is owned ("a new reference") unless its name or comment says otherwise.
typealias PyObj = UnsafeMutablePointer<PyObject>

extension PyObj {
    /// Adds a reference and returns the object.
    @inline(__always)
    func retained() -> PyObj {
        apus_incref(self)
        return self
    }

    @inline(__always)
    func release() { apus_decref(self) }

    /// The object's fields, for a layout of `objects.h`.
    @inline(__always)
    func fields<Layout>(_: Layout.Type) -> UnsafeMutablePointer<Layout> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: Layout.self)
    }

    @inline(__always)
    var asType: UnsafeMutablePointer<PyTypeObject> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: PyTypeObject.self)
    }

    @inline(__always)
    var isNone: Bool { self == apus_none() }

    /// The name of the object's type, as CPython's own messages give it.
    var typeName: String { String(cString: apus_type_name(apus_type(self))) }

    /// The name of the object's type, as messages about a wrong argument give it: None stands for itself.
    var shownType: String { isNone ? "None" : typeName }
}

/// `None`, owned.
@inline(__always)
func none() -> PyObj { apus_none().retained() }

@inline(__always)
func python(_ value: Bool) -> PyObj { (value ? apus_true() : apus_false()).retained() }

func python(_ value: Int) throws(Raised) -> PyObj { try owned(PyLong_FromLong(value)) }

func python(_ value: String) throws(Raised) -> PyObj {
    var value = value
    return try owned(value.withUTF8(decodeUTF8))
}

/// What a server or a library sent, as text; what is not UTF-8 in it is replaced.
func python(c value: UnsafePointer<CChar>) throws(Raised) -> PyObj {
    try owned(PyUnicode_DecodeUTF8(value, strlen(value), "replace"))
}

private func decodeUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> PyObj? {
    bytes.withMemoryRebound(to: CChar.self) { PyUnicode_DecodeUTF8($0.baseAddress, $0.count, "replace") }
}

/// A string that is not to change, made once and compared by identity where CPython can.
func interned(_ name: StaticString) throws(Raised) -> PyObj { try owned(PyUnicode_InternFromString(name.c)) }

func pythonBytes(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
    try owned(PyBytes_FromStringAndSize(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count))
}

/// A reference that is given back when it goes out of scope, however that happens.
struct Owned: ~Copyable {
    let object: PyObj

    @inline(__always)
    init(_ object: PyObj) { self.object = object }

    @inline(__always)
    deinit { object.release() }

    /// Hands the reference over to the caller.
    @inline(__always)
    consuming func take() -> PyObj {
        let object = object
        discard self
        return object
    }
}

/// Sets an optional field to a new, owned value and gives the old one back.
@inline(__always)
func replace(_ field: inout PyObj?, with value: PyObj?) {
    let old = field
    field = value
    if let old { old.release() }
}
