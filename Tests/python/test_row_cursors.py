"""Cursors whose rows have column names, and connections that log: cases that psycopg2's own suite does not have."""

import copy
import io
import logging
import pickle
from collections import OrderedDict

import pytest

import psycopg2
from psycopg2 import extras


KINDS = [extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor]


def by_name(row, name):
    return getattr(row, name) if isinstance(row, tuple) else row[name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [None, "server_side"])
def test_every_way_of_fetching_names_the_columns(connection, kind, name):
    cursor = connection.cursor(name, cursor_factory=kind)
    cursor.itersize = 2
    cursor.execute("SELECT n AS number, 'x' AS letter FROM generate_series(1, 7) AS n")
    rows = [cursor.fetchone(), *cursor.fetchmany(2), next(cursor)]
    rows += [row for row in cursor]
    assert [by_name(row, "number") for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert {by_name(row, "letter") for row in rows} == {"x"}
    assert cursor.fetchall() == [] and cursor.fetchone() is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_result_has_new_names(connection, kind):
    cursor = connection.cursor(cursor_factory=kind)
    for number in range(50):
        cursor.execute(f"SELECT {number} AS column_{number}")
        assert by_name(cursor.fetchone(), f"column_{number}") == number


@pytest.mark.parametrize("kind", KINDS)
def test_subclasses_may_reset_what_is_derived(connection, kind):
    """As cursors of psycopg2 do before they execute, and subclasses written like them."""
    class Resetting(kind):
        def execute(self, query, vars=None):
            self.index = OrderedDict()
            self.column_mapping = []
            self.Record = None
            self._query_executed = True
            return super().execute(query, vars)

    cursor = connection.cursor(cursor_factory=Resetting)
    cursor.execute("SELECT 1 AS a, 2 AS b")
    assert by_name(cursor.fetchone(), "b") == 2


def test_a_factory_of_the_programs_own(connection):
    class Upper(dict):
        def __init__(self, cursor):
            self.names = [column.name.upper() for column in cursor.description]

        def __setitem__(self, number, value):
            super().__setitem__(self.names[number], value)

    class Cursor(extras.DictCursorBase):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, row_factory=Upper, **kwargs)

    cursor = connection.cursor(cursor_factory=Cursor)
    cursor.execute("SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4")
    assert cursor.fetchall() == [{"A": 1, "B": 2}, {"A": 3, "B": 4}]
    with pytest.raises(NotImplementedError):
        connection.cursor(cursor_factory=extras.DictCursorBase)


@pytest.mark.parametrize("cursor_class, row_class", [
    (extras.DictCursor, extras.DictRow), (extras.RealDictCursor, extras.RealDictRow)])
def test_a_row_class_derived_from_the_drivers(connection, cursor_class, row_class):
    """It is created empty and filled item by item, as documented, unlike rows of the driver's own classes."""
    filled = []

    class Row(row_class):
        def __init__(self, *args):
            super().__init__(*args)
            self.extra = "yes"

        def __setitem__(self, key, value):
            filled.append(key)
            super().__setitem__(key, value)

    cursor = connection.cursor(cursor_factory=cursor_class)
    cursor.execute("SELECT 1 AS a, NULL AS b")
    assert type(cursor.fetchone()) is row_class
    cursor.row_factory = Row
    cursor.scroll(0, "absolute")
    row = cursor.fetchone()
    assert type(row) is Row and (row["a"], row["b"], row.extra) == (1, None, "yes") and filled == [0, 1]
    cursor.row_factory = None
    cursor.scroll(0, "absolute")
    assert cursor.fetchone() == (1, None)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [extras.DictCursor, extras.RealDictCursor])
def test_pickles_name_the_public_module(connection, kind, protocol):
    """Pickled rows may outlive the driver that wrote them, and psycopg2 has these classes in `extras`."""
    cursor = connection.cursor(cursor_factory=kind)
    cursor.execute("SELECT 1 AS a, 'x' AS b")
    row = cursor.fetchone()
    pickled = pickle.dumps(row, protocol)
    assert b"psycopg2.extras" in pickled and b"psycopg2._" not in pickled
    for again in (pickle.loads(pickled), copy.copy(row), copy.deepcopy(row)):
        assert type(again) is type(row) and again == row and again["b"] == "x"


def test_a_row_pickled_by_psycopg2_is_read():
    pickled = (
        b"\x80\x02ccopy_reg\n_reconstructor\nq\x00cpsycopg2.extras\nDictRow\nq\x01c__builtin__\nlist\nq\x02]q\x03("
        b"K\x07K\x08e\x87q\x05Rq\x06]q\x07(K\x07K\x08eccollections\nOrderedDict\nq\x08)Rq\t(X\x01\x00\x00\x00aq\n"
        b"K\x00X\x01\x00\x00\x00bq\x0bK\x01u\x86q\x0cb.")
    row = pickle.loads(pickled)
    assert row == [7, 8] and row["b"] == 8 and list(row.items()) == [("a", 7), ("b", 8)]


def test_columns_without_names_or_with_the_same(connection):
    cursor = connection.cursor(cursor_factory=extras.RealDictCursor)
    cursor.execute("SELECT")
    assert cursor.fetchone() == {}
    cursor.execute("SELECT 1 AS a, 2 AS a")
    assert cursor.fetchone() == {"a": 2}
    cursor = connection.cursor(cursor_factory=extras.DictCursor)
    cursor.execute("SELECT 1 AS a, 2 AS a")
    row = cursor.fetchone()
    assert row == [1, 2] and row["a"] == 2 and list(row.items()) == [("a", 2)]


@pytest.mark.parametrize("name", [None, "server_side"])
def test_names_that_make_no_named_tuple_are_an_error_of_every_fetch(connection, name):
    """Also where no row is left, because the first fetch that failed has consumed it."""
    cursor = connection.cursor(name, cursor_factory=extras.NamedTupleCursor)
    cursor.execute("SELECT 1 AS a, 2 AS a")
    for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, lambda: cursor.fetchmany(2)):
        with pytest.raises(ValueError, match="duplicate field name: 'a'"):
            fetch()
    # Without a row no class is made.
    assert cursor.fetchone() is None and list(cursor) == []


def test_a_result_without_rows_has_its_named_tuple(connection):
    cursor = connection.cursor(cursor_factory=extras.NamedTupleCursor)
    cursor.execute("SELECT 1 AS a WHERE false")
    assert cursor.fetchall() == [] and cursor.fetchmany(3) == []
    assert cursor.Record._fields == ("a",)


@pytest.mark.parametrize("base, kind", [
    (extras.DictConnection, extras.DictCursor), (extras.RealDictConnection, extras.RealDictCursor),
    (extras.NamedTupleConnection, extras.NamedTupleCursor),
])
def test_whose_cursors_a_connection_makes(dsn, base, kind):
    class Logged(base, extras.LoggingConnection):
        pass

    for factory in (base, Logged):
        with psycopg2.connect(dsn, connection_factory=factory) as connection:
            if factory is Logged:
                connection.initialize(io.StringIO())
            assert type(connection.cursor()) is kind
            assert type(connection.cursor(cursor_factory=extras.DictCursor)) is extras.DictCursor
            assert type(connection.cursor("name", extras.DictCursor)) is extras.DictCursor
            connection.cursor_factory = psycopg2.extensions.cursor
            assert type(connection.cursor()) is psycopg2.extensions.cursor
        connection.close()


@pytest.mark.parametrize("factory", [extras.LoggingConnection, extras.MinTimeLoggingConnection])
def test_statements_are_logged_to_files_and_loggers(dsn, factory, caplog):
    connection = psycopg2.connect(dsn, connection_factory=factory)
    with pytest.raises(psycopg2.ProgrammingError, match="initialize"):
        connection.cursor()
    log = io.StringIO()
    connection.initialize(log)
    cursor = connection.cursor()
    cursor.execute("SELECT %s", ("é 100%",))
    with pytest.raises(psycopg2.Error):
        cursor.execute("SELECT nothing_like_it")
    connection.rollback()
    cursor.callproc("abs", [1])
    lines = log.getvalue().splitlines()
    assert [line for line in lines if "execution time" not in line] == [
        "SELECT 'é 100%'", "SELECT nothing_like_it", "SELECT * FROM abs(1)"]
    assert len(lines) == (6 if factory is extras.MinTimeLoggingConnection else 3)
    connection.initialize(logging.getLogger("statements"))
    with caplog.at_level(logging.DEBUG, "statements"):
        cursor.execute("SELECT 'a%%b', %s", (1,))
    assert caplog.records[0].getMessage().startswith("SELECT 'a%b', 1")
    connection.close()


def test_only_slow_statements_are_logged(dsn):
    connection = psycopg2.connect(dsn, connection_factory=extras.MinTimeLoggingConnection)
    log = io.StringIO()
    connection.initialize(log, mintime=3_600_000)
    connection.cursor().execute("SELECT 1")
    assert log.getvalue() == ""
    connection.initialize(log, mintime=50)
    connection.cursor().execute("SELECT pg_sleep(0.06)")
    assert "pg_sleep" in log.getvalue()
    connection.close()
