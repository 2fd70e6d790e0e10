"""Conversion between Python objects and PostgreSQL json and jsonb values."""

import json

from psycopg2._psycopg import ISQLQuote, QuotedString, new_array_type, new_type, register_type

# pg_type.dat
JSON_OID = 114
JSONARRAY_OID = 199
JSONB_OID = 3802
JSONBARRAY_OID = 3807


class Json:
    """Wraps an object as a JSON argument. `adapted` is any object that `json.dumps` accepts.

    Pass `dumps`, a function that returns JSON text, or override the method `dumps()` to use another encoder.

        cursor.execute("INSERT INTO event (data) VALUES (%s)", (Json({"a": 1}),))
    """

    def __init__(self, adapted, dumps=None):
        self.adapted = adapted
        self._conn = None
        self._dumps = dumps or json.dumps

    def __conform__(self, proto):
        return self if proto is ISQLQuote else None

    def dumps(self, obj):
        """Return `obj` as JSON text."""
        return self._dumps(obj)

    def prepare(self, conn):
        """Set the connection whose encoding and quoting rules `getquoted()` uses."""
        self._conn = conn

    def getquoted(self):
        """Return the JSON text as an SQL literal, as bytes."""
        quoted = QuotedString(self.dumps(self.adapted))
        if self._conn is not None:
            quoted.prepare(self._conn)
        return quoted.getquoted()

    def __str__(self):
        return self.getquoted().decode("ascii", "replace")


def register_json(conn_or_curs=None, globally=False, loads=None, oid=None, array_oid=None, name="json"):
    """Convert values of a JSON type with `loads`, and return the typecasters of the type and of its array.

    - conn_or_curs: the connection or cursor for which the type is registered, and whose database is asked for the OIDs.
    - globally: True registers it for all connections.
    - loads: a function from JSON text to an object; by default `json.loads`.
    - oid, array_oid: the type OIDs. If `oid` is given, the database is not asked; without `array_oid`, the second
      typecaster is None.
    - name: the name of the type, `json` or `jsonb`.

    Raises ProgrammingError if the type does not exist.
    """
    if oid is None:
        oid, array_oid = _get_json_oids(conn_or_curs, name)
    types = _make_typecasters(oid, array_oid, loads=loads, name=name.upper())
    for typecaster in types:
        if typecaster is not None:
            register_type(typecaster, None if globally else conn_or_curs)
    return types


def register_default_json(conn_or_curs=None, globally=False, loads=None):
    """Convert values of the built-in type json with `loads`; like `register_json()`, but without asking the database.

    Without `conn_or_curs`, the conversion is registered for all connections.
    """
    return register_json(
        conn_or_curs=conn_or_curs, globally=globally, loads=loads, oid=JSON_OID, array_oid=JSONARRAY_OID
    )


def register_default_jsonb(conn_or_curs=None, globally=False, loads=None):
    """Convert values of the built-in type jsonb with `loads`; like `register_json()`, but without asking the database.

        register_default_jsonb(loads=lambda text: text)  # leave jsonb as text
    """
    return register_json(
        conn_or_curs=conn_or_curs, globally=globally, loads=loads, oid=JSONB_OID, array_oid=JSONBARRAY_OID, name="jsonb"
    )


def _make_typecasters(oid, array_oid, loads=None, name="JSON"):
    if loads is None:
        loads = json.loads

    def cast(text, cursor):
        return None if text is None else loads(text)

    element = new_type((oid,), name, cast)
    return element, None if array_oid is None else new_array_type((array_oid,), f"{name}ARRAY", element)


def _get_json_oids(conn_or_curs, name="json"):
    """Return the OIDs of the type `name` and of its array."""
    from psycopg2._scope import connection_and_cursor, undisturbed

    connection, cursor = connection_and_cursor(conn_or_curs)
    with undisturbed(connection):
        cursor.execute("SELECT oid, typarray FROM pg_type WHERE typname = %s", (name,))
        found = cursor.fetchone()
    if found is None:
        raise connection.ProgrammingError(f"{name} data type not found")
    return found
