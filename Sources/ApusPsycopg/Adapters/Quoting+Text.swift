import ApusPQ
import ApusPython
import ApusValues

extension Quoting {
    /// Writes a `str` as `'…'`. Raises ValueError for a NUL, because PostgreSQL's text cannot contain one.
    func append(text: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let encoded = try encoding.encode(text)
        try append(literal: encoded.bytes, to: &writer)
    }

    /// Writes text in the client encoding as `'…'`.
    func append(literal bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) throws(PythonError) {
        if doublesBackslashes { writer.append(UInt8(ascii: "E")) }
        // Each byte may be doubled, and libpq needs one more byte for its NUL.
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

    /// Raises InterfaceError if the connection is closed.
    private func escape(
        _ bytes: UnsafeRawBufferPointer, for connection: Connection, to target: UnsafeMutablePointer<UInt8>
    ) throws(PythonError) -> Int {
        let core = connection.core
        guard let count = try connection.accessing({ core.session?.escape(bytes, to: target) }) else {
            throw raise(module.pointee.interfaceError, "connection already closed")
        }
        return count
    }

    private func zeroByte() -> PythonError {
        raiseValueError("A string literal cannot contain NUL (0x00) characters.")
    }

    /// Writes bytes as `'\x…'::bytea`.
    func append(binary bytes: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.append(doublesBackslashes ? "E'\\" : "'")
        ByteaText.write(bytes, to: &writer)
        writer.append("'::bytea")
    }

    /// Writes the bytes of an object with the buffer protocol as `bytea`.
    func append(buffer object: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        try object.withBuffer { append(binary: $0, to: &writer) }
    }
}
