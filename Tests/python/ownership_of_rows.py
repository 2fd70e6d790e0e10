"""Cases of ownership.py: rows, typecasters, and what a result belongs to."""

import collections
import datetime
import gc
import io

import psycopg2
from psycopg2 import extensions

from ownership import Callback, another, case, churn, raised


@case
def a_row_sets_another_row_factory(connection):
    cursor = connection.cursor()
    replaced = []

    class Row(list):
        def __init__(self, cursor):
            super().__init__([None] * len(cursor.description))

        def __setitem__(self, index, value):
            cursor.row_factory = None
            replaced.append(churn())
            super().__setitem__(index, value)

    cursor.row_factory = Callback(Row)
    cursor.execute("SELECT i, i::text FROM generate_series(1, 20) i")
    rows = cursor.fetchall()
    assert rows == [[i, str(i)] for i in range(1, 21)] and {type(row) for row in rows} == {Row}
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)] and replaced


@case
def a_row_factory_sets_another_one(connection):
    cursor = connection.cursor()

    def make(cursor):
        cursor.row_factory = None
        return collections.OrderedDict()

    cursor.row_factory = Callback(make)
    cursor.execute("SELECT i FROM generate_series(1, 5) i")
    assert [dict(row) for row in cursor.fetchall()] == [{0: i} for i in range(1, 6)]


@case
def a_row_maker_takes_itself_away(connection):
    cursor = connection.cursor()

    class Row(tuple):
        pass

    def make(cursor):
        del Row._row_maker
        churn()
        return lambda cells: ["made", *cells]

    Row._row_maker = Callback(make)
    cursor.row_factory = Row
    cursor.execute("SELECT i FROM generate_series(1, 3) i")
    assert cursor.fetchall() == [["made", 1], ["made", 2], ["made", 3]]


@case
def a_tzinfo_factory_sets_another_one(connection):
    cursor = connection.cursor()
    cursor.execute("SET TimeZone TO 'Europe/Berlin'")

    def zone(offset):
        cursor.tzinfo_factory = None
        return datetime.timezone(offset)

    for query in ("SELECT '2020-01-01'::timestamptz, '2020-07-01'::timestamptz, '12:00+03'::timetz",
                  "SELECT ARRAY['2020-01-01', '2020-07-01', '2021-01-01']::timestamptz[]"):
        cursor.tzinfo_factory = Callback(zone)
        cursor.execute(query)
        [row] = cursor.fetchall()
        values = row[0] if isinstance(row[0], list) else row
        assert [value.utcoffset().total_seconds() for value in values][:2] == [3600, 7200]
        assert cursor.tzinfo_factory is None


@case
def a_typecaster_uses_the_cursor_that_reads(connection):
    cursor = connection.cursor()
    errors = []

    def cast(value, cursor):
        other.cursor().execute("SELECT 1")
        errors.extend([
            raised(cursor.execute, "SELECT 2"), raised(cursor.close), raised(cursor.executemany, "SELECT %s", [(1,)]),
            raised(cursor.copy_expert, "COPY (SELECT 1) TO STDOUT", io.StringIO()),
            raised(cursor.__init__, other)])
        cursor.string_types = {23: extensions.INTEGER}
        extensions.register_type(extensions.INTEGER, cursor)
        cursor.fetchone()
        churn()
        return "cast"

    other = another()
    cursor.string_types = {23: extensions.new_type((23,), "CAST", Callback(cast))}
    cursor.execute("SELECT i, i FROM generate_series(1, 6) i")
    assert cursor.fetchmany(2) == [("cast", "cast")] * 2
    assert {error.split(":")[0] for error in errors} == {"ProgrammingError"}
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    other.close()


@case
def a_typecaster_is_forgotten_while_it_casts(connection):
    cursor = connection.cursor()
    for types_of in (connection.string_types, extensions.string_types):
        def cast(value, cursor):
            types_of.pop(99999)
            return value + "!"

        types_of[99999] = extensions.new_type((99999,), "FORGOTTEN", Callback(cast))
        assert cursor.cast(99999, "x") == "x!"
    cursor.string_types = {}
    cursor.string_types[99999] = extensions.new_type(
        (99999,), "FORGOTTEN", Callback(lambda value, cursor: setattr(cursor, "string_types", None) or value + "!"))
    assert cursor.cast(99999, "y") == "y!"


class Key(int):
    """An OID that runs code when it is looked up."""

    def __new__(cls, value, body):
        self = super().__new__(cls, value)
        self.body = body
        return self

    def __hash__(self):
        return int(self)

    def __eq__(self, other):
        self.body()
        return False


@case
def a_dict_of_typecasters_is_replaced_while_it_is_searched(connection):
    cursor = connection.cursor()
    seen = []

    def look():
        cursor.string_types = None
        seen.append(raised(cursor.execute, "SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12"))
        churn()

    cursor.string_types = {Key(23, look): psycopg2.STRING}
    cursor.execute("SELECT 1, 2")
    assert cursor.fetchall() == [(1, 2)]
    assert "ProgrammingError" in seen[0]

    def hashed(value):
        cursor.string_types = None
        churn()
        return int(value)

    class Hashed(int):
        __hash__ = hashed

    cursor.string_types = {}
    extensions.register_type(extensions.new_type((Hashed(23), Hashed(25)), "HASHED", None), cursor)


@case
def dicts_of_typecasters_hold_typecasters_alone(connection):
    cursor = connection.cursor()
    for owner, holder in (("cursor", cursor), ("connection", connection), ("psycopg2.extensions", extensions)):
        if holder is cursor:
            cursor.string_types, cursor.binary_types = {}, {}
        kept = holder.string_types.get(23)
        for wrong in ("x", 5, None, int, object()):
            holder.string_types[23] = wrong
            expected = (f"TypeError: {owner}.string_types[23] must be a typecaster, as new_type() makes them,"
                        f" not {wrong!r}")
            assert raised(cursor.execute, "SELECT 'a', 1") == expected
            assert raised(cursor.fetchone).startswith("ProgrammingError")
            assert cursor.rowcount == -1 and cursor.description is None
            assert raised(cursor.cast, 23, "1") == expected
        holder.string_types.pop(23)
        if kept is not None:
            holder.string_types[23] = kept
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
        if holder is not extensions:
            holder.binary_types[23] = "b"
            assert "binary_types[23]" in raised(binary_result, connection, cursor)
            holder.binary_types.clear()
    for name in ("string_types", "binary_types"):
        for wrong in (5, "x", [], object()):
            error = raised(setattr, cursor, name, wrong)
            assert error == f"TypeError: {name} must be a dict of typecasters by OID, or None, not {wrong!r}"
        setattr(cursor, name, collections.OrderedDict())
        delattr(cursor, name)
        assert getattr(cursor, name) is None
    extensions.register_type(psycopg2.STRING, cursor)
    assert psycopg2.STRING in cursor.string_types.values()


def binary_result(connection, cursor):
    """Fetches a column in binary format, through a cursor declared in SQL."""
    with connection.cursor() as own:
        own.execute("DECLARE b BINARY CURSOR FOR SELECT 1")
    try:
        cursor.execute("FETCH b")
    finally:
        connection.rollback()


@case
def a_finalizer_uses_the_cursor_whose_rows_are_made(connection):
    cursor = connection.cursor()
    seen = []

    class Garbage:
        def __init__(self, use):
            self.cycle, self.use = self, use

        def __del__(self):
            try:
                self.use()
                seen.append("done")
            except psycopg2.Error as error:
                seen.append(type(error).__name__)
            churn()

    for use in (lambda: cursor.execute("SELECT 'other', 'row'"), cursor.close, lambda: cursor.__init__(connection)):
        for fetch in (cursor.fetchall, lambda: cursor.fetchmany(3), lambda: cursor.description):
            cursor.__init__(connection)
            cursor.execute("SELECT i, repeat('x', 100) FROM generate_series(1, 3) i")
            before = gc.get_threshold()
            Garbage(use)
            gc.set_threshold(1)
            try:
                result = fetch()
            finally:
                gc.set_threshold(*before)
            if isinstance(result, list):
                assert result in ([], [(i, "x" * 100) for i in (1, 2, 3)]), result
            gc.collect()
    assert seen


@case
def a_typecaster_ends_with_the_result_and_uses_the_cursor(connection):
    cursor = connection.cursor()
    seen = []

    class Cast:
        def __call__(self, value, cursor):
            return value

        def __del__(self):
            seen.append(raised(cursor.execute, "SELECT 'from the finalizer'"))

    cursor.string_types = {23: extensions.new_type((23,), "CAST", Cast())}
    cursor.execute("SELECT 1")
    cursor.string_types = None
    cursor.execute("SELECT 2, 'second'")
    assert cursor.fetchall() == [(2, "second")] and cursor.rowcount == 1
    assert seen and "in use" in seen[0]


@case
def arrays_of_arrays_of_arrays_end(connection):
    caster = psycopg2.STRING
    for oid in range(1_000_000):
        caster = extensions.new_array_type((oid,), "DEEP", caster)
    del caster
    adapter = extensions.AsIs(1)
    for _ in range(1_000_000):
        adapter = extensions.AsIs(adapter)
    del adapter
    gc.collect()
