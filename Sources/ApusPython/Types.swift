import CApusPython

/// Optional features of a type.
public struct TypeFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Classes may inherit from the type.
    public static let subclassable = TypeFlags(rawValue: apus_flag_subclass)
    /// The cycle collector tracks its instances: the type has `traverse` and `clear`.
    public static let collected = TypeFlags(rawValue: apus_flag_collected)
}

extension PyRef {
    /// Makes a heap type that belongs to a module.
    /// - Parameters:
    ///   - name: the qualified name, such as "psycopg2.extensions.cursor".
    ///   - size: the size of an instance's C layout in bytes.
    ///   - itemSize: the size of each item in bytes, for types with variable-size instances.
    ///   - base: the type to inherit from; nil is `object`.
    ///   - signature: the parameters of a call of the type, "(conn, name=None)"; nil for a type that programs do not
    ///     call, or whose base has the signature.
    public init(
        typeNamed name: StaticString, in module: PyObj, size: Int, itemSize: Int = 0, flags: TypeFlags,
        base: PyObj? = nil, signature: StaticString? = nil, doc: StaticString, _ slots: [Slot]
    ) throws(PythonError) {
        // Python 3.9 accepts only a tuple.
        let tuple = try PyRef(tupleOf: base == nil ? 0 : 1)
        if let base { tuple.set(tupleItem: 0, to: PyRef(retaining: base)) }
        let bases = base == nil ? nil : tuple.object
        // CPython copies it.
        var doc = Docstring.bytes(name, nil, signature, doc)
        self = try PyRef(
            new: doc.withUnsafeMutableBytes { doc in
                var slots =
                    slots + [
                        Slot(slot: Py_tp_doc, pfunc: doc.baseAddress), Slot(slot: 0, pfunc: nil),
                    ]
                return slots.withUnsafeMutableBufferPointer { slots in
                    var spec = PyType_Spec(
                        name: name.c, basicsize: Int32(truncatingIfNeeded: size),
                        itemsize: Int32(truncatingIfNeeded: itemSize), flags: apus_flag_default | flags.rawValue,
                        slots: slots.baseAddress)
                    return PyType_FromModuleAndSpec(module, &spec, bases)
                }
            })
        tuple.keepAlive()
    }

    /// Makes an exception class. `name` contains the module, such as "psycopg2.Warning".
    public init(exceptionNamed name: StaticString, base: PyObj, doc: StaticString) throws(PythonError) {
        self = try PyRef(new: PyErr_NewExceptionWithDoc(name.c, doc.c, base, nil))
    }
    public init(exceptionNamed name: String, base: PyObj, doc: String) throws(PythonError) {
        self = try PyRef(new: PyErr_NewExceptionWithDoc(name, doc, base, nil))
    }

    /// Makes an instance of a type whose fields are all zero, by the type's `tp_alloc`.
    @inlinable
    public init(instanceOf type: PyObj) throws(PythonError) { self = try PyRef(new: apus_allocate(type.asType)) }
    @inlinable
    public init(instanceOf type: PyTypeObj) throws(PythonError) { self = try PyRef(new: apus_allocate(type)) }

    /// Makes an instance with `itemCount` items, whose memory is not initialized.
    @inlinable
    public init(instanceOf type: PyObj, itemCount: Int) throws(PythonError) {
        self = try PyRef(new: apus_new_variable(type, itemCount))
    }
}

extension PyObj {
    /// Frees an instance of a heap type whose fields have been cleared: the last step of its `tp_dealloc`.
    public func free() { apus_free(self) }
}
