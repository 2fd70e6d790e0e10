"""Any value survives the round trip to the server, and none breaks out of its quotes."""

import datetime
import math

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import Json

some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def cursor(three_nodes):
    connection = psycopg2.connect(three_nodes.dsn(1))
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


def there_and_back(cursor, value, cast=""):
    cursor.execute(f"SELECT %s{cast}", (value,))
    return cursor.fetchone()[0]


texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
quotes = st.text("'\\\"%;-$()E {}, \n")


@some
@given(value=st.one_of(texts, quotes))
def test_text(cursor, value):
    assert there_and_back(cursor, value) == value
    cursor.execute("SELECT %(a)s || %(a)s, %(b)s", {"a": value, "b": 5})
    assert cursor.fetchone() == (value + value, 5)


@some
@given(value=quotes, data=st.data(),
       codec=st.sampled_from(["LATIN1", "SJIS", "BIG5", "GBK", "UHC", "GB18030", "EUC_KR"]))
def test_text_in_other_encodings(three_nodes, value, codec, data):
    connection = connections(three_nodes, codec)
    python = psycopg2.extensions.encodings[codec]
    letters = "é" if codec == "LATIN1" else "表功誠한中"
    known = [letter for letter in letters if encodes(letter, python)]
    value += data.draw(st.text(known + list("'\\")))
    with connection.cursor() as cursor:
        for setting in ("on", "off"):
            cursor.execute(f"SET standard_conforming_strings TO {setting}")
            assert there_and_back(cursor, value) == value


def encodes(letter, codec):
    try:
        letter.encode(codec)
        return True
    except UnicodeEncodeError:
        return False


opened = {}


@pytest.fixture(scope="module", autouse=True)
def closing():
    yield
    while opened:
        opened.popitem()[1].close()


def connections(nodes, encoding):
    if encoding not in opened:
        opened[encoding] = psycopg2.connect(nodes.dsn(1))
        opened[encoding].set_client_encoding(encoding)
        opened[encoding].autocommit = True
    return opened[encoding]


@some
@given(value=st.binary())
def test_bytes(cursor, value):
    assert bytes(there_and_back(cursor, value)) == value


@some
@given(value=st.integers(-(2**80), 2**80))
def test_integers(cursor, value):
    assert there_and_back(cursor, value, "::numeric") == value
    assert there_and_back(cursor, f"{value}", "::numeric") == value


@some
@given(value=st.floats())
def test_floats(cursor, value):
    got = there_and_back(cursor, value, "::float8")
    assert (math.isnan(got) and math.isnan(value)) or (got == value)


@some
@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12))
def test_decimals(cursor, value):
    assert there_and_back(cursor, value, "::numeric") == value


offsets = st.timedeltas(datetime.timedelta(hours=-14), datetime.timedelta(hours=14)).map(
    lambda delta: datetime.timezone(datetime.timedelta(seconds=round(delta.total_seconds()) // 60 * 60)))


@some
@given(date=st.dates(), time=st.times(), naive=st.datetimes(),
       aware=st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1), timezones=offsets),
       delta=st.timedeltas(datetime.timedelta(-10**6), datetime.timedelta(10**6)))
def test_dates(cursor, date, time, naive, aware, delta):
    cursor.execute("SELECT %s, %s, %s, %s, %s", (date, time, naive, aware, delta))
    assert cursor.fetchone() == (date, time, naive, aware, delta)


def arrays(element, cast):
    """Arrays of one to three dimensions, as PostgreSQL has them: all rows of a dimension have the same length."""
    def of(shape):
        return st.lists(of(shape[1:]), min_size=shape[0], max_size=shape[0]) if shape else st.none() | element
    return st.tuples(st.lists(st.integers(1, 3), min_size=1, max_size=3).flatmap(of), st.just(cast))


@some
@given(value=st.one_of(arrays(st.integers(-(2**31), 2**31 - 1), "::int[]"), arrays(texts | quotes, "::text[]"),
                       arrays(st.booleans(), "::bool[]"), arrays(st.dates(), "::date[]")))
def test_arrays(cursor, value):
    value, cast = value
    assert there_and_back(cursor, value, cast) == value


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=10)


@some
@given(value=json)
def test_json(cursor, value):
    assert there_and_back(cursor, Json(value), "::json") == value
