import ApusPython
import ApusValues

extension Quoting {
    /// A `str` as `'…'`. Raises ValueError for a NUL, which PostgreSQL's text cannot hold.
    func append(text: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let encoded = try encoding.encode(text)
        try append(literal: encoded.bytes, to: &writer)
    }

    /// Text in the client's encoding as `'…'`.
    func append(literal bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) throws(PythonError) {
        if doublesBackslashes { writer.append(UInt8(ascii: "E")) }
        // Every byte may be doubled; libpq wants a byte for its NUL as well.
        let start = writer.reserve(bytes.count &* 2 &+ 3)
        start[0] = UInt8(ascii: "'")
        var count = 1
        if encoding.kind == .ambiguous, let connection {
            guard !bytes.contains(0) else { throw zeroByte() }
            count &+= try escape(bytes, for: Connection(connection), to: start + 1)
        } else {
            let backslash: UInt8 = doublesBackslashes ? UInt8(ascii: "\\") : UInt8(ascii: "'")
            for byte in bytes {
                start[count] = byte
                count &+= 1
                if byte == UInt8(ascii: "'") || byte == backslash {
                    start[count] = byte
                    count &+= 1
                } else if byte == 0 {
                    throw zeroByte()
                }
            }
        }
        start[count] = UInt8(ascii: "'")
        writer.advance(by: count &+ 1)
    }

    private func escape(
        _ bytes: UnsafeRawBufferPointer, for connection: Connection, to target: UnsafeMutablePointer<UInt8>
    ) throws(PythonError) -> Int {
        let core = connection.core
        return try connection.accessing { core.session?.escape(bytes, to: target) ?? 0 }
    }

    private func zeroByte() -> PythonError {
        raiseValueError("A string literal cannot contain NUL (0x00) characters.")
    }

    /// Bytes as `'\x…'::bytea`.
    func append(binary bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.append(doublesBackslashes ? "E'\\" : "'")
        ByteaText.write(bytes, to: &writer)
        writer.append("'::bytea")
    }

    /// Any object with the buffer protocol as `bytea`.
    func append(buffer object: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        try object.withBuffer { append(binary: $0, to: &writer) }
    }
}
