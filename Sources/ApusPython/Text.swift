import CApusPython

// MARK: Making

extension PyRef {
    /// A `str`.
    public init(_ text: String) throws(PythonError) {
        var text = text
        self = try PyRef(
            text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { PyUnicode_DecodeUTF8($0.baseAddress, $0.count, "replace") }
            })
    }

    /// A `str` of what a server or a library sent; bytes that are not UTF-8 are replaced.
    public init(cString text: UnsafePointer<CChar>) throws(PythonError) {
        self = try PyRef(PyUnicode_DecodeUTF8(text, strlen(text), "replace"))
    }

    /// A `str` of bytes; those that are not UTF-8 are replaced.
    public init(replacingInUTF8 bytes: UnsafeRawBufferPointer) throws(PythonError) {
        self = try PyRef(PyUnicode_DecodeUTF8(bytes.chars, bytes.count, "replace"))
    }

    /// A `str` of UTF-8. Raises UnicodeDecodeError.
    @inlinable @inline(__always)
    public init(utf8 bytes: UnsafeRawBufferPointer) throws(PythonError) {
        self = try PyRef(PyUnicode_DecodeUTF8(bytes.chars, bytes.count, nil))
    }

    /// A `str` of bytes in an encoding. Raises UnicodeDecodeError, LookupError for a codec that Python lacks.
    /// - Parameter onError: Python's name of what is done about bytes that cannot be decoded; nil raises.
    public init(
        decoding bytes: UnsafeRawBufferPointer, codec: UnsafePointer<CChar>, onError: StaticString? = nil
    ) throws(PythonError) {
        self = try PyRef(PyUnicode_Decode(bytes.chars, bytes.count, codec, onError?.c))
    }

    /// A `str` of one character.
    public init(character: UInt32) throws(PythonError) {
        self = try PyRef(PyUnicode_FromOrdinal(Int32(truncatingIfNeeded: character)))
    }

    /// A `str` for names of attributes, made once and compared by identity where CPython can.
    public init(interned name: StaticString) throws(PythonError) {
        self = try PyRef(PyUnicode_InternFromString(name.c))
    }

    /// `bytes`, copied.
    @inlinable
    public init(bytes: UnsafeRawBufferPointer) throws(PythonError) {
        self = try PyRef(PyBytes_FromStringAndSize(bytes.chars, bytes.count))
    }
}

extension UnsafeRawBufferPointer {
    @inlinable @inline(__always)
    var chars: UnsafePointer<CChar>? { baseAddress?.assumingMemoryBound(to: CChar.self) }
}

// MARK: Reading

extension PyObj {
    /// The content of a `bytes`, which lives as long as the object.
    @inlinable @inline(__always)
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: apus_bytes_data(self), count: apus_bytes_size(self))
    }

    /// A `str` as UTF-8, which lives as long as the object. Raises UnicodeEncodeError for surrogates.
    @inlinable @inline(__always)
    public var utf8: UnsafeRawBufferPointer {
        get throws(PythonError) {
            var count = 0
            guard let utf8 = PyUnicode_AsUTF8AndSize(self, &count) else { throw PythonError() }
            return UnsafeRawBufferPointer(start: utf8, count: count)
        }
    }

    /// How many characters a `str` has.
    @inlinable @inline(__always) public var characterCount: Int { apus_str_length(self) }
    /// Whether a `str` has ASCII's characters only.
    @inlinable @inline(__always) public var isASCII: Bool { apus_str_is_ascii(self) != 0 }

    /// A `str` as `bytes` of an encoding. Raises UnicodeEncodeError, LookupError for a codec that Python lacks.
    public func encoded(by codec: UnsafePointer<CChar>) throws(PythonError) -> PyRef {
        try PyRef(PyUnicode_AsEncodedString(self, codec, nil))
    }

    /// A `str` as `bytes` of UTF-8. Raises UnicodeEncodeError for surrogates.
    public func encodedAsUTF8() throws(PythonError) -> PyRef { try PyRef(PyUnicode_AsUTF8String(self)) }

    /// Where a character is in a `str`, from 0; nil where it is not.
    public func position(of character: UInt32) throws(PythonError) -> Int? {
        let position = PyUnicode_FindChar(self, character, 0, characterCount, 1)
        if position == -2 { throw PythonError() }
        return position < 0 ? nil : position
    }

    /// A `str` with another in the place of a third.
    public func replacing(_ old: borrowing PyRef, by new: borrowing PyRef) throws(PythonError) -> PyRef {
        try PyRef(PyUnicode_Replace(self, old.object, new.object, -1))
    }

    /// Whether a `str` is this text, which has ASCII's characters only.
    @inlinable
    func equals(ascii text: StaticString) -> Bool { PyUnicode_CompareWithASCIIString(self, text.c) == 0 }
}

/// The text of a `str` (TypeError for anything else) as a Swift string.
public func text(of object: PyObj) throws(PythonError) -> String { try string(object, nil) }

/// The same, with a TypeError that says what the object is.
public func text(of object: PyObj, as role: StaticString) throws(PythonError) -> String { try string(object, role) }

private func string(_ object: PyObj, _ role: StaticString?) throws(PythonError) -> String {
    var length = 0
    guard let utf8 = PyUnicode_AsUTF8AndSize(object, &length) else {
        if object.isStr { throw PythonError() }
        // CPython's own message is about a bad argument of a built-in operation.
        throw raiseTypeError("\(role.map { "\($0) must be" } ?? "expected") str, not \(object.shownType)")
    }
    return String(decoding: UnsafeRawBufferPointer(start: utf8, count: length), as: UTF8.self)
}

/// The same for a text that C code reads up to its first zero byte: ValueError where that is not its end.
/// - Parameter role: what the text is, such as "a password".
public func text(of object: PyObj, withoutNUL role: StaticString) throws(PythonError) -> String {
    let text = try text(of: object)
    if text.utf8.contains(0) { throw raiseValueError("\(role) cannot contain NUL (0x00) characters") }
    return text
}

/// The text of a `str` that is given back afterwards.
public func text(of object: consuming PyRef) throws(PythonError) -> String { try text(of: object.object) }
