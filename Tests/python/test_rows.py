"""The rows of large results: fetched at once they are moved out of libpq's memory, and equal those of small ones."""

import ctypes
import ctypes.util
import datetime
import random
import subprocess
import sys
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest

# More than 8 MiB, from which on a result is large.
COUNT = 60_000
PLAIN = """
    SELECT i AS number, CASE WHEN i % 7 > 0 THEN 'the text of row ' || i END AS text, i / 8.0::float8 AS float,
           timestamptz '2024-01-01 00:00:00+00' + i * interval '61.000123 s' AS moment,
           (i * 12.345)::numeric(12, 3) AS numeric, nullif(i % 3, 1) = 0 AS bool, date '2000-01-01' + i AS day,
           '' AS empty
    FROM generate_series(1, {count}) AS i ORDER BY i
"""
QUERIES = {
    "plain": PLAIN,
    "array": "SELECT i AS number, ARRAY[i, NULL, i + 1], repeat('x', 100) FROM generate_series(1, {count}) AS i",
    "bytea": "SELECT i AS number, decode(repeat(md5(i::text), 4), 'hex') FROM generate_series(1, {count}) AS i",
    "jsonb": "SELECT i AS number, jsonb_build_object('id', i), repeat('x', 100) FROM generate_series(1, {count}) AS i",
    "large cells": "SELECT i, repeat('é', CASE i % 3000 WHEN 0 THEN 300000 WHEN 1 THEN 100 ELSE i % 70 END), "
                   "repeat('x', CASE i % 7000 WHEN 0 THEN 700000 ELSE 100 END) FROM generate_series(1, {count}) AS i",
}


@pytest.fixture
def connection(dsn):
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute("SET timezone = 'Asia/Tokyo'")
    yield connection
    connection.close()


def by_few(connection, query, count=COUNT, known={}):
    """The rows, fetched a few at a time, which leaves them in libpq's memory."""
    statement = query.format(count=count)
    if statement not in known:
        cursor = connection.cursor()
        cursor.execute(statement)
        rows = known[statement] = []
        while few := cursor.fetchmany(700):
            rows += comparable(few)
    return known[statement]


def comparable(rows):
    return [tuple(bytes(item) if isinstance(item, memoryview) else item for item in row) for row in rows]


class Libpq:
    """Uses `pgresult_ptr` as a program may."""

    def __init__(self):
        self.library = ctypes.CDLL(ctypes.util.find_library("pq"))
        self.library.PQcmdStatus.restype = self.library.PQgetvalue.restype = ctypes.c_char_p

    def __getattr__(self, name):
        function = getattr(self.library, name)
        return lambda result, *numbers: function(ctypes.c_void_p(result), *numbers)


def is_packed(cursor):
    """Whether libpq's rows are freed. The question changes the behaviour of later fetches."""
    return Libpq().PQntuples(cursor.pgresult_ptr) == 0


@pytest.mark.parametrize("kind", QUERIES)
def test_scrolling_back(connection, kind):
    expected = by_few(connection, QUERIES[kind])
    cursor = connection.cursor()
    cursor.execute(QUERIES[kind].format(count=COUNT))
    for _ in range(2):
        assert comparable(cursor.fetchall()) == expected
        assert cursor.rownumber == cursor.rowcount == COUNT and cursor.fetchone() is None and cursor.fetchall() == []
        for position in [0, COUNT - 1, *random.Random(5).sample(range(COUNT), 20)]:
            cursor.scroll(position, "absolute")
            assert comparable([cursor.fetchone()]) == expected[position:position + 1]
            assert comparable(cursor.fetchmany(3)) == expected[position + 1:position + 4]
        cursor.scroll(0, "absolute")
        assert comparable(cursor) == expected
        cursor.scroll(100, "absolute")
        cursor.scroll(-50)
        assert comparable(cursor.fetchall()) == expected[50:]
        cursor.scroll(0, "absolute")
    assert is_packed(cursor)


@pytest.mark.parametrize("start", [1, 5, 20_000])
def test_some_rows_first(connection, start):
    expected = by_few(connection, PLAIN)
    cursor = connection.cursor()
    cursor.execute(PLAIN.format(count=COUNT))
    assert [cursor.fetchone() for _ in range(start)] == expected[:start]
    assert cursor.fetchmany(COUNT) == expected[start:]
    for position in (0, start - 1, start, start + 1):
        cursor.scroll(position, "absolute")
        assert cursor.fetchmany(5) == expected[position:position + 5]
    cursor.scroll(0, "absolute")
    assert cursor.fetchall() == expected
    assert is_packed(cursor)


def test_the_list_is_the_programs(connection):
    expected = by_few(connection, PLAIN)
    cursor = connection.cursor()
    cursor.execute(PLAIN.format(count=COUNT))
    rows = cursor.fetchall()
    rows.reverse()
    rows[10:] = []
    del rows
    cursor.scroll(0, "absolute")
    assert cursor.fetchall() == expected


def test_small_results_stay(connection):
    cursor = connection.cursor()
    cursor.execute(PLAIN.format(count=2000))
    assert cursor.fetchall() == by_few(connection, PLAIN, 2000)
    assert not is_packed(cursor)


def test_what_is_told_of_the_result(connection):
    cursor = connection.cursor()
    cursor.execute(PLAIN.format(count=COUNT))
    before = cursor.description, cursor.rowcount, cursor.statusmessage, cursor.lastrowid, cursor.query
    cursor.execute(PLAIN.format(count=COUNT))
    cursor.fetchall()
    assert (cursor.description, cursor.rowcount, cursor.statusmessage, cursor.lastrowid, cursor.query) == before
    assert [column.name for column in cursor.description][:2] == ["number", "text"]
    assert cursor.description[4].precision == 12
    libpq, result = Libpq(), cursor.pgresult_ptr
    assert libpq.PQcmdStatus(result) == f"SELECT {COUNT}".encode()
    assert libpq.PQntuples(result) == 0 and libpq.PQnfields(result) == 8
    assert cursor.pgresult_ptr == result
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)] and not is_packed(cursor)


def test_a_result_whose_address_is_known_stays(connection):
    libpq, cursor = Libpq(), connection.cursor()
    cursor.execute(PLAIN.format(count=COUNT))
    result = cursor.pgresult_ptr
    rows = cursor.fetchall()
    assert cursor.pgresult_ptr == result and libpq.PQntuples(result) == COUNT
    assert libpq.PQgetvalue(result, COUNT - 1, 0) == str(rows[-1][0]).encode()
    # The next result is another.
    cursor.execute(PLAIN.format(count=COUNT))
    assert cursor.fetchall() == rows and is_packed(cursor)


class Zone(datetime.tzinfo):
    def __init__(self, offset=None):
        self.offset = offset

    def utcoffset(self, _):
        return self.offset

    def __eq__(self, other):
        return isinstance(other, Zone) and self.offset == other.offset

    __hash__ = None


@pytest.mark.parametrize("later", [None, Zone])
@pytest.mark.parametrize("first", [None, Zone, datetime.timezone])
def test_time_zones_are_those_of_the_fetch(connection, first, later):
    cursor = connection.cursor()
    cursor.execute(PLAIN.format(count=COUNT))
    cursor.tzinfo_factory = first
    earlier = cursor.fetchall()
    cursor.tzinfo_factory = later
    small = connection.cursor()
    small.tzinfo_factory = later
    small.execute(PLAIN.format(count=500))
    expected = small.fetchall()
    cursor.scroll(0, "absolute")
    rows = cursor.fetchmany(500)
    assert rows == expected and rows[0][3].tzinfo == expected[0][3].tzinfo
    assert type(earlier[0][3].tzinfo) is (type(None) if first is None else first)
    cursor.tzinfo_factory = first
    cursor.scroll(0, "absolute")
    assert cursor.fetchall() == earlier


def test_row_factories(connection):
    expected = by_few(connection, PLAIN)
    cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
    cursor.execute(PLAIN.format(count=COUNT))
    for _ in range(2):
        rows = cursor.fetchall()
        assert [tuple(row.values()) for row in rows] == expected and list(rows[0])[:2] == ["number", "text"]
        cursor.scroll(0, "absolute")
    cursor = connection.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor)
    cursor.execute(PLAIN.format(count=COUNT))
    assert cursor.fetchall()[-1].number == COUNT
    # Set after the tuples were fetched.

    class Row(list):
        def __init__(self, cursor):
            super().__init__([None] * len(cursor.description))

    cursor = connection.cursor()
    cursor.execute(PLAIN.format(count=COUNT))
    cursor.fetchall()
    for factory in (None, datetime.timezone):
        cursor.scroll(0, "absolute")
        cursor.row_factory, cursor.tzinfo_factory = Row, factory
        rows = cursor.fetchall()
        assert type(rows[0]) is Row
        assert [tuple(row[:3]) for row in rows] == [row[:3] for row in expected]
        assert [row[3].tzinfo is None for row in rows] == [factory is None] * COUNT


def test_a_cell_that_python_cannot_hold(connection):
    """The row that fails is skipped; a scroll can go back to those before it."""
    query = """SELECT i, repeat('x', 100) || i, CASE i WHEN 40000 THEN date '12000-01-01' ELSE date '2000-01-01' END
               FROM generate_series(1, {count}) AS i"""
    cursor = connection.cursor()
    cursor.execute(query.format(count=COUNT))
    with pytest.raises(ValueError):
        cursor.fetchall()
    assert cursor.rownumber == 40_000
    assert [row[0] for row in cursor.fetchall()] == list(range(40_001, COUNT + 1))
    cursor.scroll(0, "absolute")
    assert [row[0] for row in cursor.fetchmany(39_999)] == list(range(1, 40_000))
    with pytest.raises(ValueError):
        cursor.fetchone()
    assert cursor.fetchone()[0] == 40_001
    cursor.scroll(0, "absolute")
    with pytest.raises(ValueError):
        cursor.fetchall()
    assert cursor.rownumber == 40_000
    cursor.scroll(39_000, "absolute")
    assert cursor.fetchone()[0] == 39_001
    assert is_packed(cursor)


def caster(cursor, make):
    psycopg2.extensions.register_type(psycopg2.extensions.new_type((23,), "MADE", make), cursor)


def test_typecasters_that_raise(connection):
    def make(text, _):
        if text == "30000":
            raise ZeroDivisionError
        return text

    cursor = connection.cursor()
    caster(cursor, make)
    cursor.execute(PLAIN.format(count=COUNT))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cursor.fetchall()
        assert cursor.rownumber == 30_000
        assert [row[0] for row in cursor.fetchall()] == [str(number) for number in range(30_001, COUNT + 1)]
        cursor.scroll(0, "absolute")
    assert cursor.fetchone()[0] == "1" and is_packed(cursor)


def test_typecasters_that_use_the_cursor(connection):
    seen = []

    def make(text, cursor):
        if text == "1000":
            seen.append(cursor.fetchone()[0])
            cursor.scroll(30_000, "absolute")
            seen.append(len(cursor.fetchall()))
            for forbidden in (lambda: cursor.execute("SELECT 1"), cursor.close):
                with pytest.raises(psycopg2.ProgrammingError):
                    forbidden()
        return int(text)

    cursor = connection.cursor()
    caster(cursor, make)
    cursor.execute(PLAIN.format(count=COUNT))
    assert [row[0] for row in cursor.fetchall()] == list(range(1, COUNT + 1))
    assert seen == [1001, COUNT - 30_000]


def test_named_cursors(connection):
    expected = by_few(connection, PLAIN)
    cursor = connection.cursor("server", scrollable=True)
    cursor.execute(PLAIN.format(count=COUNT))
    assert cursor.fetchone() == expected[0]
    assert cursor.fetchall() == expected[1:]
    cursor.scroll(0, "absolute")
    assert cursor.fetchmany(COUNT) == expected
    cursor.scroll(0, "absolute")
    cursor.itersize = COUNT
    assert list(cursor) == expected


def test_a_shared_cursor(connection):
    """Threads that use one cursor at once each get rows or an exception, and none reads freed memory."""
    cursor = connection.cursor()
    expected = set(by_few(connection, PLAIN))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    surprises = []

    def work(number):
        chance = random.Random(number)
        for _ in range(4):
            try:
                rows = cursor.fetchall()
                if not expected.issuperset(rows):
                    surprises.append("other rows")
                cursor.scroll(chance.randrange(COUNT), "absolute")
                if cursor.fetchone() not in expected | {None}:
                    surprises.append("another row")
                if number == 0:
                    cursor.execute(PLAIN.format(count=COUNT))
            except psycopg2.ProgrammingError:
                pass
            except BaseException as error:
                surprises.append(error)

    try:
        cursor.execute(PLAIN.format(count=COUNT))
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not surprises


MEMORY = """
import gc, psycopg2, sys
def peak():
    # Not getrusage(), whose peak a process inherits from the one that started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
cursor = psycopg2.connect(sys.argv[1]).cursor()
gc.collect()
before = peak()
cursor.execute(sys.argv[2])
executed = peak()
rows = cursor.fetchall()
fetched = peak()
del rows
cursor.scroll(0, "absolute")
rows = cursor.fetchall()
again = peak()
del rows
cursor.execute(sys.argv[2])
cursor.fetchall()
print(executed - before, fetched - before, again - before, peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux tells it")
def test_memory(dsn):
    """At the peak there is little memory in use besides the objects of the rows."""
    count = 200_000
    program = [sys.executable, "-c", MEMORY, dsn, PLAIN.format(count=count)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    result, fetched, again, twice = (int(number) / count for number in done.stdout.split())
    row = (7, "the text of row 123456", 1.5, datetime.datetime.now(datetime.timezone.utc), None, True, None, "")
    # On some Pythons a Decimal is larger than sys.getsizeof() says.
    objects = 8 + sys.getsizeof(row) + 16 + sum(map(sys.getsizeof, row[:4])) + 104 + 32
    assert fetched < objects + result / 2
    # The same rows are fetched again, and the first result is freed before the second arrives.
    assert again < fetched * 1.1
    assert twice < fetched * 1.3


REPEATING = """
    SELECT i, 'state ' || i % 5, date '2020-01-01' + i / 1000, (i % 50 * 1.25)::numeric(10, 2), 'EUR' AS currency,
           timestamp '2024-01-01 00:00:00.000001' + i / 900 * interval '1.5 s', nullif(i % 3, 0) = 1,
           repeat('é', i % 40), ''::text, CASE i % 4 WHEN 0 THEN 'NaN' ELSE '1e400' END::numeric
    FROM generate_series(1, {count}) AS i ORDER BY i
"""


@pytest.mark.parametrize("count", [499, 500, 3000, COUNT])
def test_values_that_repeat(connection, count):
    """An object that a fetch makes once for many cells equals the one that it would make for each."""
    cursor = connection.cursor()
    cursor.execute(REPEATING.format(count=count))
    rows, expected = cursor.fetchall(), by_few(connection, REPEATING, count)
    assert repr(rows) == repr(expected)
    singly = connection.cursor()
    singly.execute(REPEATING.format(count=count))
    assert repr(list(singly)) == repr(rows)


@pytest.mark.parametrize("expression", [
    "i", "i % 5", "'a' || i % 3", "i % 2 = 0", "nullif(i % 3, 1)", "CASE WHEN i < 2000 THEN i % 2 ELSE i END",
    "CASE WHEN i < 2000 THEN i ELSE i % 2 END", "repeat('x', i % 70)",
    "timestamptz '2024-01-01' + i % 3 * interval '1 h'", "chr(1 + i % 250)", "ARRAY[i % 2]",
    "decode(repeat('00', i % 3), 'hex')", "10 ^ (i % 30)::numeric",
])
def test_one_column(connection, expression):
    query = f"SELECT {expression} FROM generate_series(1, {{count}}) AS i ORDER BY i"
    cursor = connection.cursor()
    cursor.execute(query.format(count=5000))
    rows = comparable(cursor.fetchall())
    cursor.scroll(0, "absolute")
    assert repr(rows) == repr(comparable(list(cursor)))
    cursor.scroll(0, "absolute")
    cursor.tzinfo_factory = None
    assert [[str(item)[:19] for item in row] for row in comparable(cursor.fetchmany(5000))] == [
        [str(item)[:19] for item in row] for row in rows]


def test_lists_that_repeat_are_apart(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT ARRAY[1], '{}'::jsonb FROM generate_series(1, 2000)")
    rows = cursor.fetchall()
    rows[0][0].append(2)
    rows[0][1]["changed"] = True
    assert all(row == ([1], {}) for row in rows[1:])
