"""PostgreSQL hstore values as dicts."""

import re

from psycopg2 import extensions as _ext
from psycopg2._psycopg import InterfaceError, ISQLQuote, ProgrammingError, adapt, adapters, new_array_type, new_type
from psycopg2._scope import connection_and_cursor, undisturbed


class HstoreAdapter:
    """Writes a dict as an hstore value. Keys are str; values are str or None. See `register_hstore()`."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.conn = None

    def __conform__(self, proto):
        return self if proto is ISQLQuote else None

    def prepare(self, conn):
        """Set the connection whose encoding and quoting rules `getquoted()` uses."""
        self.conn = conn

    def getquoted(self):
        """Return the hstore as an SQL expression, as bytes."""
        if not self.wrapped:
            return b"''::hstore"
        return b"hstore(%s, %s)" % (self._quoted(list(self.wrapped)), self._quoted(list(self.wrapped.values())))

    def _quoted(self, items):
        adapter = adapt(items)
        if self.conn is not None:
            adapter.prepare(self.conn)
        return adapter.getquoted()

    # https://www.postgresql.org/docs/current/hstore.html
    _pair = re.compile(
        r"""
        "( (?: [^"\\] | \\. )* )" \s* => \s* (?: (NULL) | "( (?: [^"\\] | \\. )* )" )
        (?: \s* , \s* | $ )
        """,
        re.VERBOSE | re.DOTALL,
    )
    _escaped = re.compile(r"\\(.)", re.DOTALL)

    @classmethod
    def parse(cls, s, cur):
        """Convert the text of an hstore value to a dict; return None for NULL.

        Raises InterfaceError if it is malformed.
        """
        if s is None:
            return None
        result, position = {}, 0
        while position < len(s):
            match = cls._pair.match(s, position)
            if match is None:
                raise InterfaceError(f"error parsing hstore pair at char {position}")
            key, null, value = match.groups()
            result[cls._escaped.sub(r"\1", key)] = None if null else cls._escaped.sub(r"\1", value)
            position = match.end()
        return result

    @classmethod
    def get_oids(cls, conn_or_curs):
        """Return the type OIDs of hstore and of hstore[] in the database, as two tuples of int.

        Each tuple may have several OIDs, because hstore can be installed in several schemas; both are empty without
        hstore.
        """
        connection, cursor = connection_and_cursor(conn_or_curs)
        with undisturbed(connection):
            try:
                cursor.execute("SELECT oid, typarray FROM pg_type WHERE typname = 'hstore'")
                found = cursor.fetchall()
            finally:
                cursor.close()
        return tuple(oid for oid, _ in found), tuple(array_oid for _, array_oid in found if array_oid)


def register_hstore(conn_or_curs, globally=False, unicode=False, oid=None, array_oid=None):
    """Read hstore values as dicts, and write dict arguments as hstore.

    - conn_or_curs: the connection or cursor for which hstore is registered, and whose database is asked for the OIDs.
    - globally: True registers it for all connections. Dict arguments are always converted on all connections.
    - unicode: ignored; keys and values are always str.
    - oid, array_oid: the type OIDs, an int or a tuple of ints. If `oid` is given, the database is not asked.

    Raises ProgrammingError if the database does not have hstore.

        register_hstore(connection)
    """
    if oid is None:
        oid, array_oid = HstoreAdapter.get_oids(conn_or_curs)
        if not oid:
            raise ProgrammingError("hstore type not found in the database. please install it from your "
                                   "'contrib/hstore.sql' file")
    oid, array_oid = _as_tuple(oid), _as_tuple(array_oid)
    scope = None if globally else conn_or_curs
    element = new_type(oid, "HSTORE", HstoreAdapter.parse)
    _ext.register_type(element, scope)
    adapters[dict, ISQLQuote] = HstoreAdapter
    if array_oid:
        _ext.register_type(new_array_type(array_oid, "HSTOREARRAY", element), scope)


def _as_tuple(oids):
    if oids is None:
        return ()
    return (oids,) if isinstance(oids, int) else tuple(oids)
