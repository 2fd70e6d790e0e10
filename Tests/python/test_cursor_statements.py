"""What a cursor executes: callproc(), executemany(), and statements that are empty or none."""

import io
from collections import OrderedDict

import psycopg2
import psycopg2.extensions
import pytest
from psycopg2 import sql


def test_callproc(connection):
    cursor = connection.cursor()
    assert cursor.callproc("lower", ["ABC"]) == ["ABC"]
    assert cursor.fetchone() == ("abc",)
    cursor.execute("CREATE FUNCTION pg_temp.minus(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a - b'")
    for parameters in ({"b": 1, "a": 5}, OrderedDict(b=1, a=5)):
        # The DB API requires a sequence, which these are not.
        assert cursor.callproc("pg_temp.minus", parameters) is None
        assert cursor.fetchone() == (4,)
    assert cursor.callproc("pg_backend_pid", {}) == {} and cursor.callproc("pg_backend_pid", []) == []
    assert cursor.callproc("pg_backend_pid") is None


def test_executemany_of_many_rows(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
    connection.commit()
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", ((i, "é;'\n" * 9) for i in range(3000)))
    assert cursor.rowcount == 3000 and cursor.statusmessage == "INSERT 0 1"
    assert cursor.query == "INSERT INTO t VALUES (2999, '{}')".format("é;''\n" * 9).encode()
    cursor.execute("SELECT count(*), min(b), max(b) FROM t")
    assert cursor.fetchone() == (3000, "é;'\n" * 9, "é;'\n" * 9)
    cursor.executemany("UPDATE t SET b = '' WHERE a < %s -- no more", [(5,), (7,)])
    assert cursor.rowcount == 12
    cursor.executemany("DELETE FROM t WHERE a < %s RETURNING a", [(5,), (7,)])
    assert cursor.rowcount == 7
    cursor.executemany("INSERT INTO t VALUES (-1, 'a%%b')", [None])
    cursor.execute("SELECT b FROM t WHERE a = -1")
    assert cursor.fetchone() == ("a%%b",)


def test_executemany_points_at_the_row_that_fails(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
    connection.commit()
    with pytest.raises(psycopg2.errors.UniqueViolation):
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "x"), (2, "ü\n"), (1, "y"), (3, "z")])
    assert cursor.query == b"INSERT INTO t VALUES (1, 'y')" and cursor.rowcount == -1
    connection.rollback()
    rows = [(1, "x"), (2, "ü\n"), (psycopg2.extensions.AsIs("nothing"), "y"), (3, "z")]
    alone = connection.cursor()
    with pytest.raises(psycopg2.errors.UndefinedColumn) as one:
        alone.execute("INSERT INTO t\nVALUES (%s, %s)", rows[2])
    connection.rollback()
    with pytest.raises(psycopg2.errors.UndefinedColumn) as many:
        cursor.executemany("INSERT INTO t\nVALUES (%s, %s)", rows)
    assert str(many.value) == str(one.value) and "LINE 2: VALUES (nothing" in str(one.value)
    assert many.value.diag.statement_position == one.value.diag.statement_position
    assert cursor.query == alone.query
    connection.rollback()


def test_executemany_keeps_the_rows_before_arguments_that_raise(connection):
    def rows():
        yield (1,)
        yield (2,)
        raise LookupError("no more")

    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int)")
    for arguments, error in ((rows(), LookupError), ([(1,), (2,), (object(),)], psycopg2.ProgrammingError),
                             ([(1,), (2,), ()], IndexError), ([(1,), (2,), ("\0",)], ValueError)):
        with pytest.raises(error):
            cursor.executemany("INSERT INTO t VALUES (%s)", arguments)
        cursor.execute("DELETE FROM t")
        assert cursor.rowcount == 2


@pytest.mark.parametrize("use", ["execute", "own execute", "commit", "rollback", "copy", "executemany"])
def test_executemany_has_executed_the_rows_before_when_the_iterator_uses_the_connection(connection, use):
    cursor, other = connection.cursor(), connection.cursor()
    cursor.execute("CREATE TEMP TABLE looked_at (a int PRIMARY KEY)")
    connection.commit()
    seen = []

    def arguments():
        yield (1,)
        yield (2,)
        if use in ("execute", "own execute"):
            user = other if use == "execute" else cursor
            user.execute("SELECT count(*) FROM looked_at")
            seen.extend(user.fetchone())
        elif use == "copy":
            out = io.StringIO()
            other.copy_expert("COPY (SELECT count(*) FROM looked_at) TO STDOUT", out)
            seen.append(int(out.getvalue()))
        elif use == "executemany":
            other.executemany("UPDATE looked_at SET a = a + %s", [(10,), (10,)])
            seen.append(other.rowcount // 2)
        else:
            getattr(connection, use)()
        yield (3,)

    cursor.executemany("INSERT INTO looked_at VALUES (%s)", arguments())
    assert cursor.rowcount == 3
    if use == "commit":
        connection.rollback()
    cursor.execute("SELECT a FROM looked_at ORDER BY a")
    rest = {"commit": [1, 2], "rollback": [3], "executemany": [3, 21, 22]}
    assert [a for a, in cursor] == rest.get(use, [1, 2, 3])
    assert seen == ([] if use in ("commit", "rollback") else [2])


def test_executemany_raises_inside_of_the_iterator_what_the_rows_before_did(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int PRIMARY KEY)")
    connection.commit()

    def arguments():
        yield from [(1,), (1,)]
        with pytest.raises(psycopg2.errors.UniqueViolation):
            connection.cursor().execute("SELECT 1")
        connection.rollback()
        yield (2,)

    cursor.executemany("INSERT INTO t VALUES (%s)", arguments())
    cursor.execute("SELECT a FROM t")
    assert cursor.fetchall() == [(2,)]


def test_executemany_outside_of_a_transaction(connection):
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int PRIMARY KEY)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,), (1,), (3,)])
    cursor.execute("SELECT array_agg(a) FROM t")
    assert cursor.fetchone() == ([1, 2],)


def test_callproc_merges_the_percent_signs_of_a_name_where_there_are_arguments(connection):
    """As in psycopg2: with arguments they have to be doubled, without arguments they must not be."""
    cursor = connection.cursor()
    cursor.execute('CREATE FUNCTION pg_temp."a%s"(i int) RETURNS int LANGUAGE sql AS $$ SELECT i $$;'
                   'CREATE FUNCTION pg_temp."a%s"() RETURNS int LANGUAGE sql AS $$ SELECT 5 $$')
    cursor.callproc('pg_temp."a%s"')
    assert cursor.fetchone() == (5,)
    for parameters in ([7], (7,), {"i": 7}):
        answer = cursor.callproc('pg_temp."a%%s"', parameters)
        assert answer == (None if isinstance(parameters, dict) else parameters)
        assert cursor.fetchone() == (7,)
    cursor.callproc(b'pg_temp."a%%s"', [8])
    assert cursor.fetchone() == (8,)
    with pytest.raises(IndexError):
        cursor.callproc('pg_temp."a%s"', [7])
    with pytest.raises(TypeError, match="dict is not a sequence"):
        cursor.callproc('pg_temp."a%s"', {})
    with pytest.raises(KeyError):
        cursor.callproc('pg_temp."a%(x)s"', {})


@pytest.mark.parametrize("name, parameters, message", [
    (5, (), "the procedure's name must be str or bytes, not int"), (None, None, "not NoneType"),
    ("lower", {1: 2}, "a parameter's name must be str or bytes, not int")])
def test_callproc_of_what_is_no_name(connection, name, parameters, message):
    with pytest.raises(TypeError, match=message):
        connection.cursor().callproc(name, parameters)


# What a cursor shows once it has no rows any more


def shown(cursor):
    columns = cursor.description and [column.name for column in cursor.description]
    return cursor.rowcount, cursor.rownumber, columns, cursor.statusmessage, cursor.query


@pytest.mark.parametrize("arguments", [(object(),), (), (1, 2), {"b": 1}])
def test_arguments_that_do_not_fit_hide_the_rows_and_a_fetch_forgets_the_columns(connection, arguments):
    cursor = connection.cursor()
    cursor.execute("SELECT generate_series(1, 3) AS a")
    cursor.fetchone()
    with pytest.raises((psycopg2.ProgrammingError, IndexError, TypeError, KeyError)):
        cursor.execute("SELECT %(a)s" if isinstance(arguments, dict) else "SELECT %s", arguments)
    assert shown(cursor) == (3, 1, ["a"], "SELECT 3", None)
    cursor.scroll(1)
    for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchmany, lambda: next(cursor)):
        with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
            fetch()
        assert shown(cursor) == (3, 0, None, "SELECT 3", None)
    with pytest.raises(psycopg2.ProgrammingError, match="out of bounds"):
        cursor.scroll(1)
    cursor.execute("SELECT 5 AS b")
    assert shown(cursor) == (1, 0, ["b"], "SELECT 1", b"SELECT 5 AS b") and cursor.fetchall() == [(5,)]


def test_a_closed_cursor_still_knows_the_columns_whose_rows_were_hidden(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a")
        with pytest.raises(psycopg2.ProgrammingError):
            cursor.execute("SELECT %s", (object(),))
    assert shown(cursor) == (1, 0, ["a"], "SELECT 1", None)


def test_a_fetch_after_a_command_that_returns_no_rows(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE changed (a int)")
    cursor.execute("INSERT INTO changed VALUES (1), (2)")
    cursor.scroll(1)
    with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
        cursor.fetchone()
    assert shown(cursor)[:4] == (2, 0, None, "INSERT 0 2")


class Unwritable(sql.Composable):
    def as_string(self, context):
        return self._wrapped


@pytest.mark.parametrize("query, exception", [
    ("SELECT '\udc80'", UnicodeEncodeError), (5, TypeError), (None, psycopg2.ProgrammingError),
    ("", psycopg2.ProgrammingError), (b"", psycopg2.ProgrammingError), (Unwritable(5), TypeError),
])
@pytest.mark.parametrize("arguments", [None, (), (1,), {"a": 1}])
def test_a_statement_that_is_none_leaves_the_cursor_as_it_was(connection, query, exception, arguments):
    """The arguments do not matter and are not looked at."""
    cursor = connection.cursor()
    cursor.execute("SELECT 3 AS a")
    with pytest.raises(exception):
        cursor.execute(query, arguments)
    assert shown(cursor) == (1, 0, ["a"], "SELECT 1", b"SELECT 3 AS a") and cursor.fetchall() == [(3,)]


def test_what_as_string_returns_has_to_be_text(connection):
    with pytest.raises(TypeError, match=r"as_string\(\) of Unwritable must return str, not int"):
        connection.cursor().execute(Unwritable(5))


NOTHING = sql.SQL(" AND ").join([])


@pytest.mark.parametrize("query, arguments", [
    (NOTHING, None), (NOTHING, (1,)), (sql.SQL(""), {}), ("%s", (psycopg2.extensions.AsIs(""),)),
])
def test_a_statement_that_turns_out_to_be_empty_is_sent(connection, query, arguments):
    """As a statement of blanks is, so that the result of the statement before it is not taken for its own."""
    cursor = connection.cursor()
    cursor.execute("SELECT 3 AS a")
    connection.commit()
    with pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query") as caught:
        cursor.execute(query, arguments)
    assert caught.value.cursor is cursor
    assert shown(cursor) == (-1, 0, None, "", b"") and connection.status == psycopg2.extensions.STATUS_BEGIN
    with pytest.raises(psycopg2.ProgrammingError, match="no results"):
        cursor.fetchall()
    cursor.execute("SELECT 4")
    assert cursor.fetchall() == [(4,)]


def test_an_empty_statement_in_autocommit_and_of_a_named_cursor(connection):
    connection.autocommit = True
    cursor = connection.cursor()
    with pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query"):
        cursor.execute(NOTHING, (1,))
    assert cursor.query == b"" and cursor.statusmessage == ""
    connection.autocommit = False
    with pytest.raises(psycopg2.errors.SyntaxError):
        connection.cursor("n").execute(NOTHING)


@pytest.mark.parametrize("query", ["", b""])
def test_an_empty_text_is_not_sent(connection, query):
    cursor = connection.cursor()
    for call in (lambda: cursor.execute(query), lambda: cursor.execute(query, (1,)), lambda: cursor.mogrify(query),
                 lambda: cursor.executemany(query, [(1,)]), lambda: cursor.copy_expert(query, io.StringIO())):
        with pytest.raises(psycopg2.ProgrammingError, match="can't execute an empty query"):
            call()
    assert connection.status == psycopg2.extensions.STATUS_READY and cursor.query is None
