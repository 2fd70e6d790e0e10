import ApusPython
import CApusPsycopg

/// The attributes of `psycopg2.extensions.Diagnostics`, in the order of an error's `fields`.
/// See "PQresultErrorField" in libpq's manual for their meaning.
enum DiagnosticField: Int, CaseIterable {
    case severity, severityNonlocalized, sqlstate, messagePrimary, messageDetail, messageHint, statementPosition,
        internalPosition, internalQuery, context, schemaName, tableName, columnName, datatypeName, constraintName,
        sourceFile, sourceLine, sourceFunction

    var pythonName: StaticString {
        switch self {
        case .severity: "severity"
        case .severityNonlocalized: "severity_nonlocalized"
        case .sqlstate: "sqlstate"
        case .messagePrimary: "message_primary"
        case .messageDetail: "message_detail"
        case .messageHint: "message_hint"
        case .statementPosition: "statement_position"
        case .internalPosition: "internal_position"
        case .internalQuery: "internal_query"
        case .context: "context"
        case .schemaName: "schema_name"
        case .tableName: "table_name"
        case .columnName: "column_name"
        case .datatypeName: "datatype_name"
        case .constraintName: "constraint_name"
        case .sourceFile: "source_file"
        case .sourceLine: "source_line"
        case .sourceFunction: "source_function"
        }
    }
}

func makeDiagnosticsType(in owner: PyObj) throws(PythonError) -> PyRef {
    let properties = DiagnosticField.allCases.map { field in
        Property.computed(field.pythonName, "", closure: field.rawValue) { me, closure in
            guard let error = me?.fields(apus_diagnostics.self).pointee.error,
                let fields = error.fields(apus_error.self).pointee.fields
            else { return Python.none.retained() }
            return fields.tupleItem(Int(bitPattern: closure)).retained()
        }
    }
    return try PyRef(
        typeNamed: "psycopg2.extensions.Diagnostics", in: owner, size: MemoryLayout<apus_diagnostics>.size,
        flags: [.subclassable, .collected],
        [
            .doc("Details from a database error report. An attribute is None where the server did not send it."),
            .new { type, arguments, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments("Diagnostics", ["err"], required: 1, tuple: arguments, dict: keywords)
                    let error = try given.required(0)
                    guard error.isInstance(of: module.pointee.error) else {
                        throw raiseTypeError("The argument must be a psycopg2.Error")
                    }
                    let me = try PyRef(instanceOf: receiver(type))
                    me.object.fields(apus_diagnostics.self).pointee.error = error.retained()
                    return me
                }
            },
            .traverse(apus_diagnostics_traverse), .clear(apus_diagnostics_clear), .dealloc(apus_diagnostics_dealloc),
            .properties(Properties(properties)),
        ])
}
