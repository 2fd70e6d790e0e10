import CApusLibPQ

/// The fields of an error or a notice that a server can send.
///
/// Source: `PQresultErrorField`,
/// <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTERRORFIELD>
public enum ErrorField: Int, CaseIterable, Sendable {
    /// `ERROR`, `FATAL`, `PANIC`, `WARNING`, `NOTICE`, `DEBUG`, `INFO` or `LOG`, perhaps translated.
    case severity
    /// The severity, never translated.
    case severityNonlocalized
    case sqlState, primary, detail, hint
    /// Where in the statement, counted in characters from 1.
    case statementPosition
    case internalPosition, internalQuery, context, schemaName, tableName, columnName, dataTypeName, constraintName
    case sourceFile, sourceLine, sourceFunction

    var code: Int32 {
        switch self {
        case .severity: apus_diag_severity
        case .severityNonlocalized: apus_diag_severity_nonlocalized
        case .sqlState: apus_diag_sqlstate
        case .primary: apus_diag_message_primary
        case .detail: apus_diag_message_detail
        case .hint: apus_diag_message_hint
        case .statementPosition: apus_diag_statement_position
        case .internalPosition: apus_diag_internal_position
        case .internalQuery: apus_diag_internal_query
        case .context: apus_diag_context
        case .schemaName: apus_diag_schema_name
        case .tableName: apus_diag_table_name
        case .columnName: apus_diag_column_name
        case .dataTypeName: apus_diag_datatype_name
        case .constraintName: apus_diag_constraint_name
        case .sourceFile: apus_diag_source_file
        case .sourceLine: apus_diag_source_line
        case .sourceFunction: apus_diag_source_function
        }
    }
}
