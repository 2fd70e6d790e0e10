import CApusPython

/// The arguments of a call, bound to parameters by position or keyword.
public struct Arguments {
    private let function: StaticString
    private let names: [StaticString]
    private var values: [PyObj?]

    /// Binds the arguments of a vectorcall. Raises TypeError, as Python's own functions do, for a missing argument, too
    /// many arguments or an unknown keyword.
    public init(
        _ function: StaticString, _ names: [StaticString], required: Int = 0,
        _ positional: UnsafePointer<PyObj?>?, _ count: Int, _ keywords: PyObj?
    ) throws(PythonError) {
        self.init(function, names)
        try takePositional(count) { positional?[$0] }
        if let keywords {
            for i in 0..<keywords.tupleCount {
                try take(keyword: keywords.tupleItem(i), value: positional?[count + i])
            }
        }
        try require(required)
    }

    /// Binds the tuple and dict of `tp_new`, `tp_init` or `tp_call`. The caller of the slot keeps both, and so the
    /// arguments, until the call ends.
    public init(
        _ function: StaticString, _ names: [StaticString], required: Int = 0, tuple: PyObj?, dict: PyObj?
    ) throws(PythonError) {
        self.init(function, names)
        if let tuple { try takePositional(tuple.tupleCount) { tuple.tupleItem($0) } }
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
    public subscript(_ index: Int) -> PyObj? { values[index] }

    /// The argument, borrowed; nil if it was not given or is None.
    public func unlessNone(_ index: Int) -> PyObj? {
        guard let value = values[index], !value.isNone else { return nil }
        return value
    }

    /// Returns an argument that `required` of the initializer guarantees.
    public func required(_ index: Int) throws(PythonError) -> PyObj {
        guard let value = values[index] else { throw raiseTypeError("missing argument '\(names[index])'") }
        return value
    }

    public func integer(_ index: Int, default: Int) throws(PythonError) -> Int {
        guard let value = values[index] else { return `default` }
        return try value.integer
    }

    /// Raises TypeError unless the argument is a `str`, also for None.
    public func text(_ index: Int, default: String) throws(PythonError) -> String {
        guard let value = values[index] else { return `default` }
        return try text(index, value)
    }

    /// Returns the text of an argument that `required` of the initializer guarantees.
    public func text(_ index: Int) throws(PythonError) -> String { try text(index, required(index)) }

    private func text(_ index: Int, _ value: PyObj) throws(PythonError) -> String {
        if !value.isStr {
            throw raiseTypeError("\(function)() argument '\(names[index])' must be str, not \(value.shownType)")
        }
        return try ApusPython.text(of: value)
    }

    public func truth(_ index: Int, default: Bool) throws(PythonError) -> Bool {
        guard let value = values[index] else { return `default` }
        return try value.truth
    }

    private mutating func takePositional(_ count: Int, _ value: (Int) -> PyObj?) throws(PythonError) {
        if count > names.count {
            throw raiseTypeError("\(function)() takes at most \(names.count) arguments (\(count) given)")
        }
        for i in 0..<count { values[i] = value(i) }
    }

    private mutating func take(keyword: PyObj, value: PyObj?) throws(PythonError) {
        if !keyword.isStr { throw raiseTypeError("\(function)() keywords must be strings") }
        for (index, name) in names.enumerated()
        where keyword.equals(ascii: name) {
            if values[index] != nil {
                throw raiseTypeError("\(function)() got multiple values for argument '\(name)'")
            }
            values[index] = value
            return
        }
        throw raiseTypeError("\(function)() got an unexpected keyword argument '\(try ApusPython.text(of: keyword))'")
    }

    private func require(_ count: Int) throws(PythonError) {
        for i in 0..<count where values[i] == nil {
            throw raiseTypeError("\(function)() missing required argument '\(names[i])' (pos \(i + 1))")
        }
    }
}
