"""Python objects as SQL: literals, placeholders, and adapters that programs register."""

import datetime
import decimal
import enum
import uuid

import psycopg2
import pytest
from psycopg2 import extensions, extras
from psycopg2.extensions import AsIs, ISQLQuote, adapt, adapters, register_adapter


UTC = datetime.timezone.utc


@pytest.mark.parametrize("value, literal", [
    (None, "NULL"), (True, "true"), (False, "false"),
    (0, "0"), (-1, " -1"), (10**30, str(10**30)), (-(10**30), f" -{10**30}"), (2**63 - 1, str(2**63 - 1)),
    (1.5, "1.5"), (-2.5, " -2.5"), (1.0, "1.0"), (1e15, "1000000000000000.0"), (1e16, "1e+16"), (1e-5, "1e-05"),
    (0.0001, "0.0001"), (-0.0, " -0.0"), (1e300, "1e+300"), (123456789.125, "123456789.125"),
    (float("nan"), "'NaN'::float"), (float("inf"), "'Infinity'::float"), (float("-inf"), "'-Infinity'::float"),
    (decimal.Decimal("1.50"), "1.50"), (decimal.Decimal("-3"), " -3"), (decimal.Decimal("NaN"), "'NaN'::numeric"),
    (decimal.Decimal("1E+5"), "1E+5"),
    ("", "''"), ("a'b", "'a''b'"), ("a\\b", "'a\\b'"), ("é€", "'é€'"), ("\U0001F426", "'\U0001F426'"),
    (b"\x00\xff'\\", "'\\x00ff275c'::bytea"), (bytearray(b"xy"), "'\\x7879'::bytea"),
    (memoryview(b"ab"), "'\\x6162'::bytea"),
    (datetime.date(2020, 1, 2), "'2020-01-02'::date"), (datetime.date(33, 1, 2), "'0033-01-02'::date"),
    (datetime.time(1, 2, 3, 4), "'01:02:03.000004'::time"),
    (datetime.time(1, 2, 3, tzinfo=UTC), "'01:02:03+00:00'::timetz"),
    (datetime.datetime(2020, 1, 2, 3, 4, 5), "'2020-01-02T03:04:05'::timestamp"),
    (datetime.datetime(2020, 1, 2, tzinfo=UTC), "'2020-01-02T00:00:00+00:00'::timestamptz"),
    (datetime.timedelta(-1, 2, 3), "'-1 days 2.000003 seconds'::interval"),
    ([], "'{}'"), ([1, -2], "ARRAY[1, -2]"), ([None], "'{NULL}'"), (["a", None], "ARRAY['a',NULL]"),
    ([[1, 2], [3, 4]], "ARRAY[ARRAY[1,2],ARRAY[3,4]]"), ([[None]], "'{{NULL}}'"),
    ([[], [1]], "ARRAY[ARRAY[],ARRAY[1]]"),
    ((), "()"), ((1,), "(1)"), ((1, "a"), "(1, 'a')"), ([(1, 2)], "ARRAY[(1, 2)]"),
    (AsIs("now()"), "now()"), (extras.Json({"a": [1]}), "'{\"a\": [1]}'"),
])
def test_literals(cursor, value, literal):
    assert cursor.mogrify("%s", (value,)).decode() == literal


class Text(str):
    pass


class Colour(enum.IntEnum):
    RED = 3


def test_subclasses_are_adapted_as_their_bases(cursor):
    assert cursor.mogrify("%s %s", (Text("x'"), Colour.RED)) == b"'x''' 3"


@pytest.mark.parametrize("statement, arguments, result", [
    ("%s %s", (1, "a"), b"1 'a'"), ("%%", None, b"%%"), ("%%", (), b"%"), ("%s", [1], b"1"), ("%s", "a", b"'a'"),
    ("%(a)s%%%(b)s", {"a": 1, "b": 2}, b"1%2"), ("%(a)s %(a)s", {"a": "b"}, b"'b' 'b'"), ("%(a b)s", {"a b": 1}, b"1"),
    ("x", (1,), b"x"), ("x", {}, b"x"), (b"x%s", (1,), b"x1"), ("é%s", ("é",), "é'é'".encode()), ("%s", None, b"%s"),
])
def test_placeholders(cursor, statement, arguments, result):
    assert cursor.mogrify(statement, arguments) == result


@pytest.mark.parametrize("statement, arguments, exception, message", [
    ("%s", (), IndexError, "tuple index out of range"),
    ("%s", [], IndexError, "list index out of range"),
    ("%s", (1, 2), TypeError, "not all arguments converted"),
    ("%(a)s", {}, KeyError, "'a'"),
    ("%(a)s", (1,), TypeError, "indices must be integers"),
    ("%s", {"a": 1}, TypeError, "dict is not a sequence"),
    ("%s", 1, TypeError, "does not support indexing"),
    ("%s", {1}, TypeError, "does not support indexing"),
    ("%d", (1,), ValueError, "unsupported format character 'd' \\(0x64\\) at index 1"),
    ("%(a)d", {"a": 1}, ValueError, "unsupported format character 'd' \\(0x64\\) at index 4"),
    ("%", (1,), ValueError, "incomplete format"),
    ("%(a)", {"a": 1}, ValueError, "incomplete format"),
    ("%(a", {"a": 1}, psycopg2.ProgrammingError, "incomplete placeholder"),
    ("%(a)s %s", {"a": 1}, psycopg2.ProgrammingError, "argument formats can't be mixed"),
    ("%s", (object(),), psycopg2.ProgrammingError, "can't adapt type 'object'"),
    ("%s", ("\0",), ValueError, "NUL"),
    ("%s", ("\ud800",), UnicodeEncodeError, "surrogates"),
    (5, (1,), TypeError, "argument 1 must be a string"),
])
def test_wrong_placeholders(cursor, statement, arguments, exception, message):
    with pytest.raises(exception, match=message):
        cursor.mogrify(statement, arguments)


class Answering:
    """Its getquoted() returns what the test gives it."""

    def __init__(self, answer):
        self.answer = answer

    def __conform__(self, protocol):
        return self

    def getquoted(self):
        return self.answer


@pytest.mark.parametrize("answer, kind", [
    (None, "None"), (5, "int"), ([], "list"), (bytearray(b"1"), "bytearray"), (memoryview(b"1"), "memoryview"),
])
def test_an_adapter_that_answers_no_bytes(cursor, answer, kind):
    message = f"getquoted\\(\\) of Answering must return bytes, not {kind}"
    wrong = Answering(answer)
    for call in (lambda: cursor.mogrify("%s", (wrong,)), lambda: cursor.mogrify("%(a)s", {"a": wrong}),
                 lambda: cursor.mogrify("%s", ([wrong],)), lambda: cursor.mogrify("%s", ((wrong,),)),
                 lambda: cursor.execute("SELECT %s", (wrong,)), lambda: cursor.callproc("abs", [wrong]),
                 lambda: cursor.executemany("SELECT %s", [(wrong,)]),
                 lambda: extras.execute_values(cursor, "VALUES %s", [(wrong,)])):
        with pytest.raises(ValueError, match=message):
            call()
    assert cursor.mogrify("%s %s", (Answering(b"1"), Answering("é"))) == "1 é".encode()


def test_a_list_within_itself_raises(cursor):
    endless = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        cursor.mogrify("%s", (endless,))


def test_an_adapter_that_changes_the_list_it_is_in(cursor):
    items = []

    class Shrinking:
        def __conform__(self, proto):
            return self

        def getquoted(self):
            del items[1:]
            return b"1"

    items[:] = [Shrinking(), 2, 3]
    assert cursor.mogrify("%s", (items,)) == b"ARRAY[1]"


@pytest.fixture
def registered():
    before = dict(adapters)
    yield
    adapters.clear()
    adapters.update(before)


@pytest.mark.parametrize("change", [
    lambda adapter: register_adapter(int, adapter),
    lambda adapter: adapters.update({(int, ISQLQuote): adapter}),
    lambda adapter: adapters.__ior__({(int, ISQLQuote): adapter}),
    lambda adapter: (adapters.pop((int, ISQLQuote)), adapters.setdefault((int, ISQLQuote), adapter)),
])
def test_a_programs_adapter_replaces_a_built_in_one(cursor, registered, change):
    change(lambda value: AsIs(f"<{value}>"))
    assert cursor.mogrify("%s %s", (1, [2])) == b"<1> ARRAY[<2>]"
    register_adapter(int, extensions.Int)
    assert cursor.mogrify("%s", (1,)) == b"1"


@pytest.mark.parametrize("method, arguments", [
    ("update", lambda adapter: ({(int, ISQLQuote): adapter},)),
    ("__setitem__", lambda adapter: ((int, ISQLQuote), adapter)),
    ("__ior__", lambda adapter: ({(int, ISQLQuote): adapter},)),
    ("__init__", lambda adapter: ({(int, ISQLQuote): adapter},)),
    ("setdefault", lambda adapter: ((int, ISQLQuote), adapter)),
])
def test_methods_of_the_registry_that_a_program_keeps(cursor, registered, method, arguments):
    """A change has effect when it is made, not when the method that makes it is looked up."""
    change, forget = getattr(adapters, method), adapters.pop
    assert cursor.mogrify("%s", (1,)) == b"1"
    if method == "setdefault":
        forget((int, ISQLQuote))
        with pytest.raises(psycopg2.ProgrammingError):
            cursor.mogrify("%s", (1,))
    change(*arguments(lambda value: AsIs(f"<{value}>")))
    assert cursor.mogrify("%s", (1,)) == b"<1>"
    assert forget((int, ISQLQuote), "none") != "none" and forget((int, ISQLQuote), "none") == "none"
    with pytest.raises(KeyError):
        forget((int, ISQLQuote))
    with pytest.raises(TypeError):
        adapters.pop()
    with pytest.raises(psycopg2.ProgrammingError):
        cursor.mogrify("%s", (1,))


def test_conform_comes_before_bases(cursor):
    class Pair(tuple):
        def __conform__(self, proto):
            return AsIs("pair") if proto is ISQLQuote else None

    assert cursor.mogrify("%s", (Pair((1, 2)),)) == b"pair"


def test_adapters_are_prepared_with_the_connection(cursor):
    seen = []

    class Adapter:
        def __init__(self, value):
            self.value = value

        def prepare(self, connection):
            seen.append(connection)

        def getquoted(self):
            return b"x"

    class Thing:
        def __conform__(self, proto):
            return Adapter(self)

    assert cursor.mogrify("%s", (Thing(),)) == b"x" and seen == [cursor.connection]


def test_uuid(cursor, registered):
    extras.register_uuid(conn_or_curs=cursor)
    value = uuid.uuid4()
    cursor.execute("SELECT %s, %s", (value, [value]))
    assert cursor.fetchone() == (value, [value])


def test_adapt_without_a_connection():
    assert adapt("it's").getquoted() == b"'it''s'"
    assert adapt(b"a").getquoted() == b"'a'::bytea"
    assert str(adapt(-1)) == " -1"
    with pytest.raises(psycopg2.ProgrammingError):
        adapt(object())
    assert adapt(object(), ISQLQuote, 5) == 5


def test_quoting_when_backslashes_escape(cursor):
    cursor.execute("SET standard_conforming_strings TO off")
    cursor.execute("SET backslash_quote TO off")
    for value in ("\\", "\\'", "a\\'; DROP TABLE x; --", "\\\\"):
        cursor.execute("SELECT %s", (value,))
        assert cursor.fetchone() == (value,)
    cursor.execute("SELECT %s", (b"\\\0'",))
    assert bytes(cursor.fetchone()[0]) == b"\\\0'"


@pytest.mark.parametrize("encoding, text", [
    ("LATIN1", "é"), ("SJIS", "表示ソ"), ("BIG5", "功許蓋"), ("GBK", "誠縗"), ("EUC_JP", "表示"), ("KOI8R", "привет"),
    ("UHC", "한글"),
])
def test_quoting_in_other_encodings(cursor, encoding, text):
    cursor.connection.set_client_encoding(encoding)
    for value in (text, f"{text}'{text}\\{text}"):
        cursor.execute("SELECT %s", (value,))
        assert cursor.fetchone() == (value,)
