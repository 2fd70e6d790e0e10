import CApusPython

/// Arguments of a call, bound to parameters by position or keyword.
struct Arguments {
    private let function: StaticString
    private let names: [StaticString]
    private var values: [PyObj?]

    /// From a vectorcall. Raises TypeError, as Python's own functions do, for a missing, surplus or unknown one.
    init(
        _ function: StaticString, _ names: [StaticString], required: Int = 0,
        _ positional: UnsafePointer<PyObj?>?, _ count: Int, _ keywords: PyObj?
    ) throws(Raised) {
        self.init(function, names)
        try takePositional(count) { positional?[$0] }
        if let keywords {
            for i in 0..<apus_tuple_size(keywords) {
                try take(keyword: apus_tuple_get(keywords, i), value: positional?[count + i])
            }
        }
        try require(required)
    }

    /// From the tuple and dict of `tp_new`, `tp_init` or `tp_call`. Both are the call's own, and keep the arguments
    /// until it ends.
    init(
        _ function: StaticString, _ names: [StaticString], required: Int = 0, tuple: PyObj?, dict: PyObj?
    ) throws(Raised) {
        self.init(function, names)
        if let tuple { try takePositional(apus_tuple_size(tuple)) { apus_tuple_get(tuple, $0) } }
        if let dict {
            var position = 0
            var key: PyObj?
            var value: PyObj?
            while PyDict_Next(dict, &position, &key, &value) != 0 {
                if let key { try take(keyword: key, value: value) }
            }
        }
        try require(required)
    }

    private init(_ function: StaticString, _ names: [StaticString]) {
        self.function = function
        self.names = names
        values = Array(repeating: nil, count: names.count)
    }

    /// The argument, borrowed; nil if it was not given.
    subscript(_ index: Int) -> PyObj? { values[index] }

    /// The argument, borrowed; nil if it was not given or is None.
    func unlessNone(_ index: Int) -> PyObj? {
        guard let value = values[index], !value.isNone else { return nil }
        return value
    }

    /// An argument that `required` guarantees.
    func required(_ index: Int) throws(Raised) -> PyObj {
        guard let value = values[index] else { throw raiseTypeError("missing argument '\(names[index])'") }
        return value
    }

    func integer(_ index: Int, default: Int) throws(Raised) -> Int {
        guard let value = values[index] else { return `default` }
        let number = PyLong_AsLong(value)
        if number == -1 && PyErr_Occurred() != nil { throw Raised() }
        return number
    }

    /// Raises TypeError for anything but a `str`, None too.
    func text(_ index: Int, default: String) throws(Raised) -> String {
        guard let value = values[index] else { return `default` }
        return try text(index, value)
    }

    /// The same for an argument that `required` guarantees.
    func text(_ index: Int) throws(Raised) -> String { try text(index, required(index)) }

    private func text(_ index: Int, _ value: PyObj) throws(Raised) -> String {
        if apus_is_str(value) == 0 {
            throw raiseTypeError("\(function)() argument '\(names[index])' must be str, not \(value.shownType)")
        }
        return try ApusPsycopg.text(of: value)
    }

    func truth(_ index: Int, default: Bool) throws(Raised) -> Bool {
        guard let value = values[index] else { return `default` }
        let truth = PyObject_IsTrue(value)
        try check(truth)
        return truth != 0
    }

    private mutating func takePositional(_ count: Int, _ value: (Int) -> PyObj?) throws(Raised) {
        if count > names.count {
            throw raiseTypeError("\(function)() takes at most \(names.count) arguments (\(count) given)")
        }
        for i in 0..<count { values[i] = value(i) }
    }

    private mutating func take(keyword: PyObj, value: PyObj?) throws(Raised) {
        if apus_is_str(keyword) == 0 { throw raiseTypeError("\(function)() keywords must be strings") }
        for (index, name) in names.enumerated()
        where PyUnicode_CompareWithASCIIString(keyword, name.c) == 0 {
            if values[index] != nil {
                throw raiseTypeError("\(function)() got multiple values for argument '\(name)'")
            }
            values[index] = value
            return
        }
        throw raiseTypeError("\(function)() got an unexpected keyword argument '\(try ApusPsycopg.text(of: keyword))'")
    }

    private func require(_ count: Int) throws(Raised) {
        for i in 0..<count where values[i] == nil {
            throw raiseTypeError("\(function)() missing required argument '\(names[i])' (pos \(i + 1))")
        }
    }
}

/// The text of a `str` (TypeError for anything else) as a Swift string.
func text(of object: PyObj) throws(Raised) -> String { try string(object) }

/// The same, with a TypeError that says what the object is.
func text(of object: PyObj, as role: StaticString) throws(Raised) -> String { try string(object, role) }

private func string(_ object: PyObj, _ role: StaticString? = nil) throws(Raised) -> String {
    var length = 0
    guard let utf8 = PyUnicode_AsUTF8AndSize(object, &length) else {
        if apus_is_str(object) != 0 { throw Raised() }
        // CPython's own words are about a bad argument of a built-in operation.
        throw raiseTypeError("\(role.map { "\($0) must be" } ?? "expected") str, not \(object.shownType)")
    }
    return UnsafeRawBufferPointer(start: utf8, count: length).withMemoryRebound(to: UInt8.self) {
        String(decoding: $0, as: UTF8.self)
    }
}

/// The same for a text that C code reads up to its first zero byte: ValueError where that is not its end.
/// - Parameter what: what the text is, such as "a password".
func text(of object: PyObj, withoutNUL what: StaticString) throws(Raised) -> String {
    let text = try text(of: object)
    if text.utf8.contains(0) { throw raiseValueError("\(what) cannot contain NUL (0x00) characters") }
    return text
}
