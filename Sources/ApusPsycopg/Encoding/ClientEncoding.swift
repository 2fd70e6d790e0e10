import ApusPython

/// A text as bytes of the client encoding. The bytes are valid as long as this value exists.
struct EncodedText: ~Copyable {
    let bytes: UnsafeRawBufferPointer
    /// Owns the bytes: either the `str` itself or a `bytes` object.
    let owner: PyRef

    /// Returns the object that owns the bytes.
    consuming func take() -> PyRef { owner }
}

/// Encodes text for a server and decodes text from it: PostgreSQL's client encoding with Python's codec for it.
struct ClientEncoding {
    enum Kind {
        /// UTF-8, which needs no codec.
        case utf8
        /// One byte per character, or several bytes that are all above 0x7F, so that ASCII bytes always mean ASCII
        /// characters.
        case plain
        /// The second and later bytes of a character may be ASCII, for example a backslash, so that only libpq can
        /// quote it.
        case ambiguous
    }

    let kind: Kind
    /// The codec's name. For a connection's encoding it is valid as long as the process runs.
    let codec: UnsafePointer<CChar>
    /// A difference between Python's codec and PostgreSQL's encoding.
    var quirk = CodecQuirk.none

    static var utf8: ClientEncoding { ClientEncoding(kind: .utf8, codec: ("utf_8" as StaticString).c) }
    /// The encoding of adapters that have neither a connection nor an encoding.
    static var latin1: ClientEncoding { ClientEncoding(kind: .plain, codec: ("latin1" as StaticString).c) }

    private init(kind: Kind, codec: UnsafePointer<CChar>) {
        self.kind = kind
        self.codec = codec
    }

    /// Finds the codec for PostgreSQL's name of an encoding in the module's `encodings`. Raises OperationalError if
    /// there is none.
    init(postgres name: String) throws(PythonError) {
        let key = String(
            name.uppercased().unicodeScalars.filter { $0.properties.isAlphabetic || $0.properties.numericType != nil })
        if key == "UTF8" || key == "UNICODE" {
            self = .utf8
            return
        }
        guard let codec = module.pointee.encodings.item(key), let own = try? text(of: codec) else {
            PendingException.clear()
            throw raise(module.pointee.operationalError, "no Python encoding for PostgreSQL encoding '\(name)'")
        }
        self.init(kind: Self.ambiguous.contains(key) ? .ambiguous : .plain, codec: Self.permanentName(own))
        quirk = CodecQuirk(codec: own)
    }

    /// The names of the codecs that connections have used. They are never freed, because a program may remove a name
    /// from `encodings` while a connection uses it; there are few of them. Used under the GIL.
    nonisolated(unsafe) private static var permanentNames: [String: UnsafePointer<CChar>] = [:]

    private static func permanentName(_ name: String) -> UnsafePointer<CChar> {
        if let known = permanentNames[name] { return known }
        let bytes = name.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { (copy + index).initialize(to: byte) }
        permanentNames[name] = UnsafePointer(copy)
        return UnsafePointer(copy)
    }

    /// Uses a codec by Python's name, as in `QuotedString.encoding`. The caller keeps the name alive.
    init(codec: PyObj) throws(PythonError) {
        guard let name = try codec.utf8.baseAddress else { throw raiseValueError("the codec has no name") }
        self.init(kind: .plain, codec: name.assumingMemoryBound(to: CChar.self))
    }

    /// PostgreSQL's client-only encodings whose later bytes of a character may be ASCII; see the table "PostgreSQL
    /// Character Sets" in the manual.
    private static let ambiguous: Set<String> = ["BIG5", "GB18030", "GBK", "JOHAB", "SJIS", "SHIFTJIS2004", "UHC"]

    /// Encodes a text. Raises UnicodeEncodeError for a character that the encoding does not have.
    @inline(__always)
    func encode(_ text: PyObj) throws(PythonError) -> EncodedText {
        // All of PostgreSQL's encodings are supersets of ASCII.
        if kind == .utf8 || text.isASCII {
            return try EncodedText(bytes: text.utf8, owner: PyRef(retaining: text))
        }
        return try encodeByCodec(text)
    }

    @inline(never)
    private func encodeByCodec(_ text: PyObj) throws(PythonError) -> EncodedText {
        let encoded = try quirk.encode(text, codec)
        return EncodedText(bytes: encoded.object.bytes, owner: encoded)
    }

    /// Decodes text that the server sent.
    @inline(__always)
    func decode(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        if kind == .utf8 { return try PyRef(utf8: bytes) }
        return try quirk.decode(bytes, codec, onError: nil)
    }

    /// Decodes a message of the server. Invalid bytes are replaced, because an exception would hide the error that the
    /// message is about.
    func decode(_ message: [UInt8]) throws(PythonError) -> PyRef {
        try PyRef(
            new: message.withUnsafeBytes { bytes in
                returningObject { () throws(PythonError) in try quirk.decode(bytes, codec, onError: "replace") }
            })
    }

    /// Makes the module's `encodings`. Its keys are PostgreSQL's names, also without punctuation.
    static func makeTable() throws(PythonError) -> PyRef {
        let table = try PyRef.dict()
        for line in String(cString: names.c).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let codec = words.first else { continue }
            let value = try PyRef(String(codec))
            for name in words.dropFirst() {
                try table.object.set(String(name), to: value.object)
                let bare = String(name.uppercased().unicodeScalars.filter { $0 != "_" && $0 != "-" })
                try table.object.set(bare, to: value.object)
            }
        }
        return table
    }

    /// On each line, Python's codec, and then PostgreSQL's name and aliases for the encoding ("Character Set Support"
    /// in the manual).
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
