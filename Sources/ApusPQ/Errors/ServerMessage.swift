import ApusWaiting
import CApusLibPQ

/// An error or a notice as the server sent it, with every field.
///
/// Source of the fields: libpq, `PQresultErrorField`. A field that the server did not send is `nil`.
public struct ServerMessage: Sendable, Equatable {
    /// `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE`, `DEBUG`, `INFO` or `LOG`, perhaps translated.
    public var severity: String?
    /// The same, never translated (PostgreSQL 9.6 and later).
    public var severityNonlocalized: String?
    public var sqlState: SQLState?
    public var primary: String?
    public var detail: String?
    public var hint: String?
    /// Where in the statement, as the server wrote it: counted in characters from 1.
    public var statementPosition: String?
    public var internalPosition: String?
    public var internalQuery: String?
    public var context: String?
    public var schemaName: String?
    public var tableName: String?
    public var columnName: String?
    public var dataTypeName: String?
    public var constraintName: String?
    public var sourceFile: String?
    public var sourceLine: String?
    public var sourceFunction: String?
    /// The message as libpq formats it, with its severity in front and its line feed at the end.
    public var text: String
    /// The bytes of `text`, in the client's encoding, whatever that is.
    public var encodedText: [UInt8]

    /// Reads the fields of a result that is an error, or that was given to a notice receiver.
    init(reading result: OpaquePointer) {
        func field(_ code: Int32) -> String? { PQresultErrorField(result, code).map { String(cString: $0) } }
        severity = field(apus_diag_severity)
        severityNonlocalized = field(apus_diag_severity_nonlocalized)
        sqlState = field(apus_diag_sqlstate).map(SQLState.init(rawValue:))
        primary = field(apus_diag_message_primary)
        detail = field(apus_diag_message_detail)
        hint = field(apus_diag_message_hint)
        statementPosition = field(apus_diag_statement_position)
        internalPosition = field(apus_diag_internal_position)
        internalQuery = field(apus_diag_internal_query)
        context = field(apus_diag_context)
        schemaName = field(apus_diag_schema_name)
        tableName = field(apus_diag_table_name)
        columnName = field(apus_diag_column_name)
        dataTypeName = field(apus_diag_datatype_name)
        constraintName = field(apus_diag_constraint_name)
        sourceFile = field(apus_diag_source_file)
        sourceLine = field(apus_diag_source_line)
        sourceFunction = field(apus_diag_source_function)
        encodedText = bytes(PQresultErrorMessage(result))
        text = String(decoding: encodedText, as: UTF8.self)
    }
}

/// The bytes of a C string, without its zero.
func bytes(_ string: UnsafePointer<CChar>?) -> [UInt8] {
    string.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
}
