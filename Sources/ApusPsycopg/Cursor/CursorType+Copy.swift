import ApusPython

/// The methods of cursors about COPY.
extension CursorType {
    static let copyMethods: [Method] = [
        .fast(
            "copy_from", #"(file, table, sep='\t', null='\\N', size=8192, columns=None)"#,
            #"""
            Copy the content of a file into a table.

            - file: an object whose `read(size)` returns str or bytes.
            - table: the name of the table, a str, which is quoted as one identifier.
            - sep: the separator of columns, one character.
            - null: the text that stands for NULL.
            - size: how many characters or bytes to read at a time, an int.
            - columns: an iterable of names of columns; None for all columns.

            Raises the error of the server if it does not accept the data, and QueryCanceledError if `read()`
            raises.

                cursor.copy_from(io.StringIO("1\tpen\n2\tink\n"), "item", columns=("id", "name"))
            """#
        ) { me, positional, count, keywords in
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
        .fast(
            "copy_to", #"(file, table, sep='\t', null='\\N', columns=None)"#,
            """
            Copy the rows of a table to a file.

            - file: an object with `write()`, which gets str if it is a text file, else bytes.
            - table: the name of the table, a str, which is quoted as one identifier.
            - sep: the separator of columns, one character.
            - null: the text that stands for NULL.
            - columns: an iterable of names of columns; None for all columns.

            Each call of `write()` may get many rows. Raises the error of the server, and the exception that
            `write()` raises.

                cursor.copy_to(sys.stdout, "item", sep="|")
            """
        ) { me, positional, count, keywords in
            returningObject { () throws(PythonError) in
                let given = try Arguments(
                    "copy_to", ["file", "table", "sep", "null", "columns"], required: 2, positional, count, keywords)
                try Cursor(me).copyTo(given.required(0), CopyFormat(given, columns: given[4]))
                return PyRef.none
            }
        },
        .fast(
            "copy_expert", "(sql, file, size=8192)",
            """
            Run a COPY statement, reading from a file (FROM STDIN) or writing to it (TO STDOUT).

            - sql: the statement: str, bytes or an object of `psycopg2.sql`.
            - file: an object with `read()` or `write()`, as in `copy_from()` and `copy_to()`.
            - size: how many characters or bytes to read at a time, an int.

            Raises ProgrammingError for another statement, and the same errors as `copy_from()` and `copy_to()`.

                with open("item.csv", "w") as file:
                    cursor.copy_expert("COPY item TO STDOUT WITH CSV HEADER", file)
            """
        ) { me, positional, count, keywords in
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
