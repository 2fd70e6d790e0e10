import ApusPython
import ApusSessions

/// A difference between one of Python's codecs and PostgreSQL's encoding. Without a correction, the server would
/// silently store another text, or a backslash would lose its meaning.
enum CodecQuirk {
    case none
    /// Python encodes the yen sign as 0x5C and the overline as 0x7E, which PostgreSQL reads as backslash and tilde.
    case encodesYen
    /// The same, and Python also decodes these bytes as yen sign and overline: its codec has no backslash and no tilde.
    case readsYen
    /// Python encodes a syllable that the encoding does not have as four letters, and cannot decode the filler between
    /// them.
    case composesHangul

    init(codec: String) {
        switch codec {
        case "euc_jp": self = .encodesYen
        case "shift_jis_2004": self = .readsYen
        case "euc_kr": self = .composesHangul
        default: self = .none
        }
    }

    /// Encodes a `str` as `bytes`. Raises UnicodeEncodeError.
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
            // UHC is a superset of EUC_KR. The additional characters use other bytes, so they are found below.
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

    /// Decodes text that the server sent.
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
