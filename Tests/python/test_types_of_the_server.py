"""hstore and composite types, encrypt_password, and pointers to C structures."""

import ctypes

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import extensions, extras

without_nul = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.fixture
def hstore(hstore_extension, connection):
    before = dict(extensions.adapters)
    extras.register_hstore(connection)
    yield connection.cursor()
    connection.rollback()
    extensions.adapters.clear()
    extensions.adapters.update(before)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pairs=st.dictionaries(without_nul, st.none() | without_nul))
def test_hstore_survives(hstore, pairs):
    hstore.execute("SELECT %s::hstore, ARRAY[%s::hstore, NULL]", (pairs, pairs))
    assert hstore.fetchone() == (pairs, [pairs, None])


@pytest.mark.parametrize("text", ["a", '"a"=>', '"a"=>"b" "c"=>"d"', '"a"=>"b",x', '"a"=>"b'])
def test_what_is_no_hstore(text):
    with pytest.raises(psycopg2.InterfaceError):
        extras.HstoreAdapter.parse(text, None)


@pytest.fixture
def composite(connection):
    cursor = connection.cursor()
    cursor.execute('CREATE TYPE pair AS (number int, "a text" text, _tags text[])')
    yield extras.register_composite("pair", cursor), cursor
    connection.rollback()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(number=st.none() | st.integers(-2**31, 2**31 - 1), text=st.none() | without_nul, tags=st.lists(without_nul))
def test_composites_survive(composite, number, text, tags):
    _, cursor = composite
    value = (number, text, tags)
    cursor.execute("SELECT %s::pair, ARRAY[%s::pair]", (value, value))
    assert cursor.fetchone() == (value, [value])


def test_composites_have_names(composite):
    caster, cursor = composite
    assert caster.attnames == ["number", "a text", "_tags"]
    cursor.execute("SELECT (1, 'x', '{y}')::pair")
    (value,) = cursor.fetchone()
    assert (value.number, value.a_text, value.f_tags) == (1, "x", ["y"])
    assert type(value).__name__ == "pair"


@pytest.mark.parametrize("text", ["", "(", "a", "(a", '("a)', "(a,b", "(a)b"])
def test_what_is_no_composite(text):
    with pytest.raises(psycopg2.DataError):
        extras.CompositeCaster.tokenize(text)


def test_looking_up_types_leaves_no_transaction(connection):
    with pytest.raises(psycopg2.ProgrammingError, match="not found"):
        extras.register_composite("no_such_type", connection)
    with pytest.raises(psycopg2.ProgrammingError):
        extras.register_hstore(psycopg2.connect(connection.dsn + " dbname=template1"))
    assert connection.status == extensions.STATUS_READY


@pytest.mark.parametrize("name", ["", "select", "a.b.c", "a b", '"', "1", "x[]", "'", "pg_catalog."])
def test_looking_up_what_is_no_name_ends_no_transaction(connection, cursor, name):
    cursor.execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError, match="not found"):
        extras.register_composite(name, connection)
    cursor.execute("SELECT 1")


@pytest.mark.parametrize("name", ["Pg_Temp.Look_Up", "pg_temp.look_up", "look_up", '"look_up"', 'pg_temp."look_up"'])
def test_names_of_types_are_read_as_the_server_reads_them(cursor, name):
    cursor.execute("CREATE TYPE pg_temp.look_up AS (a int, b text)")
    caster = extras.register_composite(name, cursor)
    cursor.execute("SELECT (1, 'x')::pg_temp.look_up")
    assert cursor.fetchone()[0] == (1, "x") and caster.name == "look_up"


def test_passwords(connection):
    secret = extensions.encrypt_password("geheim", "somebody", connection)
    assert secret.startswith("SCRAM-SHA-256$")
    assert extensions.encrypt_password("geheim", "somebody", connection.cursor(), "md5").startswith("md5")
    assert connection.status == extensions.STATUS_READY
    with pytest.raises(psycopg2.ProgrammingError, match="requires a connection or cursor"):
        extensions.encrypt_password("geheim", "somebody")
    connection.close()
    with pytest.raises(psycopg2.InterfaceError):
        extensions.encrypt_password("geheim", "somebody", connection, "md5")


def test_the_native_connection_is_libpqs(connection):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    assert get(connection.get_native_connection(), b"psycopg2.connection.native_connection") == connection.pgconn_ptr
    connection.close()
    with pytest.raises(psycopg2.InterfaceError):
        connection.get_native_connection()
    assert connection.pgconn_ptr is None


def test_reset_leaves_no_transaction(connection):
    connection.set_session(isolation_level="serializable", readonly=True)
    cursor = connection.cursor()
    cursor.execute("SET search_path TO pg_catalog")
    connection.reset()
    assert connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
    assert connection.isolation_level is None and connection.readonly is None
    cursor.execute("SHOW search_path")
    assert cursor.fetchone() != ("pg_catalog",)


def test_literals_where_backslashes_are_escapes(dsn):
    connection = psycopg2.connect(dsn, options="-c standard_conforming_strings=off")
    cursor = connection.cursor()
    for value in ("back\\slash", "it's", "\\'; --", "new\nline", ""):
        cursor.execute("SELECT %s, %s, %s", (value, value.encode(), [value]))
        text, raw, many = cursor.fetchone()
        assert (text, bytes(raw), many) == (value, value.encode(), [value])
    assert connection.notices == []
    connection.close()
