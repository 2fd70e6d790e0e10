import CApusPython

// MARK: Making

extension PyRef {
    /// Makes a `str`.
    public init(_ text: String) throws(PythonError) {
        var text = text
        self = try PyRef(
            new: text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { PyUnicode_DecodeUTF8($0.baseAddress, $0.count, "replace") }
            })
    }

    /// Makes a `str` of a C string from a server or a library. Bytes that are not UTF-8 are replaced.
    public init(cString text: UnsafePointer<CChar>) throws(PythonError) {
        self = try PyRef(new: PyUnicode_DecodeUTF8(text, strlen(text), "replace"))
    }

    /// Makes a `str` of bytes. Those that are not UTF-8 are replaced.
    public init(replacingInUTF8 bytes: UnsafeRawBufferPointer) throws(PythonError) {
        self = try PyRef(new: PyUnicode_DecodeUTF8(bytes.chars, bytes.count, "replace"))
    }

    /// Makes a `str` of UTF-8. Raises UnicodeDecodeError.
    @inlinable @inline(__always)
    public init(utf8 bytes: UnsafeRawBufferPointer) throws(PythonError) {
        self = try PyRef(new: PyUnicode_DecodeUTF8(bytes.chars, bytes.count, nil))
    }

    /// Makes a `str` of bytes in an encoding. Raises UnicodeDecodeError, or LookupError if Python does not have the
    /// codec.
    /// - Parameter onError: the name of Python's error handler; nil raises.
    public init(
        decoding bytes: UnsafeRawBufferPointer, codec: UnsafePointer<CChar>, onError: StaticString? = nil
    ) throws(PythonError) {
        self = try PyRef(new: PyUnicode_Decode(bytes.chars, bytes.count, codec, onError?.c))
    }

    /// Makes a `str` of one character.
    public init(character: UInt32) throws(PythonError) {
        self = try PyRef(new: PyUnicode_FromOrdinal(Int32(truncatingIfNeeded: character)))
    }

    /// Makes an interned `str`, for names of attributes: CPython makes it once, and compares it by identity where it
    /// can.
    public init(interned name: StaticString) throws(PythonError) {
        self = try PyRef(new: PyUnicode_InternFromString(name.c))
    }

    /// Makes a `bytes` object with a copy of the bytes.
    @inlinable
    public init(bytes: UnsafeRawBufferPointer) throws(PythonError) {
        self = try PyRef(new: PyBytes_FromStringAndSize(bytes.chars, bytes.count))
    }
}

extension UnsafeRawBufferPointer {
    @inlinable @inline(__always)
    var chars: UnsafePointer<CChar>? { baseAddress?.assumingMemoryBound(to: CChar.self) }
}

// MARK: Reading

extension PyObj {
    /// The content of a `bytes` object, valid as long as the object exists.
    @inlinable @inline(__always)
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: apus_bytes_data(self), count: apus_bytes_size(self))
    }

    /// The content of a `str` as UTF-8, valid as long as the object exists. Raises UnicodeEncodeError for surrogates.
    @inlinable @inline(__always)
    public var utf8: UnsafeRawBufferPointer {
        get throws(PythonError) {
            var count = 0
            guard let utf8 = PyUnicode_AsUTF8AndSize(self, &count) else { throw PythonError() }
            return UnsafeRawBufferPointer(start: utf8, count: count)
        }
    }

    /// The number of characters of a `str`.
    @inlinable @inline(__always) public var characterCount: Int { apus_str_length(self) }
    /// True if a `str` has only ASCII characters.
    @inlinable @inline(__always) public var isASCII: Bool { apus_str_is_ascii(self) != 0 }

    /// Encodes a `str` as `bytes`. Raises UnicodeEncodeError, or LookupError if Python does not have the codec.
    public func encoded(by codec: UnsafePointer<CChar>) throws(PythonError) -> PyRef {
        try PyRef(new: PyUnicode_AsEncodedString(self, codec, nil))
    }

    /// Encodes a `str` as `bytes` of UTF-8. Raises UnicodeEncodeError for surrogates.
    public func encodedAsUTF8() throws(PythonError) -> PyRef { try PyRef(new: PyUnicode_AsUTF8String(self)) }

    /// The index of the first occurrence of a character in a `str`; nil if it does not occur.
    public func position(of character: UInt32) throws(PythonError) -> Int? {
        let position = PyUnicode_FindChar(self, character, 0, characterCount, 1)
        if position == -2 { throw PythonError() }
        return position < 0 ? nil : position
    }

    /// Replaces all occurrences of `old` in a `str`.
    public func replacing(_ old: borrowing PyRef, by new: borrowing PyRef) throws(PythonError) -> PyRef {
        try PyRef(new: PyUnicode_Replace(self, old.object, new.object, -1))
    }

    /// True if a `str` equals a text, which must be ASCII.
    @inlinable
    func equals(ascii text: StaticString) -> Bool { PyUnicode_CompareWithASCIIString(self, text.c) == 0 }
}

/// Converts a `str` to a Swift string. Raises TypeError for any other object.
public func text(of object: PyObj) throws(PythonError) -> String { try string(object, nil) }

/// Converts a `str` to a Swift string.
/// - Parameter role: the start of the TypeError for any other object, such as "a column's name".
public func text(of object: PyObj, as role: StaticString) throws(PythonError) -> String { try string(object, role) }

private func string(_ object: PyObj, _ role: StaticString?) throws(PythonError) -> String {
    var length = 0
    guard let utf8 = PyUnicode_AsUTF8AndSize(object, &length) else {
        if object.isStr { throw PythonError() }
        // CPython's own message says "bad argument type for built-in operation".
        throw raiseTypeError("\(role.map { "\($0) must be" } ?? "expected") str, not \(object.shownType)")
    }
    return String(decoding: UnsafeRawBufferPointer(start: utf8, count: length), as: UTF8.self)
}

/// Converts a `str` to a Swift string for C code, which would read it only up to its first zero byte. Raises ValueError
/// if it contains one.
/// - Parameter role: the start of the ValueError, such as "a password".
public func text(of object: PyObj, withoutNUL role: StaticString) throws(PythonError) -> String {
    let text = try text(of: object)
    if text.utf8.contains(0) { throw raiseValueError("\(role) cannot contain NUL (0x00) characters") }
    return text
}

/// Converts a `str` to a Swift string and releases it.
public func text(of object: consuming PyRef) throws(PythonError) -> String { try text(of: object.object) }
