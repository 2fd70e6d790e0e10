import CApusPython

/// A pointer to a Python object, borrowed: somebody else holds the reference that keeps the object alive. What a call
/// returns as a new reference is a ``PyRef`` instead.
///
/// A borrowed object must not outlive a call that may run Python code or release the GIL: retain it first.
public typealias PyObj = UnsafeMutablePointer<PyObject>

/// CPython's name of the same for types.
public typealias PyTypeObj = UnsafeMutablePointer<PyTypeObject>

extension PyObj {
    /// Adds a reference and returns the object, for a field or a slot that takes the reference over.
    @inlinable @inline(__always)
    public func retained() -> PyObj {
        apus_incref(self)
        return self
    }

    @inlinable @inline(__always)
    public func release() { apus_decref(self) }

    /// The object's fields, for the C layout of its type.
    @inlinable @inline(__always)
    public func fields<Layout>(_: Layout.Type) -> UnsafeMutablePointer<Layout> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: Layout.self)
    }

    /// The object at an address.
    @inlinable @inline(__always)
    public init(_ address: UnsafeMutableRawPointer) { self = address.assumingMemoryBound(to: PyObject.self) }

    /// The object whose C layout begins with Python's own head.
    @inlinable @inline(__always)
    public init<Layout>(layout: UnsafeMutablePointer<Layout>) {
        self = UnsafeMutableRawPointer(layout).assumingMemoryBound(to: PyObject.self)
    }

    // MARK: What it is

    @inlinable @inline(__always) public var isNone: Bool { self == apus_none() }
    @inlinable @inline(__always) public var isTrueObject: Bool { self == apus_true() }
    @inlinable @inline(__always) public var isFalseObject: Bool { self == apus_false() }

    // Each holds for instances of subclasses as well, but for those named exact.
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
    /// Whether it has items by number, as lists do.
    @inlinable public var isSequence: Bool { PySequence_Check(self) != 0 }
    /// Whether it has items by key, as dicts do; sequences do as well.
    @inlinable public var isMapping: Bool { PyMapping_Check(self) != 0 }

    // MARK: Types

    /// The object's type, borrowed from it.
    @inlinable @inline(__always) public var type: PyObj { apus_type_object(self) }

    /// The same object as a type. It has to be one.
    @inlinable @inline(__always)
    public var asType: PyTypeObj { UnsafeMutableRawPointer(self).assumingMemoryBound(to: PyTypeObject.self) }

    /// Whether it is an instance of a type or of one that inherits from it, by the types' own bases alone.
    @inlinable @inline(__always)
    public func isInstance(of type: PyObj) -> Bool { apus_is_instance(self, type) != 0 }

    /// The same as Python's `isinstance()`, which asks the class: any Python code may run.
    @inlinable
    public func isInstance(asking type: PyObj) throws(PythonError) -> Bool {
        let fits = PyObject_IsInstance(self, type)
        try check(fits)
        return fits != 0
    }

    /// Whether a type is another one, or inherits from it.
    @inlinable public func isSubtype(of type: PyObj) -> Bool { PyType_IsSubtype(asType, type.asType) != 0 }

    /// A type's name with its module, as `datetime.date`.
    public var nameAsType: String { String(cString: apus_type_name(asType)) }

    /// The name of the object's type, as CPython's own messages give it.
    public var typeName: String { String(cString: apus_type_name(apus_type(self))) }

    /// The name of the object's type, as messages about a wrong argument give it: None stands for itself.
    public var shownType: String { isNone ? "None" : typeName }

    /// The classes that a type inherits from, itself first: a tuple, borrowed; nil for a type that is not ready.
    @inlinable public var methodResolutionOrder: PyObj? { apus_method_resolution_order(self) }

    /// Whether a type inherits from nothing but `object`.
    public var derivesFromObjectAlone: Bool { apus_derives_from_object_alone(asType) != 0 }
    /// The size of a type's instances, and of each item of those that have items, in bytes.
    public var instanceSize: (fixed: Int, item: Int) { (apus_type_size(asType), apus_type_item_size(asType)) }
}
