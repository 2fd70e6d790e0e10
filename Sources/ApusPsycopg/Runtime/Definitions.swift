import CApusPython

/// Tables that CPython keeps pointers to: built once, they live as long as the process, as a C array would.
func permanent<Element>(_ elements: [Element], end: Element) -> UnsafeMutablePointer<Element> {
    let table = UnsafeMutablePointer<Element>.allocate(capacity: elements.count + 1)
    for (index, element) in elements.enumerated() { (table + index).initialize(to: element) }
    (table + elements.count).initialize(to: end)
    return table
}

extension StaticString {
    /// For CPython's `const char *`, which outlives every call. Only literals without a NUL are used as names.
    var c: UnsafePointer<CChar> { UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }
}

typealias PlainFunction = @convention(c) (PyObj?, PyObj?) -> PyObj?
typealias KeywordFunction = @convention(c) (PyObj?, PyObj?, PyObj?) -> PyObj?
typealias FastFunction = @convention(c) (PyObj?, UnsafePointer<PyObj?>?, Int, PyObj?) -> PyObj?
typealias Getter = @convention(c) (PyObj?, UnsafeMutableRawPointer?) -> PyObj?
typealias Setter = @convention(c) (PyObj?, PyObj?, UnsafeMutableRawPointer?) -> Int32

extension PyMethodDef {
    static var end: PyMethodDef { PyMethodDef(ml_name: nil, ml_meth: nil, ml_flags: 0, ml_doc: nil) }

    /// A method without arguments.
    static func plain(_ name: StaticString, _ doc: StaticString, _ body: @escaping PlainFunction) -> PyMethodDef {
        PyMethodDef(ml_name: name.c, ml_meth: body, ml_flags: METH_NOARGS, ml_doc: doc.c)
    }

    /// A method of one positional argument.
    static func one(_ name: StaticString, _ doc: StaticString, _ body: @escaping PlainFunction) -> PyMethodDef {
        PyMethodDef(ml_name: name.c, ml_meth: body, ml_flags: METH_O, ml_doc: doc.c)
    }

    /// A method of any arguments, given as a C array and a tuple of keywords.
    static func fast(_ name: StaticString, _ doc: StaticString, _ body: @escaping FastFunction) -> PyMethodDef {
        PyMethodDef(
            ml_name: name.c, ml_meth: unsafeBitCast(body, to: PyCFunction.self),
            ml_flags: METH_FASTCALL | METH_KEYWORDS, ml_doc: doc.c)
    }

    /// A method of any arguments, given as a tuple and a dict.
    static func keyword(_ name: StaticString, _ doc: StaticString, _ body: @escaping KeywordFunction) -> PyMethodDef {
        PyMethodDef(
            ml_name: name.c, ml_meth: unsafeBitCast(body, to: PyCFunction.self),
            ml_flags: METH_VARARGS | METH_KEYWORDS, ml_doc: doc.c)
    }

    /// A class method or static method of any arguments, by `flags`.
    static func fast(
        _ name: StaticString, _ doc: StaticString, flags: Int32, _ body: @escaping FastFunction
    ) -> PyMethodDef {
        PyMethodDef(
            ml_name: name.c, ml_meth: unsafeBitCast(body, to: PyCFunction.self),
            ml_flags: METH_FASTCALL | METH_KEYWORDS | flags, ml_doc: doc.c)
    }
}

extension PyGetSetDef {
    static var end: PyGetSetDef { PyGetSetDef(name: nil, get: nil, set: nil, doc: nil, closure: nil) }

    static func computed(
        _ name: StaticString, _ doc: StaticString, set: Setter? = nil, closure: Int = 0, get: @escaping Getter
    ) -> PyGetSetDef {
        PyGetSetDef(
            name: name.c, get: get, set: set, doc: doc.c, closure: UnsafeMutableRawPointer(bitPattern: closure))
    }
}

extension PyMemberDef {
    static var end: PyMemberDef { PyMemberDef(name: nil, type: 0, offset: 0, flags: 0, doc: nil) }

    /// A field of a layout of `objects.h`, by its key path.
    static func field<Layout, Value>(
        _ name: StaticString, _ doc: StaticString, _ path: KeyPath<Layout, Value>, type: Int32 = apus_member_object,
        writable: Bool = false
    ) -> PyMemberDef {
        guard let offset = MemoryLayout<Layout>.offset(of: path) else { return .end }
        return PyMemberDef(
            name: name.c, type: type, offset: offset, flags: writable ? 0 : apus_member_readonly, doc: doc.c)
    }
}

extension PyType_Slot {
    init(_ slot: Int32, _ pointer: UnsafeMutableRawPointer?) { self.init(slot: slot, pfunc: pointer) }

    static func doc(_ text: StaticString) -> PyType_Slot {
        PyType_Slot(Py_tp_doc, UnsafeMutableRawPointer(mutating: text.utf8Start))
    }
    static func methods(_ table: UnsafeMutablePointer<PyMethodDef>) -> PyType_Slot {
        PyType_Slot(Py_tp_methods, table)
    }
    static func members(_ table: UnsafeMutablePointer<PyMemberDef>) -> PyType_Slot {
        PyType_Slot(Py_tp_members, table)
    }
    static func properties(_ table: UnsafeMutablePointer<PyGetSetDef>) -> PyType_Slot {
        PyType_Slot(Py_tp_getset, table)
    }
    static func new(_ f: @escaping newfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_new, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func initialize(_ f: @escaping initproc) -> PyType_Slot {
        PyType_Slot(Py_tp_init, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func dealloc(_ f: @escaping destructor) -> PyType_Slot {
        PyType_Slot(Py_tp_dealloc, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func traverse(_ f: @escaping traverseproc) -> PyType_Slot {
        PyType_Slot(Py_tp_traverse, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func clear(_ f: @escaping inquiry) -> PyType_Slot {
        PyType_Slot(Py_tp_clear, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func repr(_ f: @escaping reprfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_repr, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func str(_ f: @escaping reprfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_str, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func call(_ f: @escaping ternaryfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_call, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func compare(_ f: @escaping richcmpfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_richcompare, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func hash(_ f: @escaping hashfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_hash, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func iterator(_ f: @escaping getiterfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_iter, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func next(_ f: @escaping iternextfunc) -> PyType_Slot {
        PyType_Slot(Py_tp_iternext, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func length(_ f: @escaping lenfunc) -> PyType_Slot {
        PyType_Slot(Py_sq_length, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func item(_ f: @escaping ssizeargfunc) -> PyType_Slot {
        PyType_Slot(Py_sq_item, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func subscripted(_ f: @escaping binaryfunc) -> PyType_Slot {
        PyType_Slot(Py_mp_subscript, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func mappingLength(_ f: @escaping lenfunc) -> PyType_Slot {
        PyType_Slot(Py_mp_length, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
    static func assigned(_ f: @escaping objobjargproc) -> PyType_Slot {
        PyType_Slot(Py_mp_ass_subscript, unsafeBitCast(f, to: UnsafeMutableRawPointer.self))
    }
}

/// Makes a heap type that belongs to the module. `name` is the qualified name that Python shows.
/// - Parameter bases: the type to inherit from; nil for `object`.
func makeType(
    _ name: StaticString, in owner: PyObj, size: Int, itemSize: Int = 0, flags: UInt32, bases: PyObj? = nil,
    _ slots: [PyType_Slot]
) throws(Raised) -> PyObj {
    var slots = slots + [PyType_Slot(slot: 0, pfunc: nil)]
    // Python 3.9 takes a tuple only.
    let tuple = try Owned(owned(PyTuple_New(bases == nil ? 0 : 1)))
    if let bases { apus_tuple_set(tuple.object, 0, bases.retained()) }
    let bases = bases == nil ? nil : tuple.object
    let type = slots.withUnsafeMutableBufferPointer { slots in
        var spec = PyType_Spec(
            name: name.c, basicsize: Int32(size), itemsize: Int32(itemSize), flags: apus_flag_default | flags,
            slots: slots.baseAddress)
        return PyType_FromModuleAndSpec(owner, &spec, bases)
    }
    return try owned(type)
}
