import CApusPython

// MARK: Tuples

extension PyRef {
    /// Makes a tuple whose items are NULL. Set each of them once, before any Python code gets the tuple.
    @inlinable @inline(__always)
    public init(tupleOf count: Int) throws(PythonError) { self = try PyRef(new: PyTuple_New(count)) }

    /// Makes a tuple of borrowed objects.
    @inlinable
    public init(tuple first: PyObj, _ second: PyObj) throws(PythonError) {
        self = try PyRef(new: apus_tuple2(first, second))
    }
    @inlinable
    public init(tuple first: PyObj, _ second: PyObj, _ third: PyObj) throws(PythonError) {
        self = try PyRef(new: apus_tuple3(first, second, third))
    }

    /// Sets an item of a new tuple.
    @inlinable @inline(__always)
    public borrowing func set(tupleItem index: Int, to item: consuming PyRef) {
        apus_tuple_set(object, index, item.take())
    }
}

extension PyObj {
    @inlinable @inline(__always) public var tupleCount: Int { apus_tuple_size(self) }
    /// Returns an item of a tuple, borrowed from it. The index must be valid.
    @inlinable @inline(__always) public func tupleItem(_ index: Int) -> PyObj { apus_tuple_get(self, index) }

    /// Makes a tuple of the items of an iterable.
    public func asTuple() throws(PythonError) -> PyRef { try PyRef(new: PySequence_Tuple(self)) }
}

// MARK: Lists

extension PyRef {
    /// Makes a list whose items are NULL. Set each of them once, before any Python code gets the list.
    @inlinable @inline(__always)
    public init(listOf count: Int) throws(PythonError) { self = try PyRef(new: PyList_New(count)) }

    /// Sets an item of a new list.
    @inlinable @inline(__always)
    public borrowing func set(listItem index: Int, to item: consuming PyRef) {
        apus_list_set(object, index, item.take())
    }
}

extension PyObj {
    @inlinable @inline(__always) public var listCount: Int { apus_list_size(self) }
    /// Returns an item of a list, borrowed from it: any Python code may remove it. The index must be valid.
    @inlinable @inline(__always) public func listItem(_ index: Int) -> PyObj { apus_list_get(self, index) }

    /// Appends an item to a list.
    @inlinable public func append(_ item: PyObj) throws(PythonError) { try check(PyList_Append(self, item)) }

    @inlinable public func append(_ item: consuming PyRef) throws(PythonError) {
        let item = item
        try check(PyList_Append(self, item.object))
    }

    /// Removes the first items of a list.
    public func removeFirst(_ count: Int) throws(PythonError) { try check(PyList_SetSlice(self, 0, count, nil)) }
}

// MARK: Dicts

extension PyRef {
    /// Makes an empty dict.
    @inlinable public static func dict() throws(PythonError) -> PyRef { try PyRef(new: PyDict_New()) }
}

extension PyObj {
    @inlinable @inline(__always) public var dictCount: Int { apus_dict_size(self) }

    /// Sets an item of a dict.
    public func set(_ key: StaticString, to value: PyObj) throws(PythonError) {
        try check(PyDict_SetItemString(self, key.c, value))
    }
    public func set(_ key: String, to value: PyObj) throws(PythonError) {
        try check(PyDict_SetItemString(self, key, value))
    }
    /// Sets an item by any key; comparing keys may run Python code.
    @inlinable
    public func set(_ key: PyObj, to value: PyObj) throws(PythonError) { try check(PyDict_SetItem(self, key, value)) }

    /// Returns an item of a dict, borrowed from it; nil if there is none.
    public func item(_ key: StaticString) -> PyObj? { PyDict_GetItemString(self, key.c) }
    public func item(_ key: String) -> PyObj? { PyDict_GetItemString(self, key) }

    /// Returns an item by any key, borrowed; comparing keys may run Python code, whose exceptions are dropped.
    public func itemIgnoringErrors(_ key: PyObj) -> PyObj? { PyDict_GetItem(self, key) }

    /// Returns an item by any key as a new reference; nil if there is none. Raises the exceptions of comparing keys.
    @inlinable
    public func find(_ key: PyObj) throws(PythonError) -> PyRef? {
        guard let found = apus_dict_find(self, key) else {
            if PendingException.exists { throw PythonError() }
            return nil
        }
        return PyRef(owning: found)
    }

    /// The keys and the values of a dict, as lists in the same order.
    public func keys() throws(PythonError) -> PyRef { try PyRef(new: PyDict_Keys(self)) }
    public func values() throws(PythonError) -> PyRef { try PyRef(new: PyDict_Values(self)) }

    /// Calls a function with each key and value of a dict, borrowed. The dict must not be changed meanwhile.
    public func forEachItem(_ body: (PyObj, PyObj) throws(PythonError) -> Void) throws(PythonError) {
        var position = 0
        var key: PyObj?
        var value: PyObj?
        while PyDict_Next(self, &position, &key, &value) != 0 {
            if let key, let value { try body(key, value) }
        }
    }

    /// Adds the items of a mapping, or of an iterable of pairs, to a dict.
    public func update(from other: PyObj?) throws(PythonError) { try check(PyDict_Update(self, other)) }

    // The slots of `dict` itself, for types that inherit from it.
    public func initializeDict(_ arguments: PyObj?, _ keywords: PyObj?) -> Int32 {
        apus_dict_initialize(self, arguments, keywords)
    }
    public func assignDictItem(_ key: PyObj?, _ value: PyObj?) -> Int32 { apus_dict_assign(self, key, value) }
}

// MARK: Any collection

extension PyObj {
    /// `len(object)`
    public var count: Int {
        get throws(PythonError) {
            let count = PyObject_Size(self)
            if count < 0 { throw PythonError() }
            return count
        }
    }

    /// The number of items of a sequence. Raises TypeError for other objects, also for a mapping.
    public var sequenceCount: Int {
        get throws(PythonError) {
            let count = PySequence_Size(self)
            if count < 0 { throw PythonError() }
            return count
        }
    }

    /// `object[index]` of a sequence.
    @inlinable
    public func sequenceItem(_ index: Int) throws(PythonError) -> PyRef {
        try PyRef(new: PySequence_GetItem(self, index))
    }

    /// `object[key]` and `object[key] = value`
    public func getItem(_ key: PyObj?) throws(PythonError) -> PyRef { try PyRef(new: PyObject_GetItem(self, key)) }
    @inlinable
    public func setItem(_ key: PyObj, to value: PyObj) throws(PythonError) {
        try check(PyObject_SetItem(self, key, value))
    }

    /// `item in object`
    public func contains(_ item: PyObj) throws(PythonError) -> Bool {
        let found = PySequence_Contains(self, item)
        try check(found)
        return found != 0
    }

    /// `iter(object)`
    public func iterator() throws(PythonError) -> PyRef { try PyRef(new: PyObject_GetIter(self)) }

    /// Returns the next object of an iterator; nil at the end.
    @inlinable
    public func next() throws(PythonError) -> PyRef? {
        guard let next = PyIter_Next(self) else {
            if PendingException.exists { throw PythonError() }
            return nil
        }
        return PyRef(owning: next)
    }
}
