"""Cursors: fetching, describing, scrolling, on the client and on the server."""

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


# What a closed cursor still shows

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
    # There is no transaction to end.
    connection.commit()
    connection.rollback()
    named.execute("SELECT 1")
    assert named.fetchall() == [(1,)]


def test_closing_a_named_cursor_whose_declaration_failed(connection):
    """The error raised is that of the statement, and not one about a cursor that does not exist."""
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
