"""Every caster with empty, smallest and largest values, in every position of a row and of a fetch.

The expected values are those of psycopg2, except where it reads the server's text wrongly.
"""

import datetime
import decimal
import math
import uuid
from datetime import date, time, timedelta, timezone

import psycopg2
import psycopg2.extras
import pytest
from psycopg2.extras import Inet, NumericRange

NAN, INFINITY, D = float("nan"), float("inf"), decimal.Decimal
UTC = timezone.utc
BYTES = bytes(range(256))


def moment(*fields, offset=0):
    """A timestamptz; the session's zone is UTC."""
    return datetime.datetime(*fields, tzinfo=timezone(timedelta(seconds=offset)))


def offset(*fields, **delta):
    return time(*fields, tzinfo=timezone(timedelta(**delta)))


def hexadecimal(value):
    return f"'\\x{value.hex()}'::bytea"


# A caster's values: all of one type, so that a column can hold them in any order.
CASTERS = {
    "bytea": [(hexadecimal(value), value) for value in (
        b"", b"a", b"", b"\0", b"\\x", b"\\", BYTES, BYTES + b"!", b"", bytes(2047), bytes(2048), bytes(2049), b"'")],
    "int2": [("(-32768)::int2", -32768), ("32767::int2", 32767), ("0::int2", 0)],
    "int4": [("(-2147483648)::int4", -(2**31)), ("2147483647", 2**31 - 1), ("0", 0), ("-1", -1)],
    "int8": [("(-9223372036854775808)::int8", -(2**63)), ("9223372036854775807", 2**63 - 1), ("0::int8", 0),
             ("99999999::int8", 99999999), ("1000000000000000::int8", 10**15)],
    "oid": [("0::oid", 0), ("4294967295::oid", 2**32 - 1)],
    "xid8": [("'0'::xid8", "0"), ("'18446744073709551615'::xid8", str(2**64 - 1))],
    "pg_lsn": [("'0/0'::pg_lsn", "0/0"), ("'FFFFFFFF/FFFFFFFF'::pg_lsn", "FFFFFFFF/FFFFFFFF")],
    "float4": [("'NaN'::float4", NAN), ("'Infinity'::float4", INFINITY), ("'-Infinity'::float4", -INFINITY),
               ("'-0'::float4", -0.0), ("0::float4", 0.0), ("'1e-45'::float4", 1e-45),
               ("'3.4028235e38'::float4", 3.4028235e38), ("'1.1754944e-38'::float4", 1.1754944e-38)],
    "float8": [("'NaN'::float8", NAN), ("'Infinity'::float8", INFINITY), ("'-Infinity'::float8", -INFINITY),
               ("'-0'::float8", -0.0), ("0::float8", 0.0), ("'5e-324'::float8", 5e-324),
               ("'1.7976931348623157e308'::float8", 1.7976931348623157e308),
               ("'2.225073858507201e-308'::float8", 2.225073858507201e-308), ("1e15::float8", 1e15),
               ("'9007199254740993'::float8", 2.0**53)],
    "numeric": [("'NaN'::numeric", D("NaN")), ("'Infinity'::numeric", D("Infinity")),
                ("'-Infinity'::numeric", D("-Infinity")), ("0::numeric", D(0)), ("'0.00'::numeric", D("0.00")),
                ("'-0.0'::numeric", D("0.0")), ("'1e-20'::numeric", D("1E-20")),
                ("18446744073709551616::numeric", D(2**64)),
                ("(-99999999999999999999.99)::numeric", D("-99999999999999999999.99")),
                ("repeat('9', 76)::numeric", D("9" * 76)), ("repeat('9', 77)::numeric", D("9" * 77))],
    "huge numeric": [("'0e-16383'::numeric", D("0E-16383")), ("'1e-16383'::numeric", D("1E-16383")),
                     ("'1e131071'::numeric", D("1" + "0" * 131071)),
                     ("('-' || repeat('9', 131072))::numeric", D("-" + "9" * 131072)),
                     ("('0.' || repeat('9', 16383))::numeric", D("0." + "9" * 16383))],
    "bool": [("true", True), ("false", False)],
    "text": [("''::text", ""), ("'a'::text", "a"), ("' '::text", " "), ("''::text", ""),
             ("e'\\n\\r\\t\\\\'::text", "\n\r\t\\"),
             ("chr(127)", "\x7f"), ("chr(128)", "\x80"), ("chr(2047)", "\u07ff"), ("chr(2048)", "\u0800"),
             ("chr(65535)", "\uffff"), ("chr(65536)", "\U00010000"), ("chr(1114111)", "\U0010ffff"),
             ("'e' || chr(769)", "e\u0301")],
    "huge text": [("repeat('x', 4000000)", "x" * 4000000), ("''::text", ""),
                  ("repeat(chr(128512), 1000000)", "\U0001f600" * 1000000)],
    "huge bytea": [("decode(repeat('00', 3000000), 'hex')", bytes(3000000)), ("''::bytea", b""),
                   ("decode(repeat('5c78', 1000000), 'hex')", b"\\x" * 1000000)],
    "varchar": [("''::varchar", ""), ("'\u00e9'::varchar", "\u00e9")],
    "char": [("'ab'::char(4)", "ab  "), ("''::char(4)", "    ")],
    '"char"': [("''::\"char\"", ""), ("'a'::\"char\"", "a")],
    "name": [("''::name", ""), ("repeat('n', 63)::name", "n" * 63)],
    "date": [("'infinity'::date", date.max), ("'-infinity'::date", date.min), ("'0001-01-01'::date", date.min),
             ("'9999-12-31'::date", date.max), ("'2000-02-29'::date", date(2000, 2, 29))],
    "time": [("'00:00:00'::time", time(0)), ("'24:00:00'::time", time(0)), ("'23:59:59.999999'::time", time.max),
             ("'00:00:00.000001'::time", time(microsecond=1)), ("'12:00:00.5'::time", time(12, microsecond=500000))],
    "timetz": [("'00:00:00+15:59:59'::timetz", offset(0, hours=15, minutes=59, seconds=59)),
               ("'24:00:00-15:59:59'::timetz", offset(0, hours=-15, minutes=-59, seconds=-59)),
               ("'23:59:59.999999-00'::timetz", offset(23, 59, 59, 999999)),
               ("'12:00:00.5+05:30'::timetz", offset(12, 0, 0, 500000, hours=5, minutes=30))],
    "timestamp": [("'infinity'::timestamp", datetime.datetime.max), ("'-infinity'::timestamp", datetime.datetime.min),
                  ("'0001-01-01'::timestamp", datetime.datetime.min),
                  ("'9999-12-31 23:59:59.999999'::timestamp", datetime.datetime.max),
                  ("'2000-01-01 00:00:00.000001'::timestamp", datetime.datetime(2000, 1, 1, 0, 0, 0, 1)),
                  ("'2000-01-01 00:00:00.1'::timestamp", datetime.datetime(2000, 1, 1, 0, 0, 0, 100000))],
    "timestamptz": [("'infinity'::timestamptz", datetime.datetime.max.replace(tzinfo=UTC)),
                    ("'-infinity'::timestamptz", datetime.datetime.min.replace(tzinfo=UTC)),
                    ("'0001-01-01 00:00:00+00'::timestamptz", moment(1, 1, 1)),
                    ("'9999-12-31 23:59:59.999999+00'::timestamptz", moment(9999, 12, 31, 23, 59, 59, 999999)),
                    ("'1900-01-01 05:53:28+05:53:28'::timestamptz", moment(1900, 1, 1))],
    "interval": [("'0'::interval", timedelta(0)), ("'1 us'::interval", timedelta.resolution),
                 ("'-1 us'::interval", -timedelta.resolution), ("'999999999 days'::interval", timedelta(999999999)),
                 ("'-999999999 days'::interval", timedelta.min),
                 ("'1 year 2 mons 3 days 04:05:06.789'::interval", timedelta(428, 14706, 789000)),
                 ("'-1 mon +3 days -04:05:06.789'::interval", timedelta(-27, -14706, -789000)),
                 ("'-23 mons'::interval", timedelta(-695)), ("'-1 day -1 us'::interval", timedelta(-1, 0, -1)),
                 ("'2562047788:00:54.775807'::interval", timedelta(microseconds=2**63 - 1)),
                 ("'-2562047788:00:54.775807'::interval", timedelta(microseconds=-(2**63 - 1)))],
    "int4[]": [("'{}'::int[]", []), ("'{NULL}'::int[]", [None]), ("'{0}'::int[]", [0]),
               ("'{-2147483648,2147483647,NULL}'::int[]", [-(2**31), 2**31 - 1, None]),
               ("'{{1,2},{3,NULL}}'::int[]", [[1, 2], [3, None]]), ("'[0:1]={1,2}'::int[]", [1, 2]),
               ("'[-2147483648:-2147483647]={1,2}'::int[]", [1, 2]), ("'[2:2][3:4]={{1,2}}'::int[]", [[1, 2]]),
               ("array_fill(0, array[1,1,1,1,1,1])", [[[[[[0]]]]]])],
    "int8[]": [("'{-9223372036854775808,9223372036854775807}'::int8[]", [-(2**63), 2**63 - 1])],
    "text[]": [("'{\"\"}'::text[]", [""]), ("'{}'::text[]", []),
               ("ARRAY['', 'NULL', NULL, 'a\"b', 'a\\b', '{', '}', ',', ' x ', chr(128512)]",
                ["", "NULL", None, 'a"b', "a\\b", "{", "}", ",", " x ", "\U0001f600"]),
               ("'{{a,\"\"},{NULL,\"NULL\"}}'::text[]", [["a", ""], [None, "NULL"]])],
    "json": [("'{}'::json", {}), ("'\"\"'::json", ""), ("'[]'::json", []), ("'0'::json", 0)],
    "jsonb": [("'{}'::jsonb", {}), ("'\"\"'::jsonb", ""), ("'123456789012345678901'::jsonb", 123456789012345678901)],
    "uuid": [(f"'{uuid.UUID(int=0)}'::uuid", str(uuid.UUID(int=0))),
             (f"'{uuid.UUID(int=2**128 - 1)}'::uuid", str(uuid.UUID(int=2**128 - 1)))],
    "inet": [("'0.0.0.0/0'::inet", "0.0.0.0/0"), ("'::'::inet", "::"), ("'255.255.255.255'::inet", "255.255.255.255")],
    "int4range": [("'empty'::int4range", NumericRange(empty=True)),
                  ("'(,)'::int4range", NumericRange(None, None, "()")),
                  ("'[-2147483648,2147483647)'::int4range", NumericRange(-(2**31), 2**31 - 1))],
    "bit": [("B''", ""), ("repeat('10', 50)::varbit", "10" * 50)],
    "record": [("ROW()", "()"), ("ROW(NULL, '', 1)", '(,"",1)')],
    "money": [("0::money", "$0.00"), ("(-92233720368547758.08)::money", "-$92,233,720,368,547,758.08")],
}

HUGE = [name for name in CASTERS if name.startswith("huge")]
ORDINARY = [name for name in CASTERS if name not in HUGE]


def plain(value):
    """A value that can be compared, with its type: bytes for a memoryview, a word for NaN and for minus zero."""
    if isinstance(value, (memoryview, bytes)):
        return "bytea", bytes(value)
    if isinstance(value, list):
        return "list", [plain(item) for item in value]
    if isinstance(value, float):
        return "float", "nan" if math.isnan(value) else (value, math.copysign(1, value))
    if isinstance(value, decimal.Decimal):
        return "decimal", value.as_tuple()
    if isinstance(value, (datetime.datetime, time)):
        return type(value), value, value.utcoffset()
    return type(value), value


def column(values):
    """SQL that cycles through the expressions, with NULLs in between, and the values in their order."""
    expressions = [expression for expression, _ in values] + ["NULL"]
    cases = " ".join(f"WHEN {index} THEN {expression}" for index, expression in enumerate(expressions[:-1]))
    return f"CASE i % {len(expressions)} {cases} END", [plain(value) for _, value in values] + [plain(None)]


@pytest.fixture
def cursor(connection):
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'; SET lc_monetary TO 'C.UTF-8'")
    return cursor


@pytest.mark.parametrize("name, output", [
    *((name, "hex") for name in CASTERS), ("bytea", "escape"), ("huge bytea", "escape")])
def test_every_place_of_a_row(cursor, name, output):
    cursor.execute(f"SET bytea_output TO {output}")
    for expression, expected in CASTERS[name]:
        other, value = CASTERS[name][0]
        cursor.execute(f"SELECT {expression}, {expression}, NULL, {expression}, {other}, {expression}, 'x'")
        row = cursor.fetchone()
        wanted = [expected, expected, None, expected, value, expected, "x"]
        assert list(map(plain, row)) == list(map(plain, wanted)), expression


@pytest.mark.parametrize("name", CASTERS)
def test_every_row_of_a_fetch(cursor, name):
    sql, cycle = column(CASTERS[name])
    count = 2 * len(cycle) + 1
    query = f"SELECT {sql} FROM generate_series(0, {count - 1}) i"
    expected = [cycle[index % len(cycle)] for index in range(count)]

    def run():
        cursor.execute(query)
        return cursor

    def one_by_one():
        run()
        return [row for row in iter(cursor.fetchone, None)]

    def by_twos():
        run()
        return [row for rows in iter(lambda: cursor.fetchmany(2), []) for row in rows]

    def some_first():
        run()
        return [cursor.fetchone(), *cursor.fetchmany(2), *cursor]

    for fetch in (one_by_one, by_twos, some_first, lambda: run().fetchall(), lambda: list(run())):
        assert [plain(value) for value, in fetch()] == expected


@pytest.mark.parametrize("name", ORDINARY)
def test_many_rows(cursor, name):
    """Above 500 rows repeated objects are cached; above 10,000 rows and 8 MiB rows are copied from libpq's memory."""
    sql, cycle = column(CASTERS[name])
    for count, width, fetches in ((1200, 0, 1), (12_000, 900, 1), (12_000, 900, 2), (12_000, 0, 1)):
        cursor.execute(f"SELECT {sql}, repeat('x', {width}), {sql} FROM generate_series(0, {count - 1}) i")
        rows = cursor.fetchmany(count // 3) if fetches == 2 else []
        rows += cursor.fetchall()
        assert len(rows) == count
        for index, (first, filling, last) in enumerate(rows):
            expected = cycle[index % len(cycle)]
            assert plain(first) == expected and plain(last) == expected and len(filling) == width, index


@pytest.mark.parametrize("name", ORDINARY)
def test_one_column_of_many_rows(cursor, name):
    sql, cycle = column(CASTERS[name])
    cursor.execute(f"SELECT {sql} FROM generate_series(0, 1199) i")
    for index, (value,) in enumerate(cursor.fetchall()):
        assert plain(value) == cycle[index % len(cycle)], index


ARRAYS = [name for name in ORDINARY if not name.endswith("[]") and name not in (
    # PostgreSQL has no such arrays, or psycopg2 and Apus leave them as text.
    "xid8", "pg_lsn", "uuid", "int4range", "bit", "record", "money")]


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(cursor, name):
    expressions, values = zip(*CASTERS[name])
    everything = ", ".join(expressions)
    cursor.execute(
        f"SELECT ARRAY[{everything}], ARRAY[{expressions[0]}], ARRAY[{expressions[0]}, {expressions[0]}],"
        f" ARRAY[NULL, {everything}, NULL], ARRAY[ARRAY[{everything}], ARRAY[{everything}]],"
        f" (ARRAY[{everything}])[2:1], ARRAY[{everything}]")
    first = values[0]
    wanted = [list(values), [first], [first, first], [None, *values, None], [list(values)] * 2, [], list(values)]
    assert list(map(plain, cursor.fetchone())) == list(map(plain, wanted))
    cursor.execute(f"SELECT ARRAY[{everything}] FROM generate_series(1, 700)")
    assert all(plain(row[0]) == plain(list(values)) for row in cursor.fetchall())


@pytest.mark.parametrize("name", CASTERS)
def test_named_cursors(connection, cursor, name):
    sql, cycle = column(CASTERS[name])
    for itersize in (1, 2, 100):
        with connection.cursor("named") as named:
            named.itersize = itersize
            named.execute(f"SELECT {sql} FROM generate_series(0, {2 * len(cycle) - 1}) i")
            rows = [named.fetchone(), *named.fetchmany(2), *named]
        assert [plain(value) for value, in rows] == cycle * 2


@pytest.mark.parametrize("factory", [
    psycopg2.extras.DictCursor, psycopg2.extras.RealDictCursor, psycopg2.extras.NamedTupleCursor])
@pytest.mark.parametrize("name", ORDINARY)
def test_row_factories(connection, cursor, name, factory):
    sql, cycle = column(CASTERS[name])
    for count in (len(cycle), 1200):
        with connection.cursor(cursor_factory=factory) as rows:
            rows.execute(f"SELECT {sql} AS a, 'x' AS b, {sql} AS c FROM generate_series(0, {count - 1}) i")
            for index, row in enumerate(rows.fetchall()):
                a, b, c = row.values() if factory is psycopg2.extras.RealDictCursor else row
                assert (plain(a), b, plain(c)) == (cycle[index % len(cycle)], "x", cycle[index % len(cycle)])


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard"])
def test_interval_styles(cursor, style):
    cursor.execute(f"SET intervalstyle TO {style}")
    for expression, expected in CASTERS["interval"]:
        cursor.execute(f"SELECT {expression}, ARRAY[{expression}]")
        assert cursor.fetchone() == (expected, [expected]), expression


@pytest.mark.parametrize("expression, error", [
    ("'178000000 years'::interval", OverflowError), ("'-178000000 years'::interval", OverflowError),
    ("'2147483647 days'::interval", OverflowError), ("'-2147483648 days'::interval", OverflowError),
    ("'10000-01-01'::date", ValueError), ("'5874897-12-31'::date", ValueError), ("'4714-11-24 BC'::date", ValueError),
    ("'0001-12-31 BC'::date", ValueError), ("'10000-01-01'::timestamp", ValueError),
    ("'294276-12-31 23:59:59.999999'::timestamp", ValueError), ("'4714-11-24 BC'::timestamp", ValueError),
    ("'294276-12-31 23:59:59.999999+00'::timestamptz", ValueError),
])
def test_what_python_cannot_hold(cursor, expression, error):
    for query in (f"SELECT {expression}", f"SELECT NULL, {expression}", f"SELECT ARRAY[{expression}]",
                  f"SELECT {expression} FROM generate_series(1, 700)"):
        cursor.execute(query)
        with pytest.raises(error):
            cursor.fetchall()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("encoding, text", [
    ("LATIN1", "\x01\x7f\xa0\xff"), ("WIN1252", "\u20ac\u0178"), ("LATIN9", "\u20ac"), ("KOI8R", "\u0434"),
    ("EUC_JP", "\u3042\u7aef"), ("SJIS", "\u8868\\\u30bd"), ("BIG5", "\u529f\\"), ("GB18030", "\U0001f600\\\u4e00"),
    ("UHC", "\uac02"),
])
def test_encodings(connection, encoding, text):
    connection.set_client_encoding(encoding)
    cursor = connection.cursor()
    for value in ("", text, text[0], text * 1000):
        cursor.execute("SELECT %s::text, %s::text, NULL, ARRAY[%s, '', %s]", (value, value, value, value))
        assert cursor.fetchone() == (value, value, None, [value, "", value])
        cursor.execute("SELECT CASE i %% 3 WHEN 0 THEN %s WHEN 1 THEN '' END FROM generate_series(0, 1199) i", (value,))
        assert [row[0] for row in cursor.fetchall()] == [value, "", None] * 400


@pytest.mark.usefixtures("hstore_extension")
def test_hstore_and_inet(connection, cursor):
    psycopg2.extras.register_hstore(cursor)
    cursor.execute("""SELECT ''::hstore, 'a=>NULL'::hstore, '""=>""'::hstore, ''::hstore, NULL::hstore""")
    assert cursor.fetchone() == ({}, {"a": None}, {"": ""}, {}, None)
    psycopg2.extras.register_inet(conn_or_curs=connection)
    cursor.execute("SELECT '::'::inet, '0.0.0.0/0'::inet, NULL::inet")
    first, second, null = cursor.fetchone()
    assert isinstance(first, Inet) and (first.addr, second.addr, null) == ("::", "0.0.0.0/0", None)


def test_void_and_rows_without_columns(cursor):
    cursor.execute("SELECT pg_sleep(0), 1, pg_sleep(0)")
    assert cursor.fetchone() == ("", 1, "")
    cursor.execute("SELECT FROM generate_series(1, 3)")
    assert cursor.fetchall() == [()] * 3


def test_views_of_one_fetch_are_apart(cursor):
    """Short values share memory, but do not overlap, and each outlives the rest."""
    cursor.execute(
        "SELECT decode(repeat(lpad(to_hex(i % 256), 2, '0'), i % 300), 'hex') FROM generate_series(0, 2999) i")
    views = [row[0] for row in cursor.fetchall()]
    expected = [bytes([index % 256]) * (index % 300) for index in range(3000)]
    assert list(map(bytes, views)) == expected
    kept = views[7::11]
    del views
    cursor.execute("SELECT decode(repeat('ff', 200), 'hex') FROM generate_series(1, 3000)")
    other = cursor.fetchall()
    assert list(map(bytes, kept)) == expected[7::11] and all(bytes(row[0]) == b"\xff" * 200 for row in other)


def test_nothing_but_empty_bytes(cursor):
    """An empty second value was a DataError, because a buffer without room was mistaken for one with enough."""
    cursor.execute("SELECT ''::bytea, ''::bytea, ARRAY[''::bytea], ARRAY['a'::bytea, '']")
    assert list(map(plain, cursor.fetchone())) == list(map(plain, [b"", b"", [b""], [b"a", b""]]))
    for expression in ("'a'::bytea, ''::bytea", "ARRAY[''::bytea, '']", "ARRAY[NULL, ''::bytea]", "NULL, ''::bytea"):
        cursor.execute(f"SELECT {expression} FROM generate_series(1, 3)")
        rows = cursor.fetchall()
        assert len(rows) == 3 and len(set(map(str, (list(map(plain, row)) for row in rows)))) == 1


@pytest.mark.parametrize("text, expected", [
    ("\\x", b""), ("", b""), ("\\x00", b"\0"), ("\\\\", b"\\"), ("\\000", b"\0"), ("\\377", b"\xff"), ("a\\b", b"ab")])
def test_the_binary_typecaster(cursor, text, expected):
    assert bytes(psycopg2.BINARY(text, cursor)) == expected
