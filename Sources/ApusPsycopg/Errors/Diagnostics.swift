import ApusPQ
import ApusPython
import CApusPsycopg

/// The attributes of `psycopg2.extensions.Diagnostics`. An error's `fields` are in the order of the cases.
extension ErrorField {
    var pythonName: StaticString {
        switch self {
        case .severity: "severity"
        case .severityNonlocalized: "severity_nonlocalized"
        case .sqlState: "sqlstate"
        case .primary: "message_primary"
        case .detail: "message_detail"
        case .hint: "message_hint"
        case .statementPosition: "statement_position"
        case .internalPosition: "internal_position"
        case .internalQuery: "internal_query"
        case .context: "context"
        case .schemaName: "schema_name"
        case .tableName: "table_name"
        case .columnName: "column_name"
        case .dataTypeName: "datatype_name"
        case .constraintName: "constraint_name"
        case .sourceFile: "source_file"
        case .sourceLine: "source_line"
        case .sourceFunction: "source_function"
        }
    }

    var doc: StaticString {
        switch self {
        case .severity: "Severity, such as ERROR or FATAL, perhaps translated."
        case .severityNonlocalized: "Severity, such as ERROR or FATAL, never translated."
        case .sqlState: "SQLSTATE of the error, five characters: see `psycopg2.errorcodes`."
        case .primary: "The error message itself, usually one line."
        case .detail: "More details of the problem, perhaps several lines."
        case .hint: "What may be done about the problem, perhaps several lines."
        case .statementPosition: "Position of the error in the statement, in characters from 1, as decimal digits."
        case .internalPosition: "Position of the error in `internal_query`, in characters from 1, as decimal digits."
        case .internalQuery: "Text of the statement that failed inside the server, for example in a PL/pgSQL function."
        case .context:
            "Where the error occurred: the call stack of functions and statements in the server, innermost first."
        case .schemaName: "Name of the schema of the object that the error is about."
        case .tableName: "Name of the table that the error is about."
        case .columnName: "Name of the column that the error is about."
        case .dataTypeName: "Name of the data type that the error is about."
        case .constraintName: "Name of the constraint that the error is about."
        case .sourceFile: "Name of the source file of the server in which the error was reported."
        case .sourceLine: "Line of the source file of the server in which the error was reported, as decimal digits."
        case .sourceFunction: "Function of the server in which the error was reported."
        }
    }
}

func makeDiagnosticsType(in owner: PyObj) throws(PythonError) -> PyRef {
    let properties = ErrorField.allCases.map { field in
        Property.computed(field.pythonName, field.doc, closure: field.rawValue) { me, closure in
            guard let error = me?.fields(apus_diagnostics.self).pointee.error,
                let fields = error.fields(apus_error.self).pointee.fields
            else { return Python.none.retained() }
            return fields.tupleItem(Int(bitPattern: closure)).retained()
        }
    }
    return try PyRef(
        typeNamed: "psycopg2.extensions.Diagnostics", in: owner, size: MemoryLayout<apus_diagnostics>.size,
        flags: [.subclassable, .collected],
        signature: "(err)",
        doc: """
            Details of an error that a server sent. Use the attribute `diag` of an error to get them.

            - err: a psycopg2.Error.

            An attribute is a str, or None if the server did not send it. Raises TypeError if `err` is not a
            psycopg2.Error.
            """,
        [
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
