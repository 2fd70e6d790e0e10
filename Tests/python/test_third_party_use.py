"""Use by third-party packages: wrapped connections and cursors, and names of classes that programs rely on."""

import pickle

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest
from psycopg2 import sql


class Wrapper:
    """A wrapper as pools and frameworks return it: it has all attributes of the wrapped object, but another type."""

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self._wrapped, name)


@pytest.fixture
def pair(connection):
    """A composite type of the server, by name."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TYPE pg_temp.pair AS (a int, b text)")
        cursor.execute("SELECT 'pg_temp.pair'::regtype::oid::int")
        oid = cursor.fetchone()[0]
    connection.commit()
    yield "pg_temp.pair"
    psycopg2.extensions.string_types.pop(oid, None)


@pytest.fixture(params=["connection", "cursor", "dict cursor"])
def wrapped(request, connection):
    if request.param == "connection":
        return Wrapper(connection)
    factory = psycopg2.extras.RealDictCursor if "dict" in request.param else None
    return Wrapper(connection.cursor(cursor_factory=factory))


def test_a_composite_is_registered_globally_by_a_wrapped_connection(wrapped, connection, pair):
    caster = psycopg2.extras.register_composite(pair, wrapped, globally=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT (1, 'x')::pg_temp.pair")
        assert cursor.fetchone()[0] == caster.type(1, "x")


@pytest.mark.usefixtures("hstore_extension")
def test_oids_are_asked_by_a_wrapped_connection(wrapped, connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'hstore'::regtype::oid::int, 'hstore[]'::regtype::oid::int")
        oid, array_oid = cursor.fetchone()
    connection.commit()
    assert psycopg2.extras.HstoreAdapter.get_oids(wrapped) == ((oid,), (array_oid,))
    assert connection.status == psycopg2.extensions.STATUS_READY
    json, _ = psycopg2.extras.register_json(wrapped, globally=True)
    assert json.values == (114,)


def test_a_scope_of_nothing_is_refused():
    with pytest.raises(psycopg2.ProgrammingError, match="no connection or cursor provided"):
        psycopg2.extras.register_composite("pair", None)
    with pytest.raises(AttributeError):
        psycopg2.extras.register_composite("pair", 42)


def test_who_wraps_connections_may_replace_register_type(connection, pair, monkeypatch):
    """New Relic and AWS X-Ray replace it to unwrap the scope."""
    register_type = psycopg2.extensions.register_type

    def unwrapping(typecaster, scope=None):
        return register_type(typecaster, getattr(scope, "_wrapped", scope))

    monkeypatch.setattr(psycopg2.extensions, "register_type", unwrapping)
    caster = psycopg2.extras.register_composite(pair, Wrapper(connection))
    psycopg2.extras.register_hstore(Wrapper(connection), oid=999_999, array_oid=999_998)
    psycopg2.extensions.adapters.pop((dict, psycopg2.extensions.ISQLQuote))
    with connection.cursor() as cursor:
        cursor.execute("SELECT (1, 'x')::pg_temp.pair")
        assert cursor.fetchone()[0] == caster.type(1, "x")
    assert {999_999, 999_998} <= set(connection.string_types)


def test_composed_statements_want_the_real_thing(connection):
    """quote_ident reads the C structure of the connection, so that a wrapper is refused, as in psycopg2."""
    with pytest.raises(TypeError):
        sql.Identifier("a").as_string(Wrapper(connection))


@pytest.mark.parametrize("factory", [psycopg2.extras.DictCursor, psycopg2.extras.RealDictCursor])
def test_a_pickled_row_names_no_module_of_ours(connection, factory):
    with connection.cursor(cursor_factory=factory) as cursor:
        cursor.execute("SELECT 1 AS a, 'x' AS b")
        row = cursor.fetchone()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        text = pickle.dumps(row, protocol)
        assert b"psycopg2.extras" in text and b"psycopg2._" not in text
        again = pickle.loads(text)
        assert type(again) is type(row) and again == row and again["b"] == "x"


@pytest.mark.parametrize("name", [
    "CompositeCaster", "DictConnection", "DictCursor", "DictCursorBase", "DictRow", "HstoreAdapter",
    "LogicalReplicationConnection", "LoggingCursor", "NamedTupleConnection", "NamedTupleCursor",
    "PhysicalReplicationConnection", "RealDictConnection", "RealDictCursor", "RealDictRow", "ReplicationCursor",
    "StopReplication"])
def test_classes_say_that_they_are_of_extras(name):
    assert getattr(psycopg2.extras, name).__module__ == "psycopg2.extras"


def test_an_xid_says_that_it_is_of_extensions():
    assert psycopg2.extensions.Xid.__module__ == "psycopg2.extensions"


def test_packages_find_the_connection_of_a_scope(connection):
    """Packages such as spans and ltree types import this name, although it begins with an underscore."""
    found, cursor = psycopg2.extras._solve_conn_curs(connection.cursor(cursor_factory=psycopg2.extras.DictCursor))
    assert found is connection and type(cursor) is psycopg2.extensions.cursor
