import CApusPython

/// A borrowed pointer to a Python object: another reference keeps the object alive. New references that a call returns
/// are ``PyRef``s instead.
///
/// Do not use a borrowed object after a call that may run Python code or release the GIL, because its owner may have
/// released it: retain it first.
public typealias PyObj = UnsafeMutablePointer<PyObject>

/// The same pointer with CPython's type for types.
public typealias PyTypeObj = UnsafeMutablePointer<PyTypeObject>

extension PyObj {
    /// Adds a reference and returns the object, for a field or a slot that becomes the owner of the reference.
    @inlinable @inline(__always)
    public func retained() -> PyObj {
        apus_incref(self)
        return self
    }

    @inlinable @inline(__always)
    public func release() { apus_decref(self) }

    /// The fields of the object, whose type has this C layout.
    @inlinable @inline(__always)
    public func fields<Layout>(_: Layout.Type) -> UnsafeMutablePointer<Layout> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: Layout.self)
    }

    /// The object at an address.
    @inlinable @inline(__always)
    public init(_ address: UnsafeMutableRawPointer) { self = address.assumingMemoryBound(to: PyObject.self) }

    /// Converts a pointer to a C layout that starts with Python's object head.
    @inlinable @inline(__always)
    public init<Layout>(layout: UnsafeMutablePointer<Layout>) {
        self = UnsafeMutableRawPointer(layout).assumingMemoryBound(to: PyObject.self)
    }

    // MARK: Kinds of objects

    @inlinable @inline(__always) public var isNone: Bool { self == apus_none() }
    @inlinable @inline(__always) public var isTrueObject: Bool { self == apus_true() }
    @inlinable @inline(__always) public var isFalseObject: Bool { self == apus_false() }

    // Each is true for instances of subclasses too, unless its name contains "exact".
    @inlinable @inline(__always) public var isStr: Bool { apus_is_str(self) != 0 }
    @inlinable @inline(__always) public var isExactStr: Bool { apus_is_exact_str(self) != 0 }
    @inlinable @inline(__always) public var isBytes: Bool { apus_is_bytes(self) != 0 }
    @inlinable @inline(__always) public var isInt: Bool { apus_is_int(self) != 0 }
    @inlinable @inline(__always) public var isBool: Bool { apus_is_bool(self) != 0 }
    @inlinable @inline(__always) public var isList: Bool { apus_is_list(self) != 0 }
    @inlinable @inline(__always) public var isExactList: Bool { apus_is_exact_list(self) != 0 }
    @inlinable @inline(__always) public var isTuple: Bool { apus_is_tuple(self) != 0 }
    @inlinable @inline(__always) public var isExactTuple: Bool { apus_is_exact_tuple(self) != 0 }
    @inlinable @inline(__always) public var isDict: Bool { apus_is_dict(self) != 0 }
    @inlinable @inline(__always) public var isClass: Bool { apus_is_class(self) != 0 }
    @inlinable public var isCallable: Bool { PyCallable_Check(self) != 0 }
    /// True if it has items by index, as lists do.
    @inlinable public var isSequence: Bool { PySequence_Check(self) != 0 }
    /// True if it has items by key, as dicts do; also true for most sequences.
    @inlinable public var isMapping: Bool { PyMapping_Check(self) != 0 }

    // MARK: Types

    /// The object's type, borrowed from it.
    @inlinable @inline(__always) public var type: PyObj { apus_type_object(self) }

    /// The same object as a type, which it must be.
    @inlinable @inline(__always)
    public var asType: PyTypeObj { UnsafeMutableRawPointer(self).assumingMemoryBound(to: PyTypeObject.self) }

    /// True for an instance of a type or of a subtype of it. Does not call `__instancecheck__`.
    @inlinable @inline(__always)
    public func isInstance(of type: PyObj) -> Bool { apus_is_instance(self, type) != 0 }

    /// Python's `isinstance()`, which calls the class's `__instancecheck__` and may run Python code.
    @inlinable
    public func isInstance(asking type: PyObj) throws(PythonError) -> Bool {
        let fits = PyObject_IsInstance(self, type)
        try check(fits)
        return fits != 0
    }

    /// True if a type is another type or inherits from it.
    @inlinable public func isSubtype(of type: PyObj) -> Bool { PyType_IsSubtype(asType, type.asType) != 0 }

    /// The name of a type with its module, such as `datetime.date`.
    public var nameAsType: String { String(cString: apus_type_name(asType)) }

    /// The name of the object's type, as in CPython's own messages.
    public var typeName: String { String(cString: apus_type_name(apus_type(self))) }

    /// The name of the object's type for messages about a wrong argument; "None" for None.
    public var shownType: String { isNone ? "None" : typeName }

    /// The classes that a type inherits from, starting with itself: a borrowed tuple; nil for a type that is not ready.
    @inlinable public var methodResolutionOrder: PyObj? { apus_method_resolution_order(self) }

    /// True if a type inherits from nothing but `object`.
    public var derivesFromObjectAlone: Bool { apus_derives_from_object_alone(asType) != 0 }
    /// The size of a type's instances, and of each item of variable-size instances, in bytes.
    public var instanceSize: (fixed: Int, item: Int) { (apus_type_size(asType), apus_type_item_size(asType)) }
}
