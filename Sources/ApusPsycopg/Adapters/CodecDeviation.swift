import CApusPython

/// Where one of Python's codecs takes something for something else than PostgreSQL does. Without care for it a text
/// would silently become another one on the server, and a backslash no backslash.
enum CodecDeviation {
    case none
    /// Python writes a yen sign as 0x5C and an overline as 0x7E, which PostgreSQL reads as backslash and tilde.
    case encodesYen
    /// As before, and Python reads them so, too: to it these encodings have no backslash and no tilde.
    case readsYen
    /// Python writes syllables that the encoding lacks as four letters each, and cannot read the filler between them.
    case composesHangul

    init(codec: String) {
        switch codec {
        case "euc_jp": self = .encodesYen
        case "shift_jis_2004": self = .readsYen
        case "euc_kr": self = .composesHangul
        default: self = .none
        }
    }

    /// A `str` as `bytes`. Raises UnicodeEncodeError.
    func encode(_ text: PyObj, _ codec: UnsafePointer<CChar>) throws(Raised) -> PyObj {
        switch self {
        case .none:
            return try owned(PyUnicode_AsEncodedString(text, codec, nil))
        case .encodesYen, .readsYen:
            for sign in [Self.yen, Self.overline] {
                let position = PyUnicode_FindChar(text, sign, 0, PyUnicode_GetLength(text), 1)
                if position == -2 { throw Raised() }
                if position >= 0 { throw Self.unencodable(text, at: position, codec) }
            }
            if case .encodesYen = self { return try owned(PyUnicode_AsEncodedString(text, codec, nil)) }
            let first = try Self.replacing(Self.backslash, in: text, by: Self.yen)
            let second = try Self.replacing(Self.tilde, in: first.object, by: Self.overline)
            return try owned(PyUnicode_AsEncodedString(second.object, codec, nil))
        case .composesHangul:
            // UHC is EUC_KR and more characters, whose bytes are others.
            let encoded = try Owned(owned(PyUnicode_AsEncodedString(text, Self.superset, nil)))
            let bytes = UnsafeRawBufferPointer(
                start: apus_bytes_data(encoded.object), count: apus_bytes_size(encoded.object))
            var index = 0
            var position = 0
            while index < bytes.count {
                if bytes[index] < 0x80 {
                    index += 1
                } else {
                    let isWithin = bytes[index] > 0xA0 && index + 1 < bytes.count && bytes[index + 1] > 0xA0
                    if !isWithin { throw Self.unencodable(text, at: position, codec) }
                    index += 2
                }
                position += 1
            }
            return encoded.take()
        }
    }

    /// What the server sent, as `str`.
    func decode(
        _ bytes: UnsafePointer<CChar>?, _ count: Int, _ codec: UnsafePointer<CChar>, onError: UnsafePointer<CChar>?
    ) throws(Raised) -> PyObj {
        switch self {
        case .none, .encodesYen:
            return try owned(PyUnicode_Decode(bytes, count, codec, onError))
        case .readsYen:
            let text = try Owned(owned(PyUnicode_Decode(bytes, count, codec, onError)))
            let first = try Self.replacing(Self.yen, in: text.object, by: Self.backslash)
            return try Self.replacing(Self.overline, in: first.object, by: Self.tilde).take()
        case .composesHangul:
            return try owned(PyUnicode_Decode(bytes, count, Self.superset, onError))
        }
    }

    private static var backslash: Py_UCS4 { 0x5C }
    private static var tilde: Py_UCS4 { 0x7E }
    private static var yen: Py_UCS4 { 0xA5 }
    private static var overline: Py_UCS4 { 0x203E }
    private static var superset: UnsafePointer<CChar> { ("cp949" as StaticString).c }

    private static func replacing(_ old: Py_UCS4, in text: PyObj, by new: Py_UCS4) throws(Raised) -> Owned {
        let old = try character(old)
        let new = try character(new)
        return try Owned(owned(PyUnicode_Replace(text, old.object, new.object, -1)))
    }

    private static func character(_ value: Py_UCS4) throws(Raised) -> Owned {
        try Owned(owned(PyUnicode_FromOrdinal(Int32(value))))
    }

    private static func unencodable(_ text: PyObj, at position: Int, _ codec: UnsafePointer<CChar>) -> Raised {
        do throws(Raised) {
            let arguments = try Owned(owned(PyTuple_New(5)))
            try apus_tuple_set(arguments.object, 0, python(c: codec))
            apus_tuple_set(arguments.object, 1, text.retained())
            try apus_tuple_set(arguments.object, 2, python(position))
            try apus_tuple_set(arguments.object, 3, python(position + 1))
            try apus_tuple_set(arguments.object, 4, python("illegal multibyte sequence"))
            PyErr_SetObject(apus_exc_unicode_encode(), arguments.object)
        } catch {}
        return Raised()
    }
}
