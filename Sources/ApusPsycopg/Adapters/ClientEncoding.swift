import CApusPython

/// How text goes to a server and comes from it: PostgreSQL's client encoding as Python's codec.
struct ClientEncoding {
    enum Kind {
        /// Text is taken from Python and given to it as it stands.
        case utf8
        /// One byte a character, or several that are all above 0x7F: ASCII's bytes always mean ASCII's characters.
        case plain
        /// A character's later bytes may be ASCII's (a backslash, say): only libpq can quote it.
        case ambiguous
    }

    let kind: Kind
    /// The codec's name, which lives as long as the process where a connection has it.
    let codec: UnsafePointer<CChar>
    /// Where Python's codec and PostgreSQL do not mean the same.
    var deviation = CodecDeviation.none

    static var utf8: ClientEncoding { ClientEncoding(kind: .utf8, codec: ("utf_8" as StaticString).c) }
    /// What adapters use that were given neither a connection nor an encoding.
    static var latin1: ClientEncoding { ClientEncoding(kind: .plain, codec: ("latin1" as StaticString).c) }

    private init(kind: Kind, codec: UnsafePointer<CChar>) {
        self.kind = kind
        self.codec = codec
    }

    /// The client encoding of PostgreSQL's name, by the module's `encodings`.
    /// Raises OperationalError if Python has no codec for it.
    init(postgres name: String) throws(Raised) {
        let key = String(
            name.uppercased().unicodeScalars.filter { $0.properties.isAlphabetic || $0.properties.numericType != nil })
        if key == "UTF8" || key == "UNICODE" {
            self = .utf8
            return
        }
        guard let codec = PyDict_GetItemString(module.pointee.encodings, key), let name = PyUnicode_AsUTF8(codec) else {
            PyErr_Clear()
            throw raise(module.pointee.operationalError, "no Python encoding for PostgreSQL encoding '\(name)'")
        }
        let own = String(cString: name)
        self.init(kind: Self.ambiguous.contains(key) ? .ambiguous : .plain, codec: Self.permanent(own))
        deviation = CodecDeviation(codec: own)
    }

    /// The codecs' names that connections have had, which are few. A program may change `encodings` at any time, where
    /// connections in use must not find the memory of a text that has gone. Under the GIL.
    nonisolated(unsafe) private static var permanentNames: [String: UnsafePointer<CChar>] = [:]

    private static func permanent(_ name: String) -> UnsafePointer<CChar> {
        if let known = permanentNames[name] { return known }
        let bytes = name.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { (copy + index).initialize(to: byte) }
        permanentNames[name] = UnsafePointer(copy)
        return UnsafePointer(copy)
    }

    /// A codec by Python's own name, as `QuotedString.encoding` has it. The caller keeps the name meanwhile.
    init(codec: PyObj) throws(Raised) {
        guard let name = PyUnicode_AsUTF8(codec) else { throw Raised() }
        self.init(kind: .plain, codec: name)
    }

    /// PostgreSQL's encodings that only clients may use; in the manual's table "PostgreSQL Character Sets", those that
    /// are not allowed on the server, as far as their characters' later bytes may be ASCII.
    private static let ambiguous: Set<String> = ["BIG5", "GB18030", "GBK", "JOHAB", "SJIS", "SHIFTJIS2004", "UHC"]

    /// A text's bytes for the server, and the object that keeps them alive: give it back with `release`.
    /// Raises UnicodeEncodeError for what the encoding cannot hold.
    func encode(_ text: PyObj) throws(Raised) -> (bytes: UnsafeRawBufferPointer, owner: PyObj) {
        // ASCII is the same in all of PostgreSQL's encodings.
        if kind == .utf8 || apus_str_is_ascii(text) != 0 {
            var count = 0
            guard let utf8 = PyUnicode_AsUTF8AndSize(text, &count) else { throw Raised() }
            return (UnsafeRawBufferPointer(start: utf8, count: count), text.retained())
        }
        let bytes = try deviation.encode(text, codec)
        return (UnsafeRawBufferPointer(start: apus_bytes_data(bytes), count: apus_bytes_size(bytes)), bytes)
    }

    /// The text of what the server sent.
    @inline(__always)
    func decode(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        let chars = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        if kind == .utf8 { return try owned(PyUnicode_DecodeUTF8(chars, bytes.count, nil)) }
        return try deviation.decode(chars, bytes.count, codec, onError: nil)
    }

    /// The text of a message of the server's. What cannot be read is replaced: a message must not hide another error.
    func decode(_ message: [UInt8]) throws(Raised) -> PyObj {
        try owned(
            message.withUnsafeBytes { bytes in
                answer { () throws(Raised) in
                    let chars = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
                    return try deviation.decode(chars, bytes.count, codec, onError: ("replace" as StaticString).c)
                }
            })
    }

    /// Fills the module's `encodings`. Keys are PostgreSQL's names, and the same without punctuation.
    static func makeTable() throws(Raised) -> PyObj {
        let table = try Owned(owned(PyDict_New()))
        for line in String(cString: names.c).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let codec = words.first else { continue }
            let value = try Owned(python(String(codec)))
            for name in words.dropFirst() {
                try check(PyDict_SetItemString(table.object, String(name), value.object))
                let bare = String(name.uppercased().unicodeScalars.filter { $0 != "_" && $0 != "-" })
                try check(PyDict_SetItemString(table.object, bare, value.object))
            }
        }
        return table.take()
    }

    /// Python's codec, then PostgreSQL's name and aliases for it (the manual's "Character Set Support").
    private static let names: StaticString = """
        ascii SQL_ASCII
        big5 BIG5
        cp866 WIN866 ALT
        cp874 WIN874
        cp932 SJIS Mskanji ShiftJIS WIN932 Windows932
        cp949 UHC WIN949 Windows949
        cp950 WIN950 Windows950
        cp1250 WIN1250
        cp1251 WIN1251 WIN
        cp1252 WIN1252
        cp1253 WIN1253
        cp1254 WIN1254
        cp1255 WIN1255
        cp1256 WIN1256
        cp1257 WIN1257
        cp1258 WIN1258 ABC TCVN TCVN5712 VSCII
        euccn EUC_CN
        euc_jis_2004 EUC_JIS_2004
        euc_jp EUC_JP
        euc_kr EUC_KR
        gb18030 GB18030
        gbk GBK WIN936 Windows936
        iso8859_1 LATIN1 ISO_8859_1 ISO88591
        iso8859_2 LATIN2 ISO_8859_2 ISO88592
        iso8859_3 LATIN3 ISO_8859_3 ISO88593
        iso8859_4 LATIN4 ISO_8859_4 ISO88594
        iso8859_5 ISO_8859_5 ISO88595
        iso8859_6 ISO_8859_6 ISO88596
        iso8859_7 ISO_8859_7 ISO88597
        iso8859_8 ISO_8859_8 ISO88598
        iso8859_9 LATIN5 ISO_8859_9 ISO88599
        iso8859_10 LATIN6 ISO_8859_10 ISO885910
        iso8859_13 LATIN7 ISO_8859_13 ISO885913
        iso8859_14 LATIN8 ISO_8859_14 ISO885914
        iso8859_15 LATIN9 ISO_8859_15 ISO885915
        iso8859_16 LATIN10 ISO_8859_16 ISO885916
        johab JOHAB
        koi8_r KOI8 KOI8R
        koi8_u KOI8U
        shift_jis_2004 SHIFT_JIS_2004
        utf_8 UTF8 UNICODE
        """
}
