import ApusWaiting
import CApusLibPQ

/// An error or a notice of the server, with all its fields. A field that the server did not send is `nil`.
///
/// Source: <https://www.postgresql.org/docs/current/protocol-error-fields.html>
public struct ServerMessage: Sendable, Equatable {
    /// `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE`, `DEBUG`, `INFO` or `LOG`, in the server's language.
    public var severity: String?
    /// The severity in English, as listed above (PostgreSQL 9.6 and later).
    public var severityNonlocalized: String?
    /// The code of the error or warning.
    public var sqlState: SQLState?
    /// The message itself, usually one line.
    public var primary: String?
    /// More about the problem.
    public var detail: String?
    /// What to do about the problem.
    public var hint: String?
    /// The position of the error in the statement, in characters counted from 1; a decimal number.
    public var statementPosition: String?
    /// The position of the error in ``internalQuery``, in characters counted from 1; a decimal number.
    public var internalPosition: String?
    /// The statement that failed, if the server generated it: for example, in a function.
    public var internalQuery: String?
    /// The call stack of functions and internal statements, one per line, innermost first.
    public var context: String?
    /// The schema of the object that the error is about.
    public var schemaName: String?
    /// The table that the error is about.
    public var tableName: String?
    /// The column that the error is about.
    public var columnName: String?
    /// The data type that the error is about.
    public var dataTypeName: String?
    /// The constraint that the error is about.
    public var constraintName: String?
    /// The file of the server's source code that reported it.
    public var sourceFile: String?
    /// The line in ``sourceFile``.
    public var sourceLine: String?
    /// The function in ``sourceFile``.
    public var sourceFunction: String?
    /// The message as libpq formats it, with the severity at its beginning and a line feed at its end.
    public var text: String
    /// The bytes of ``text``, in the client encoding.
    public var encodedText: [UInt8]

    /// Reads the fields of a result that is an error or was passed to a notice receiver.
    init(reading result: OpaquePointer) {
        func field(_ field: ErrorField) -> String? {
            PQresultErrorField(result, field.code).map { String(cString: $0) }
        }
        severity = field(.severity)
        severityNonlocalized = field(.severityNonlocalized)
        sqlState = field(.sqlState).map(SQLState.init(rawValue:))
        primary = field(.primary)
        detail = field(.detail)
        hint = field(.hint)
        statementPosition = field(.statementPosition)
        internalPosition = field(.internalPosition)
        internalQuery = field(.internalQuery)
        context = field(.context)
        schemaName = field(.schemaName)
        tableName = field(.tableName)
        columnName = field(.columnName)
        dataTypeName = field(.dataTypeName)
        constraintName = field(.constraintName)
        sourceFile = field(.sourceFile)
        sourceLine = field(.sourceLine)
        sourceFunction = field(.sourceFunction)
        encodedText = bytes(PQresultErrorMessage(result))
        text = String(decoding: encodedText, as: UTF8.self)
    }
}

/// The bytes of a C string, without the zero at its end.
func bytes(_ string: UnsafePointer<CChar>?) -> [UInt8] {
    string.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
}
