"""PostgreSQL values as Python objects, and typecasters that programs register."""

import datetime
from decimal import Decimal

import psycopg2
import pytest
from psycopg2 import extensions
from psycopg2.extensions import new_array_type, new_type, register_type


@pytest.fixture
def cursor(dsn):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET TIME ZONE 'UTC'")
    yield cursor
    connection.close()


def value(cursor, expression):
    cursor.execute(f"SELECT {expression}")
    return cursor.fetchone()[0]


UTC = datetime.timezone.utc


@pytest.mark.parametrize("expression, expected", [
    ("NULL::int", None), ("1::int2", 1), ("(-2147483648)::int4", -(2**31)), ("9223372036854775807::int8", 2**63 - 1),
    ("4000000000::oid", 4000000000), ("true", True), ("false", False),
    ("1.5::float4", 1.5), ("0.1::float8", 0.1), ("'1e308'::float8", 1e308), ("'5e-324'::float8", 5e-324),
    ("'Infinity'::float8", float("inf")), ("'-Infinity'::float8", float("-inf")),
    ("1.10::numeric", Decimal("1.10")), ("(10::numeric ^ 40)", Decimal(10) ** 40), ("'NaN'::numeric", Decimal("NaN")),
    ("''::text", ""), ("'x'::text", "x"), ("'é€'::varchar", "é€"), ("'ab '::char(4)", "ab  "), ("'n'::name", "n"),
    ("repeat('a', 100000)", "a" * 100000), ("'{}'::int[]", []), ("'{1,NULL,3}'::int[]", [1, None, 3]),
    ("'{{1,2},{3,4}}'::int8[]", [[1, 2], [3, 4]]), ("'[0:1]={1,2}'::int[]", [1, 2]),
    ("ARRAY['a,b', 'c\"d', 'e\\f', '', 'NULL', NULL, ' ', '{}']", ["a,b", 'c"d', "e\\f", "", "NULL", None, " ", "{}"]),
    ("ARRAY[1.5, 2]::numeric[]", [Decimal("1.5"), Decimal(2)]), ("ARRAY[true, false]", [True, False]),
    ("'2020-02-29'::date", datetime.date(2020, 2, 29)), ("'infinity'::date", datetime.date.max),
    ("'-infinity'::date", datetime.date.min), ("'13:14:15.5'::time", datetime.time(13, 14, 15, 500000)),
    ("'24:00:00'::time", datetime.time(0)),
    ("'13:14:15+01:30'::timetz",
     datetime.time(13, 14, 15, tzinfo=datetime.timezone(datetime.timedelta(minutes=90)))),
    ("'2020-01-02 03:04:05.000001'::timestamp", datetime.datetime(2020, 1, 2, 3, 4, 5, 1)),
    ("'infinity'::timestamp", datetime.datetime.max),
    ("'-infinity'::timestamptz", datetime.datetime.min.replace(tzinfo=UTC)),
    ("'2020-01-02 03:04:05+02'::timestamptz", datetime.datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC)),
    ("'1 day 02:03:04.000005'::interval", datetime.timedelta(1, 7384, 5)),
    ("'-1 day -00:00:01'::interval", datetime.timedelta(-1, -1)),
    ("'1 year 2 mons'::interval", datetime.timedelta(425)),
    ("'{\"a\": [1, null]}'::json", {"a": [1, None]}), ("'[1.5]'::jsonb", [1.5]), ("'127.0.0.1'::inet", "127.0.0.1"),
    ("ARRAY['a'::char(1)]", ["a"]), ("ARRAY['2020-01-01'::date]", [datetime.date(2020, 1, 1)]),
])
def test_values(cursor, expression, expected):
    got = value(cursor, expression)
    if isinstance(expected, Decimal) and expected.is_nan():
        assert got.is_nan()
    else:
        assert got == expected and type(got) is type(expected)


def test_bytea_is_a_memoryview(cursor):
    everything = bytes(range(256))
    for style in ("hex", "escape"):
        cursor.execute(f"SET bytea_output TO {style}")
        got = value(cursor, cursor.mogrify("%s", (everything,)).decode("latin1"))
        assert isinstance(got, memoryview) and bytes(got) == everything
    cursor.execute("SELECT %s", ([b"a", b"\0"],))
    assert list(map(bytes, cursor.fetchone()[0])) == [b"a", b"\0"]


@pytest.mark.parametrize("expression", ["'0044-03-15 BC'::date", "'10000-01-01'::date", "'0044-03-15 BC'::timestamp"])
def test_days_that_python_has_not_raise(cursor, expression):
    with pytest.raises(ValueError, match="out of range"):
        value(cursor, expression)
    assert value(cursor, "1") == 1


def test_seconds_in_offsets_and_summer_time(cursor):
    cursor.execute("SET TIME ZONE 'Europe/Dublin'")
    assert value(cursor, "'1900-01-01 00:00:00'::timestamptz").utcoffset() == datetime.timedelta(seconds=-1521)
    offsets = [value(cursor, f"'2020-0{month}-01 12:00'::timestamptz").utcoffset() for month in (1, 7)]
    assert offsets == [datetime.timedelta(0), datetime.timedelta(hours=1)]


def test_tzinfo_factory(cursor):
    cursor.tzinfo_factory = None
    assert value(cursor, "now()").tzinfo is None
    seen = []

    def factory(offset):
        seen.append(offset)
        return datetime.timezone(offset, "mine")

    cursor.tzinfo_factory = factory
    assert value(cursor, "now()").tzname() == "mine" and seen == [datetime.timedelta(0)]


def test_scopes_of_typecasters(cursor):
    connection = cursor.connection
    shout = new_type((25,), "SHOUT", lambda text, cursor: text and text.upper())
    register_type(shout, cursor)
    other = connection.cursor()
    assert (value(cursor, "'a'::text"), value(other, "'a'::text")) == ("A", "a")
    register_type(new_type((25,), "WRAP", lambda text, cursor: (text, cursor)), connection)
    assert value(other, "'a'::text") == ("a", other)
    assert value(cursor, "'a'::text") == "A"
    assert value(other, "NULL::text") == (None, other)


def test_array_of_a_programs_type(cursor):
    element = new_type((23,), "NEGATIVE", lambda text, cursor: None if text is None else -int(text))
    register_type(new_array_type((1007,), "NEGATIVE[]", element), cursor)
    assert value(cursor, "'{1,NULL,{2}}'".replace(",{2}", ",2") + "::int[]") == [-1, None, -2]


def test_a_typecaster_that_raises(cursor):
    def bad(text, cursor):
        raise ZeroDivisionError(text)

    register_type(new_type((23,), "BAD", bad), cursor)
    cursor.execute("SELECT 'a'::text, 1")
    with pytest.raises(ZeroDivisionError):
        cursor.fetchall()


def test_a_typecaster_cannot_pull_the_result_from_under_itself(cursor):
    def greedy(text, cursor):
        cursor.execute("SELECT 1")

    register_type(new_type((25,), "GREEDY", greedy), cursor)
    cursor.execute("SELECT 'a'::text FROM generate_series(1, 3)")
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.fetchall()


def test_type_objects_compare_to_oids(cursor):
    cursor.execute("SELECT 1, 'a'::text, now(), '\\x'::bytea, 1::oid")
    codes = [column.type_code for column in cursor.description]
    for code, kind in zip(codes, (psycopg2.NUMBER, psycopg2.STRING, extensions.PYDATETIMETZ, psycopg2.BINARY,
                                  psycopg2.ROWID)):
        assert code == kind and kind == code and code != psycopg2.DATETIME
    assert psycopg2.STRING == extensions.UNICODE
    assert extensions.INTEGER("12", None) == 12 and extensions.INTEGER(None, None) is None


@pytest.mark.parametrize("encoding", ["LATIN1", "SJIS", "GBK", "UTF8"])
def test_decoding_in_other_encodings(cursor, encoding):
    text = {"LATIN1": "é", "SJIS": "表", "GBK": "中", "UTF8": "\U0001F426"}[encoding]
    cursor.connection.set_client_encoding(encoding)
    cursor.execute("SELECT %s AS \"" + text.encode().decode() + "\", %s", (text, [text, "a\\b"]))
    assert cursor.fetchone() == (text, [text, "a\\b"])
    assert cursor.description[0].name == text


def test_the_encoding_is_followed_when_sql_changes_it(cursor):
    cursor.execute("SET client_encoding TO LATIN1")
    assert cursor.connection.encoding == "LATIN1"
    assert value(cursor, "'é'") == "é"


@pytest.mark.parametrize("name", ["string_types", "binary_types"])
def test_a_finalizer_reads_the_new_typecasters(cursor, name):
    """The old dict is freed after the new one is in its place, because its finalizers may read the attribute."""
    seen = []

    class Key:
        def __del__(self):
            seen.append(getattr(cursor, name))

    new = {}
    setattr(cursor, name, {Key(): None})
    setattr(cursor, name, new)
    assert seen == [new] and seen[0] is new
    setattr(cursor, name, {Key(): None})
    delattr(cursor, name)
    assert seen[1] is None
