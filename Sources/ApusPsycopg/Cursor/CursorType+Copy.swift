import ApusPython

/// The methods of cursors about COPY.
extension CursorType {
    static let copyMethods: [Method] = [
        .fast(
            "copy_from", "copy_from(file, table, sep='\\t', null='\\\\N', size=8192, columns=None): COPY FROM a file."
        ) {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "copy_from", ["file", "table", "sep", "null", "size", "columns"], required: 2, positional, count,
                    keywords)
                try Cursor(me).copyFrom(
                    given.required(0), CopyFormat(given, columns: given[5]),
                    size: given.integer(4, default: defaultSize))
                return PyRef.none
            }
        },
        .fast("copy_to", "copy_to(file, table, sep='\\t', null='\\\\N', columns=None): COPY TO a file.") {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "copy_to", ["file", "table", "sep", "null", "columns"], required: 2, positional, count, keywords)
                try Cursor(me).copyTo(given.required(0), CopyFormat(given, columns: given[4]))
                return PyRef.none
            }
        },
        .fast("copy_expert", "copy_expert(sql, file, size=8192): a COPY statement of one's own, from or to a file.") {
            me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "copy_expert", ["sql", "file", "size"], required: 2, positional, count, keywords)
                try Cursor(me).copyExpert(
                    given.required(0), given.required(1), size: given.integer(2, default: defaultSize))
                return PyRef.none
            }
        },
    ]

    /// Bytes or characters to read at once.
    private static var defaultSize: Int { 8192 }
}
