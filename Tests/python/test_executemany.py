"""executemany() sends statements together, but rows, errors and the cursor are those of statements sent one by one.

The expected results are those of psycopg2 with the same calls.
"""

import json
import uuid

import psycopg2
import pytest
from psycopg2 import extensions
from psycopg2.extensions import AsIs
from psycopg2.extras import Json

from observing import ping

IDLE, IN_TRANSACTION, FAILED = 0, 2, 3


@pytest.fixture
def other(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    yield connection
    connection.close()


@pytest.fixture
def table(connection, other):
    """The name of a table (i int, x text) that other sessions see."""
    name = f"many_{uuid.uuid4().hex[:8]}"
    other.cursor().execute(f"CREATE TABLE {name} (i int, x text)")
    yield name
    connection.rollback()
    other.cursor().execute(f"DROP TABLE {name}")


def rows(other, table):
    with other.cursor() as cursor:
        cursor.execute(f"SELECT i, x FROM {table} ORDER BY i, x")
        return cursor.fetchall()


# Which transaction

@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", "END", "SELECT 1; COMMIT"])
def test_outside_of_a_transaction_that_the_program_ended_itself(connection, cursor, other, table, end):
    cursor.execute("SELECT 1")
    cursor.execute(end)
    # The transaction is open for the connection, but not for the server, so each row is a transaction of its own.
    assert (connection.status, connection.get_transaction_status()) == (extensions.STATUS_BEGIN, IDLE)
    with pytest.raises(psycopg2.errors.InvalidTextRepresentation):
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, 'a')", [(1,), (2,), ("x",), (4,)])
    assert rows(other, table) == [(1, "a"), (2, "a")]
    assert cursor.query == f"INSERT INTO {table} VALUES ('x', 'a')".encode()
    cursor.executemany(f"INSERT INTO {table} VALUES (%s, 'b')", [(5,), (6,)])
    assert cursor.rowcount == 2 and cursor.query.endswith(b"(6, 'b')")
    assert len(rows(other, table)) == 4
    connection.rollback()
    assert len(rows(other, table)) == 4 and connection.status == extensions.STATUS_READY


def test_when_the_iterator_ends_the_transaction(connection, cursor, other, table):
    def arguments():
        yield (1,)
        connection.cursor().execute("COMMIT")
        yield (2,)
        yield (3,)
        yield ("x",)

    with pytest.raises(psycopg2.DataError):
        cursor.executemany(f"INSERT INTO {table} VALUES (%s)", arguments())
    assert [i for i, _ in rows(other, table)] == [1, 2, 3]


def test_within_a_transaction_that_the_program_began_itself(connection, cursor, other, table):
    connection.autocommit = True
    cursor.execute("BEGIN")
    with pytest.raises(psycopg2.DataError):
        cursor.executemany(f"INSERT INTO {table} VALUES (%s)", [(1,), ("x",)])
    assert connection.get_transaction_status() == FAILED and rows(other, table) == []
    cursor.execute("ROLLBACK")
    connection.autocommit = False
    cursor.executemany(f"INSERT INTO {table} VALUES (%s)", [(1,), (2,)])
    assert connection.get_transaction_status() == IN_TRANSACTION and rows(other, table) == []
    connection.commit()
    assert len(rows(other, table)) == 2


# Text that adapters of the program insert

BREAKING = {
    "a comment that swallows what follows":
        ("INSERT INTO {} VALUES (%s, 'a')", [(1,), (AsIs("2 /* "),), (AsIs("3 */"),)]),
    "a quote that the next one closes": ("INSERT INTO {} VALUES (%s, %s)", [(1, AsIs("'a")), (2, AsIs("a'"))]),
    "an identifier": ("INSERT INTO {} (i, %s) VALUES (%s, 'a')", [(AsIs('"x'), 1), (AsIs('x"'), 2)]),
    "a dollar quote": ("INSERT INTO {} VALUES (%s, %s)", [(1, AsIs("$a$a")), (2, AsIs("b$a$"))]),
    "an escape": ("INSERT INTO {} VALUES (%s, %s)", [(1, AsIs(r"E'a\'")), (2, AsIs("b'"))]),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_statement_never_reaches_into_the_next(connection, cursor, other, table, name):
    template, arguments = BREAKING[name]
    with pytest.raises(psycopg2.errors.SyntaxError, match="unterminated"):
        cursor.executemany(template.format(table), arguments)
    connection.commit()
    assert rows(other, table) == []
    # The first incomplete statement is the one shown.
    assert cursor.query.count(b"INSERT") == 1


def test_several_statements_of_an_adapter_are_executed_as_they_stand(connection, cursor, other, table):
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s)", [
            (1, AsIs("'a'")), (2, AsIs(f"'b'); COMMIT; INSERT INTO {table} VALUES (4, 'd'")), (5, AsIs("nothing"))])
    # COMMIT ended the transaction, so that the second INSERT was a transaction of its own.
    assert [i for i, _ in rows(other, table)] == [1, 2, 4]
    connection.rollback()
    cursor.executemany(f"UPDATE {table} SET x = %s", [(AsIs("'a'; SELECT 1"),), ("b",)])
    assert cursor.rowcount == 1 + 3


@pytest.mark.parametrize("template", ["INSERT INTO {} VALUES (1, '%s')", "INSERT INTO {} VALUES (1, 'a\n%s')"])
def test_placeholders_within_quotes(connection, cursor, other, table, template):
    with pytest.raises(psycopg2.errors.SyntaxError):
        cursor.executemany(template.format(table), [("); COMMIT; SELECT ('",), ("x",)])


@pytest.mark.parametrize("conforming", ["on", "off"])
@pytest.mark.parametrize("values", [
    [Json({"a": "'\\\";--/*$$"}), Json(["\\'"])], [AsIs("$$;'$$"), AsIs("$q$--\n'$$$q$")],
    [AsIs("'a' -- '\n"), AsIs("'b'")],
    [AsIs("/* ' /* ; */ */ 'a'"), AsIs("'b'")], [AsIs(r"E'a\\\''"), AsIs(r"E'a'" "\n" r"'b\''")],
    [AsIs("N'a'"), AsIs("1 - 1")],
    ["E", "a\\"], ["-", -5], [-1.5, float("-inf")], [b"'", b"\\"], [["a'b\\"], ["--"]], [("/*",), ("*/",)],
])
def test_whatever_is_put_in_arrives_as_if_alone(connection, cursor, values, conforming):
    cursor.execute(f"CREATE TEMP TABLE t (n int, x text); SET standard_conforming_strings TO {conforming}")
    template = "INSERT INTO t VALUES (%s, (%s)::text)"
    arguments = [(n, value) for n, value in enumerate(values * 3)]
    cursor.executemany(template, arguments)
    assert cursor.rowcount == len(arguments)
    cursor.execute("SELECT x FROM t ORDER BY n")
    together = cursor.fetchall()
    cursor.execute("DELETE FROM t")
    for each in arguments:
        cursor.execute(template, each)
    cursor.execute("SELECT x FROM t ORDER BY n")
    assert cursor.fetchall() == together


def test_json_in_many_rows(connection, cursor):
    cursor.execute("CREATE TEMP TABLE t (x json)")
    documents = [{"text": "é;'\"\\ --" * 5, "n": n} for n in range(2000)]
    cursor.executemany("INSERT INTO t VALUES (%s)", ((Json(document),) for document in documents))
    assert cursor.rowcount == 2000
    cursor.execute("SELECT x FROM t")
    assert [x for x, in cursor.fetchall()] == json.loads(json.dumps(documents))


# Errors

def alone(dsn, statement):
    """The error of a statement that is executed by itself."""
    connection = psycopg2.connect(dsn)
    try:
        with pytest.raises(psycopg2.Error) as caught, connection.cursor() as cursor:
            cursor.execute(statement)
        return caught.value
    finally:
        connection.close()


ERRORS = {
    "at its end": ("INSERT INTO {} VALUES (%s, 'a'", [(1,), (2,)]),
    "at its end, behind spaces": ("INSERT INTO {}\n VALUES (%s, 'a'  \n\n ", [(1,), (2,)]),
    "at the end of the second": ("INSERT INTO {} VALUES (%s, 'é\n')", [(1,), (AsIs("2 + (3"),), (3,)]),
    "at the end of the last": ("UPDATE {} SET x = 'é' WHERE i = %s", [(1,), (2,), (AsIs("3 +"),)]),
    "before there is anything": ("DELETE FROM ", [(), ()]),
    "in the middle": ("INSERT INTO {} VALUEZ (%s, 'a')", [(1,), (2,)]),
    "a name": ("INSERT INTO {}\n VALUES (%s,\n %s)", [(1, "ü€😀"), (2, "\n\n"), (AsIs("näme"), "é"), (4, "d")]),
    "a value": ("INSERT INTO {} VALUES (%s, 'ö')", [(1,), ("ä",), (3,)]),
    "no position": ("INSERT INTO {} VALUES (1/%s, 'ö')", [(1,), (0,), (3,)]),
    "in a function": ("INSERT INTO {} VALUES (many_fails(%s), 'ö')", [(1,), (0,), (3,)]),
    "a long line": ("INSERT INTO {} VALUES (%s, '" + "é" * 90 + "', nothing)", [(1,), (2,)]),
    "a comment of the adapter's": ("INSERT INTO {} VALUES (%s, 'a')", [(1,), (AsIs("2, nothing) --"),), (3,)]),
}


@pytest.fixture
def many_fails(other):
    """A function that fails when it is given 0."""
    other.cursor().execute("CREATE FUNCTION many_fails(n int) RETURNS int LANGUAGE plpgsql AS"
                           " $$ BEGIN IF n = 0 THEN RETURN (SELECT nothing\nFROM pg_class); END IF; RETURN n; END $$")
    yield
    other.cursor().execute("DROP FUNCTION many_fails")


@pytest.mark.parametrize("first", [False, True], ids=["later", "first"])
@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.usefixtures("many_fails")
def test_an_error_is_that_of_the_statement_alone(dsn, connection, cursor, other, table, name, first):
    """Also where BEGIN is sent in front of it."""
    template, arguments = ERRORS[name]
    if not first:
        cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.Error) as caught:
        cursor.executemany(template.format(table), arguments)
    got, expected = caught.value, alone(dsn, cursor.query.decode())
    assert cursor.query.count(b"\n;\n") == 0
    assert type(got) is type(expected)
    assert (str(got), got.pgerror, got.pgcode) == (str(expected), expected.pgerror, expected.pgcode)
    for field in ("message_primary", "statement_position", "internal_position", "internal_query", "context"):
        assert getattr(got.diag, field) == getattr(expected.diag, field), field
    assert got.cursor is cursor
    assert (cursor.rowcount, cursor.statusmessage, cursor.description) == (-1, "", None)
    assert connection.get_transaction_status() == FAILED
    connection.rollback()
    assert ping(connection) and rows(other, table) == []


def test_the_statement_of_an_error_in_a_later_message(connection, cursor):
    cursor.execute("CREATE TEMP TABLE t (i int, x text)")
    arguments = [(i, "x" * 100) for i in range(2000)] + [("bad", "x")] + [(1, "y")] * 2000
    with pytest.raises(psycopg2.DataError, match='"bad"\nLINE 1: INSERT INTO t VALUES'):
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", arguments)
    assert cursor.query == b"INSERT INTO t VALUES ('bad', 'x')"


def test_a_message_that_looks_like_libpqs_lines(connection, cursor):
    cursor.execute("CREATE TEMP TABLE t (i int)")
    connection.commit()
    for call in (lambda: cursor.execute('SELECT "LINE 7: a\nLINE 8: b"'),
                 lambda: cursor.executemany("UPDATE t SET i = %s", [(1,), (AsIs('"LINE 7: a\nLINE 8: b"'),)])):
        with pytest.raises(psycopg2.errors.UndefinedColumn) as caught:
            call()
        first, second, third = str(caught.value).split("\n")[:3]
        assert (first, second) == ('column "LINE 7: a', 'LINE 8: b" does not exist') and third.startswith("LINE 1: ")
        connection.rollback()


def test_notices_point_at_the_statement(connection, cursor):
    cursor.execute("CREATE TEMP TABLE t (i int, x text); SET standard_conforming_strings TO off")
    connection.commit()
    template, values = "INSERT INTO t\n VALUES (%s, %s)", [(1, AsIs(r"'é\t'")), (2, AsIs(r"'\t'")), (3, AsIs(r"'\n'"))]
    for each in values:
        cursor.execute(template, each)
        connection.commit()
    apart, connection.notices = connection.notices, []
    assert len(apart) == 3 and all("LINE 2:  VALUES" in notice for notice in apart)
    cursor.executemany(template, values)
    assert connection.notices == apart
    connection.commit()
    # A notice about a text that cannot be parsed arrives once.
    connection.notices = []
    with pytest.raises(psycopg2.errors.SyntaxError, match="LINE 1"):
        cursor.execute(r"SELECT 'a\t' +")
    assert len(connection.notices) == 1 and "LINE 1: SELECT" in connection.notices[0]


# What the cursor shows

def shown(cursor):
    columns = cursor.description and [column.name for column in cursor.description]
    return cursor.rowcount, cursor.rownumber, cursor.statusmessage, columns, cursor.query


@pytest.mark.parametrize("query", ["INSERT INTO t VALUES (%s)", "nonsense", "", None, 5])
@pytest.mark.parametrize("nothing", [list, lambda: iter(())])
def test_an_empty_list_leaves_the_last_result(connection, cursor, query, nothing):
    assert shown(cursor) == (-1, 0, None, None, None)
    cursor.executemany(query, nothing())
    assert shown(cursor) == (0, 0, None, None, None)
    with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
        cursor.fetchone()
    cursor.execute("SELECT i FROM generate_series(1, 3) i")
    cursor.fetchone()
    cursor.executemany(query, nothing())
    assert shown(cursor) == (0, 1, "SELECT 3", ["i"], b"SELECT i FROM generate_series(1, 3) i")
    assert cursor.fetchone() is None and cursor.fetchmany(2) == [] and cursor.fetchall() == [] and list(cursor) == []
    cursor.execute("CREATE TEMP TABLE t (i int)")
    cursor.execute("INSERT INTO t VALUES (1), (2)")
    cursor.executemany(query, nothing())
    assert shown(cursor) == (0, 0, "INSERT 0 2", None, b"INSERT INTO t VALUES (1), (2)")
    with pytest.raises(psycopg2.Error):
        cursor.execute("nonsense")
    cursor.executemany(query, nothing())
    assert shown(cursor) == (0, 0, "", None, b"nonsense")


def raising(*arguments):
    yield from arguments
    raise ZeroDivisionError


@pytest.mark.parametrize("statement", [
    "UPDATE t SET x = 'b' WHERE i = %s", "/* apart */ UPDATE t SET x = 'b' WHERE i = %s"], ids=["together", "apart"])
@pytest.mark.parametrize("before", [None, "SELECT 1 AS z"])
def test_what_is_shown_after_an_error(connection, cursor, statement, before):
    cursor.execute("CREATE TEMP TABLE t AS SELECT 1 AS i, 'a' AS x FROM generate_series(1, 2)")
    connection.commit()
    good = statement.replace("%s", "1").encode()

    def fails(error, arguments):
        if before:
            cursor.execute(before)
            cursor.fetchone()
        with pytest.raises(error):
            cursor.executemany(statement, arguments)
        connection.rollback()
        return shown(cursor)

    # An iterator that raises: the rows executed count.
    assert fails(ZeroDivisionError, raising((1,), (1,))) == (4, 0, "UPDATE 2", None, good)
    # Arguments that do not fit: the last statement is shown, but no query.
    assert fails(psycopg2.ProgrammingError, [(1,), (1,), (object(),)]) == (2, 0, "UPDATE 2", None, None)
    assert fails(IndexError, [(1,), ()]) == (2, 0, "UPDATE 2", None, None)
    # An error of the server.
    bad = statement.replace("%s", "'x'").encode()
    assert fails(psycopg2.DataError, [(1,), (1,), ("x",)]) == (-1, 0, "", None, bad)
    # Nothing was executed.
    columns, status, row, query = (["z"], "SELECT 1", 1, before.encode()) if before else (None, "", 0, bad)
    assert fails(ZeroDivisionError, raising()) == (0, row, status, columns, query)
    assert fails(TypeError, 5) == (-1, row, status, columns, query)
    assert fails(psycopg2.ProgrammingError, [(object(),)]) == (-1, row, status, columns, None)
    with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
        cursor.fetchone()


def test_counts_that_the_server_does_not_say(connection, cursor):
    cursor.executemany("%s", [(AsIs("CREATE TEMP TABLE t (i int)"),), (AsIs("INSERT INTO t VALUES (1)"),)])
    assert cursor.rowcount == -1 and cursor.statusmessage == "INSERT 0 1"
