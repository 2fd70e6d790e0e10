import CApusPython

// MARK: Tuples

extension PyRef {
    /// A tuple whose items are still to be set, each once, before any Python code can see it.
    @inlinable @inline(__always)
    public init(tupleOf count: Int) throws(PythonError) { self = try PyRef(PyTuple_New(count)) }

    /// A tuple of objects, which keep their own references.
    @inlinable
    public init(tuple first: PyObj, _ second: PyObj) throws(PythonError) {
        self = try PyRef(apus_tuple2(first, second))
    }
    @inlinable
    public init(tuple first: PyObj, _ second: PyObj, _ third: PyObj) throws(PythonError) {
        self = try PyRef(apus_tuple3(first, second, third))
    }

    /// Gives a new tuple its item.
    @inlinable @inline(__always)
    public borrowing func set(tupleItem index: Int, to item: consuming PyRef) {
        apus_tuple_set(object, index, item.take())
    }
}

extension PyObj {
    @inlinable @inline(__always) public var tupleCount: Int { apus_tuple_size(self) }
    /// The item of a tuple, borrowed from it. The index has to be one of the tuple's.
    @inlinable @inline(__always) public func tupleItem(_ index: Int) -> PyObj { apus_tuple_get(self, index) }

    /// A tuple of the items of anything that can be iterated over.
    public func asTuple() throws(PythonError) -> PyRef { try PyRef(PySequence_Tuple(self)) }
}

// MARK: Lists

extension PyRef {
    /// A list whose items are still to be set, each once, before any Python code can see it.
    @inlinable @inline(__always)
    public init(listOf count: Int) throws(PythonError) { self = try PyRef(PyList_New(count)) }

    /// Gives a new list its item.
    @inlinable @inline(__always)
    public borrowing func set(listItem index: Int, to item: consuming PyRef) {
        apus_list_set(object, index, item.take())
    }
}

extension PyObj {
    @inlinable @inline(__always) public var listCount: Int { apus_list_size(self) }
    /// The item of a list, borrowed from it: any Python code may take it out. The index has to be one of the list's.
    @inlinable @inline(__always) public func listItem(_ index: Int) -> PyObj { apus_list_get(self, index) }

    /// Appends to a list.
    @inlinable public func append(_ item: PyObj) throws(PythonError) { try check(PyList_Append(self, item)) }

    @inlinable public func append(_ item: consuming PyRef) throws(PythonError) {
        let item = item
        try check(PyList_Append(self, item.object))
    }

    /// Takes the first items out of a list.
    public func removeFirst(_ count: Int) throws(PythonError) { try check(PyList_SetSlice(self, 0, count, nil)) }
}

// MARK: Dicts

extension PyRef {
    /// An empty dict.
    @inlinable public static func dict() throws(PythonError) -> PyRef { try PyRef(PyDict_New()) }
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
    /// The same for any key, which may run Python code when it is compared.
    @inlinable
    public func set(_ key: PyObj, to value: PyObj) throws(PythonError) { try check(PyDict_SetItem(self, key, value)) }

    /// An item of a dict, borrowed from it; nil where there is none.
    public func item(_ key: StaticString) -> PyObj? { PyDict_GetItemString(self, key.c) }
    public func item(_ key: String) -> PyObj? { PyDict_GetItemString(self, key) }

    /// The same for any key, which may run Python code when it is compared. What that raises is dropped.
    public func itemIgnoringErrors(_ key: PyObj) -> PyObj? { PyDict_GetItem(self, key) }

    /// The same as a new reference; nil where there is none. Raises what the comparison of keys raises.
    @inlinable
    public func find(_ key: PyObj) throws(PythonError) -> PyRef? {
        guard let found = apus_dict_find(self, key) else {
            if PendingException.exists { throw PythonError() }
            return nil
        }
        return PyRef(owning: found)
    }

    /// The keys of a dict, and its values, as lists in the same order.
    public func keys() throws(PythonError) -> PyRef { try PyRef(PyDict_Keys(self)) }
    public func values() throws(PythonError) -> PyRef { try PyRef(PyDict_Values(self)) }

    /// Calls with each key of a dict and its value, borrowed. Nothing may change the dict meanwhile.
    public func forEachItem(_ body: (PyObj, PyObj) throws(PythonError) -> Void) throws(PythonError) {
        var position = 0
        var key: PyObj?
        var value: PyObj?
        while PyDict_Next(self, &position, &key, &value) != 0 {
            if let key, let value { try body(key, value) }
        }
    }

    /// Adds the items of a mapping, or of pairs, to a dict.
    public func update(from other: PyObj?) throws(PythonError) { try check(PyDict_Update(self, other)) }

    // What `dict` itself does, for types that inherit from it.
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

    /// The number of items of a sequence. Raises TypeError for a mapping, and for what is neither.
    public var sequenceCount: Int {
        get throws(PythonError) {
            let count = PySequence_Size(self)
            if count < 0 { throw PythonError() }
            return count
        }
    }

    /// `object[index]` of a sequence.
    @inlinable
    public func sequenceItem(_ index: Int) throws(PythonError) -> PyRef { try PyRef(PySequence_GetItem(self, index)) }

    /// `object[key]`, and its assignment.
    public func getItem(_ key: PyObj?) throws(PythonError) -> PyRef { try PyRef(PyObject_GetItem(self, key)) }
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
    public func iterator() throws(PythonError) -> PyRef { try PyRef(PyObject_GetIter(self)) }

    /// The next object of an iterator; nil at its end.
    @inlinable
    public func next() throws(PythonError) -> PyRef? {
        guard let next = PyIter_Next(self) else {
            if PendingException.exists { throw PythonError() }
            return nil
        }
        return PyRef(owning: next)
    }
}
