"""Cursors: fetching, describing, scrolling, on the client and on the server."""

import io
from collections import OrderedDict

import psycopg2
import psycopg2.extras
import pytest
from psycopg2 import sql

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
    for parameters in ({"b": 1, "a": 5}, OrderedDict(b=1, a=5)):
        # DB API speaks of a sequence, which these are not.
        assert cursor.callproc("pg_temp.minus", parameters) is None
        assert cursor.fetchone() == (4,)
    assert cursor.callproc("pg_backend_pid", {}) == {} and cursor.callproc("pg_backend_pid", []) == []
    assert cursor.callproc("pg_backend_pid") is None


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
    """The arguments are not to blame, and not looked at."""
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
    """As one of blanks is: the result before it is not there to be taken for its."""
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


# Named cursors and their transactions


ENDS = {
    "commit": lambda connection: connection.commit(),
    "rollback": lambda connection: connection.rollback(),
    "reset": lambda connection: connection.reset(),
    "set_isolation_level": lambda connection: connection.set_isolation_level(2),
    "set_client_encoding": lambda connection: connection.set_client_encoding("LATIN1"),
    "with": lambda connection: connection.__exit__(None, None, None),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_named_cursor_belongs_to_the_transaction_that_it_was_made_in(connection, end):
    with connection.cursor() as other:
        other.execute("SELECT 1")
    named, held = connection.cursor("n"), connection.cursor("h", withhold=True)
    ENDS[end](connection)
    for call in (lambda: named.execute("SELECT 1"), named.fetchone, lambda: next(named), lambda: named.scroll(1)):
        with pytest.raises(psycopg2.ProgrammingError, match="named cursor isn't valid anymore") as caught:
            call()
        assert caught.value.cursor is named
    assert named.query is None and connection.status == psycopg2.extensions.STATUS_READY
    named.close()
    held.execute("SELECT 1")
    assert held.fetchall() == [(1,)]


def test_a_named_cursor_made_ahead_of_its_transaction(connection):
    named = connection.cursor("n")
    # There was no transaction to end.
    connection.commit()
    connection.rollback()
    named.execute("SELECT 1")
    assert named.fetchall() == [(1,)]


def test_closing_a_named_cursor_whose_declaration_failed(connection):
    """The error that the program sees is that of its statement, and not one about a cursor that never was."""
    connection.autocommit = True
    with pytest.raises(psycopg2.errors.SyntaxError):
        with connection.cursor("n", withhold=True) as named:
            named.execute("SELEC 1")
    assert named.closed


@pytest.mark.parametrize("is_declared", [False, True])
def test_closing_a_named_cursor_of_a_transaction_before_leaves_the_present_one_alone(connection, is_declared):
    old, other = connection.cursor("n"), connection.cursor()
    if is_declared:
        old.execute("SELECT 1")
    else:
        other.execute("SELECT 1")
    connection.commit()
    new = connection.cursor("n")
    new.execute("SELECT 5")
    old.close()
    assert old.closed and new.fetchall() == [(5,)]
    connection.commit()
    other.execute("SELECT 1")
    new.close()
    assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS


@pytest.mark.parametrize("in_transaction", [False, True])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_closing_a_held_cursor_that_its_transaction_may_have_taken_with_it(connection, end, in_transaction):
    held, other = connection.cursor("h", withhold=True), connection.cursor()
    held.execute("SELECT 1")
    getattr(connection, end)()
    if in_transaction:
        other.execute("SELECT 1")
    held.close()
    assert held.closed
    assert connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_INERROR
    other.execute("SELECT count(*) FROM pg_cursors")
    assert other.fetchone() == (0,)


def test_nothing_is_sent_for_a_named_cursor_of_a_prepared_transaction(connection):
    connection.tpc_begin(connection.xid(7, "named cursors", ""))
    connection.cursor().execute("SELECT 1")
    connection.tpc_prepare()
    try:
        named = connection.cursor("n")
        for call in (lambda: named.scroll(1), named.fetchone, lambda: next(named), lambda: named.execute("SELECT 1")):
            with pytest.raises(psycopg2.ProgrammingError, match="prepared two-phase transaction"):
                call()
    finally:
        connection.tpc_rollback()


@pytest.mark.parametrize("withhold", [None, 0, "", [], 1, True])
def test_unnamed_cursors_are_not_held(connection, withhold):
    with pytest.raises(psycopg2.ProgrammingError, match="'withhold' can be specified only for named cursors"):
        connection.cursor(withhold=withhold)
    assert connection.cursor("n", withhold=withhold).withhold is bool(withhold)
    assert connection.cursor(withhold=False).withhold is False


def test_settings_of_named_cursors_cannot_be_deleted(connection):
    for name in ("withhold", "scrollable"):
        with pytest.raises(psycopg2.ProgrammingError, match="unnamed cursor"):
            delattr(connection.cursor(), name)
        with pytest.raises(TypeError, match=f"{name} cannot be deleted"):
            delattr(connection.cursor("n"), name)
