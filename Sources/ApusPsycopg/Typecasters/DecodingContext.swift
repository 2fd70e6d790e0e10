import ApusPython
import CApusPsycopg

/// What a typecaster needs to know of the cursor that it is called with.
func decodingContext(of cursor: PyObj?) throws(PythonError) -> Decoding {
    guard let cursor, cursor.isInstance(of: module.pointee.cursor) else {
        return try Decoding(encoding: .utf8, cursor: nil, tzinfoFactory: nil)
    }
    let fields = try initializedCursor(cursor).fields
    return try Decoding(
        encoding: Connection(fields.pointee.connection).core.encoding, cursor: cursor,
        tzinfoFactory: fields.pointee.tzinfo_factory)
}
