"""Cursors: fetching, describing, scrolling, on the client and on the server."""

import io

import psycopg2
import psycopg2.extras
import pytest

from observing import heap


SERIES = "SELECT i FROM generate_series(1, %s) i"


@pytest.fixture(params=["client", "server"])
def cursor(request, connection):
    return connection.cursor(None if request.param == "client" else "c")


def test_fetching(cursor):
    cursor.execute(SERIES, (10,))
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    assert cursor.fetchmany() == [(4,)]
    cursor.arraysize = 2
    assert cursor.fetchmany() == [(5,), (6,)]
    assert cursor.fetchall() == [(7,), (8,), (9,), (10,)]
    assert cursor.fetchone() is None and cursor.fetchmany(3) == [] and cursor.fetchall() == []


def test_iteration(cursor):
    cursor.itersize = 3
    cursor.execute(SERIES, (10,))
    assert [row[0] for row in cursor] == list(range(1, 11))


def test_scrolling(connection):
    for cursor in (connection.cursor(), connection.cursor("s", scrollable=True)):
        cursor.execute(SERIES, (10,))
        cursor.scroll(3)
        assert cursor.fetchone() == (4,)
        cursor.scroll(-2)
        assert cursor.fetchone() == (3,)
        cursor.scroll(1, mode="absolute")
        assert cursor.fetchone() == (2,)
    cursor = connection.cursor()
    cursor.execute(SERIES, (3,))
    for value, mode in ((3, "absolute"), (-1, "relative")):
        with pytest.raises((psycopg2.ProgrammingError, IndexError)):
            cursor.scroll(value, mode)


def test_named_cursors(connection):
    cursor = connection.cursor("held", withhold=True)
    cursor.execute(SERIES, (5,))
    assert cursor.name == "held" and cursor.withhold and cursor.scrollable is None
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.execute(SERIES, (5,))
    connection.commit()
    assert cursor.fetchall() == [(i,) for i in range(1, 6)]
    cursor.close()
    other = connection.cursor()
    other.execute("SELECT count(*) FROM pg_cursors")
    assert other.fetchone() == (0,)
    connection.rollback()
    connection.autocommit = True
    with pytest.raises(psycopg2.ProgrammingError):
        connection.cursor("x").execute("SELECT 1")


def test_counts_and_messages(connection):
    cursor = connection.cursor()
    assert cursor.rowcount == -1 and cursor.description is None and cursor.statusmessage is None
    cursor.execute("CREATE TEMP TABLE t (a int)")
    assert cursor.rowcount == -1 and cursor.statusmessage == "CREATE TABLE" and cursor.description is None
    with pytest.raises(psycopg2.ProgrammingError, match="no results to fetch"):
        cursor.fetchone()
    cursor.execute("INSERT INTO t SELECT generate_series(1, 7)")
    assert cursor.rowcount == 7
    cursor.execute("DELETE FROM t WHERE a > 4 RETURNING a")
    assert cursor.rowcount == 3 and cursor.rownumber == 0 and len(cursor.fetchall()) == 3 and cursor.rownumber == 3
    cursor.executemany("INSERT INTO t VALUES (%s)", [(i,) for i in range(5)])
    assert cursor.rowcount == 5
    cursor.executemany("INSERT INTO t VALUES (%(a)s)", ({"a": i} for i in range(3)))
    assert cursor.rowcount == 3


def test_description(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS a, 'x'::varchar(5) AS b, 1.5::numeric(10, 2) AS c, oid FROM pg_class LIMIT 1")
    a, b, c, oid = cursor.description
    assert tuple(a) == ("a", 23, None, 4, None, None, None) and len(a) == 7
    assert (b.type_code, b.internal_size) == (1043, 5)
    assert (c.precision, c.scale) == (10, 2)
    assert oid.table_oid == 1259 and oid.table_column == 1
    assert repr(a) == "Column(name='a', type_code=23)" and a == ("a", 23, None, 4, None, None, None)


def test_rows_by_name(connection):
    cursor = connection.cursor(cursor_factory=psycopg2.extras.DictCursor)
    cursor.execute("SELECT 1 AS a, 2 AS b")
    row = cursor.fetchone()
    assert row["b"] == row[1] == 2 and list(row.keys()) == ["a", "b"] and row == [1, 2]
    cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
    cursor.execute("SELECT 1 AS a, 2 AS b")
    assert cursor.fetchall() == [{"a": 1, "b": 2}]
    cursor = connection.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor)
    cursor.execute('SELECT 1 AS a, 2 AS "b c"')
    assert cursor.fetchone().b_c == 2


def test_row_factory(connection):
    class Row(dict):
        def __init__(self, cursor):
            self.names = [column.name for column in cursor.description]

        def __setitem__(self, index, value):
            super().__setitem__(self.names[index], value)

    cursor = connection.cursor()
    cursor.row_factory = Row
    cursor.execute("SELECT 1 AS a, 'x' AS b")
    assert cursor.fetchone() == {"a": 1, "b": "x"}


def test_factories(dsn):
    calls = []

    class Connection(psycopg2.extensions.connection):
        def __init__(self, *arguments, **keywords):
            calls.append((arguments, keywords))
            super().__init__(*arguments, **keywords)

    class Cursor(psycopg2.extensions.cursor):
        pass

    connection = psycopg2.connect(dsn, connection_factory=Connection, cursor_factory=Cursor)
    assert calls == [((dsn,), {})]
    assert isinstance(connection, Connection) and type(connection.cursor()) is Cursor
    assert type(connection.cursor(cursor_factory=psycopg2.extensions.cursor)) is psycopg2.extensions.cursor
    with pytest.raises(TypeError):
        connection.cursor(cursor_factory=lambda *_: 5)
    connection.close()


def test_callproc(connection):
    cursor = connection.cursor()
    assert cursor.callproc("lower", ["ABC"]) == ["ABC"]
    assert cursor.fetchone() == ("abc",)
    cursor.execute("CREATE FUNCTION pg_temp.minus(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a - b'")
    cursor.callproc("pg_temp.minus", {"b": 1, "a": 5})
    assert cursor.fetchone() == (4,)


def test_notices_and_notifications(dsn, connection):
    cursor = connection.cursor()
    cursor.execute("DO $$BEGIN RAISE NOTICE 'hello'; END$$")
    assert connection.notices[-1] == "NOTICE:  hello\n"
    connection.commit()
    cursor.execute("LISTEN birds")
    connection.commit()
    other = psycopg2.connect(dsn)
    other.autocommit = True
    other.cursor().execute("NOTIFY birds, 'swift'")
    for _ in range(100):
        connection.poll()
        if connection.notifies:
            break
        cursor.execute("SELECT pg_sleep(0.01)")
    notify = connection.notifies.pop()
    assert (notify.pid, notify.channel, notify.payload) == (other.get_backend_pid(), "birds", "swift")
    assert notify == (other.get_backend_pid(), "birds")
    other.close()


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
    cursor.execute("CREATE TABLE public.looked_at (a int PRIMARY KEY)")
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

    try:
        cursor.executemany("INSERT INTO looked_at VALUES (%s)", arguments())
        assert cursor.rowcount == 3
        if use == "commit":
            connection.rollback()
        cursor.execute("SELECT a FROM looked_at ORDER BY a")
        rest = {"commit": [1, 2], "rollback": [3], "executemany": [3, 21, 22]}
        assert [a for a, in cursor] == rest.get(use, [1, 2, 3])
        assert seen == ([] if use in ("commit", "rollback") else [2])
    finally:
        connection.rollback()
        cursor.execute("DROP TABLE public.looked_at")
        connection.commit()


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


# What a closed cursor still says

@pytest.mark.parametrize("size", [2, 20_000])
def test_a_closed_cursor_says_what_it_did(connection, size):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a, repeat('x', 50) AS b FROM generate_series(1, %s)", (size,))
        cursor.fetchone()
    assert (cursor.rowcount, cursor.rownumber, cursor.statusmessage) == (size, 1, f"SELECT {size}")
    assert [(column.name, column.type_code) for column in cursor.description] == [("a", 23), ("b", 25)]
    assert cursor.pgresult_ptr is None
    for attempt in (cursor.fetchone, cursor.fetchall, lambda: next(cursor), lambda: cursor.scroll(1),
                    lambda: cursor.execute("SELECT 1"), lambda: cursor.setinputsizes(1),
                    lambda: cursor.setoutputsize(1)):
        with pytest.raises(psycopg2.InterfaceError):
            attempt()


def test_a_closed_cursor_says_how_many_rows_it_changed(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE changed (a int)")
    assert (cursor.rowcount, cursor.statusmessage, cursor.description) == (-1, "CREATE TABLE", None)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO changed VALUES (1), (2), (3)")
    assert (cursor.rowcount, cursor.statusmessage) == (3, "INSERT 0 3")
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE changed SET a = a + %s", [(1,), (2,)])
    assert cursor.rowcount == 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT a FROM changed")
    connection.close()
    assert (cursor.rowcount, cursor.description[0].name) == (3, "a")


def test_a_closed_named_cursor_says_that_it_was_closed(connection):
    with connection.cursor("series") as cursor:
        cursor.execute("SELECT generate_series(1, 5)")
        assert cursor.fetchmany(2) == [(1,), (2,)]
    assert (cursor.rowcount, cursor.description, cursor.statusmessage) == (-1, None, "CLOSE CURSOR")


def test_a_closed_cursor_keeps_no_rows(connection):
    before = heap()
    kept = []
    for _ in range(20):
        with connection.cursor() as cursor:
            cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
        kept.append(cursor)
    assert heap() - before < 5_000 and {cursor.rowcount for cursor in kept} == {1000}


def test_a_negative_number_of_rows_is_all_of_them(connection):
    with connection.cursor() as cursor:
        cursor.execute(SERIES, (4,))
        assert cursor.fetchmany(1) == [(1,)] and cursor.fetchmany(-1) == [(2,), (3,), (4,)]


def test_callproc_merges_the_percent_signs_of_a_name_where_there_are_arguments(connection):
    """As psycopg2 does: with arguments they have to be doubled, without they must not be."""
    cursor = connection.cursor()
    cursor.execute('CREATE FUNCTION pg_temp."a%s"(i int) RETURNS int LANGUAGE sql AS $$ SELECT i $$;'
                   'CREATE FUNCTION pg_temp."a%s"() RETURNS int LANGUAGE sql AS $$ SELECT 5 $$')
    cursor.callproc('pg_temp."a%s"')
    assert cursor.fetchone() == (5,)
    for parameters in ([7], (7,), {"i": 7}):
        assert cursor.callproc('pg_temp."a%%s"', parameters) == parameters
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
