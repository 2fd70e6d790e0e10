import ApusPython
import CApusPsycopg

/// Returns how to decode for the cursor that a typecaster is called with; without a cursor, text is UTF-8.
func decodingContext(of cursor: PyObj?) throws(PythonError) -> Decoding {
    guard let cursor, cursor.isInstance(of: module.pointee.cursor) else {
        return try Decoding(encoding: .utf8, cursor: nil, tzinfoFactory: nil)
    }
    let fields = try initializedCursor(cursor).fields
    return try Decoding(
        encoding: Connection(fields.pointee.connection).core.encoding, cursor: cursor,
        tzinfoFactory: fields.pointee.tzinfo_factory)
}
