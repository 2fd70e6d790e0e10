import ApusPython
import ApusSessions

/// Where one of Python's codecs takes something for something else than PostgreSQL does. Without care for it a text
/// would silently become another one on the server, and a backslash no backslash.
enum CodecQuirk {
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
    func encode(_ text: PyObj, _ codec: UnsafePointer<CChar>) throws(PythonError) -> PyRef {
        switch self {
        case .none:
            return try text.encoded(by: codec)
        case .encodesYen, .readsYen:
            for sign in [Self.yen, Self.overline] {
                if let position = try text.position(of: sign) { throw Self.unencodable(text, at: position, codec) }
            }
            if case .encodesYen = self { return try text.encoded(by: codec) }
            let first = try Self.replacing(Self.backslash, in: text, by: Self.yen)
            let second = try Self.replacing(Self.tilde, in: first.object, by: Self.overline)
            return try second.object.encoded(by: codec)
        case .composesHangul:
            // UHC is EUC_KR and more characters, whose bytes are others.
            let encoded = try text.encoded(by: Self.superset)
            let bytes = encoded.object.bytes
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
            return encoded
        }
    }

    /// What the server sent, as `str`.
    func decode(
        _ bytes: UnsafeRawBufferPointer, _ codec: UnsafePointer<CChar>, onError: StaticString?
    ) throws(PythonError) -> PyRef {
        switch self {
        case .none, .encodesYen:
            return try PyRef(decoding: bytes, codec: codec, onError: onError)
        case .readsYen:
            let text = try PyRef(decoding: bytes, codec: codec, onError: onError)
            let first = try Self.replacing(Self.yen, in: text.object, by: Self.backslash)
            return try Self.replacing(Self.overline, in: first.object, by: Self.tilde)
        case .composesHangul:
            return try PyRef(decoding: bytes, codec: Self.superset, onError: onError)
        }
    }

    private static var backslash: UInt32 { 0x5C }
    private static var tilde: UInt32 { 0x7E }
    private static var yen: UInt32 { 0xA5 }
    private static var overline: UInt32 { 0x203E }
    private static var superset: UnsafePointer<CChar> { ("cp949" as StaticString).c }

    private static func replacing(_ old: UInt32, in text: PyObj, by new: UInt32) throws(PythonError) -> PyRef {
        try text.replacing(PyRef(character: old), by: PyRef(character: new))
    }

    private static func unencodable(_ text: PyObj, at position: Int, _ codec: UnsafePointer<CChar>) -> PythonError {
        do throws(PythonError) {
            let arguments = try PyRef(tupleOf: 5)
            try arguments.set(tupleItem: 0, to: PyRef(cString: codec))
            arguments.set(tupleItem: 1, to: PyRef(retaining: text))
            try arguments.set(tupleItem: 2, to: PyRef(position))
            try arguments.set(tupleItem: 3, to: PyRef(position + 1))
            try arguments.set(tupleItem: 4, to: PyRef("illegal multibyte sequence"))
            return raise(Python.unicodeEncodeError, value: arguments)
        } catch { return error }
    }
}
