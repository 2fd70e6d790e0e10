"""Cursors with named columns, conversion of more types, batches, logging and replication connections."""

import json  # noqa: F401
import select as _select

from psycopg2 import extensions as _ext
from psycopg2._batches import _paginate, execute_batch, execute_values  # noqa: F401
from psycopg2._composite import CompositeCaster, register_composite  # noqa: F401
from psycopg2._hstore import HstoreAdapter, register_hstore  # noqa: F401
from psycopg2._ipaddress import register_ipaddress  # noqa: F401
from psycopg2._json import (  # noqa: F401
    Json,
    register_default_json,
    register_default_jsonb,
    register_json,
)
from psycopg2._range import (  # noqa: F401
    DateRange,
    DateTimeRange,
    DateTimeTZRange,
    NumericRange,
    Range,
    RangeAdapter,
    RangeCaster,
    register_range,
)
from psycopg2._replication import (  # noqa: F401
    REPLICATION_LOGICAL,
    REPLICATION_PHYSICAL,
    LogicalReplicationConnection,
    PhysicalReplicationConnection,
    ReplicationCursor,
    ReplicationMessage,
    StopReplication,
)
from psycopg2._rows import (  # noqa: F401
    DictConnection,
    DictCursor,
    DictCursorBase,
    DictRow,
    NamedTupleConnection,
    NamedTupleCursor,
    RealDictConnection,
    RealDictCursor,
    RealDictRow,
)
from psycopg2._scope import connection_and_cursor as _solve_conn_curs  # noqa: F401 (other packages use that name)
from psycopg2._statement_log import (  # noqa: F401
    LoggingConnection,
    LoggingCursor,
    MinTimeLoggingConnection,
    MinTimeLoggingCursor,
)
from psycopg2.extensions import quote_ident  # noqa: F401


class UUID_adapter:
    """Writes a `uuid.UUID` as an SQL literal. See `register_uuid()`."""

    def __init__(self, uuid):
        self._uuid = uuid

    def __conform__(self, proto):
        return self if proto is _ext.ISQLQuote else None

    def getquoted(self):
        """Return the UUID as an SQL literal, as bytes."""
        return f"'{self._uuid}'::uuid".encode("utf8")

    def __str__(self):
        return f"'{self._uuid}'::uuid"


def register_uuid(oids=None, conn_or_curs=None):
    """Read uuid values as `uuid.UUID`, and accept these as arguments. Return the typecaster.

    - oids: other type OIDs: an int, or a tuple of the OIDs of the type and of its array.
    - conn_or_curs: the connection or cursor for which the type is registered; without it, all connections. Arguments
      are always accepted on all connections.
    """
    import uuid

    # pg_type.dat
    oid, array_oid = 2950, 2951
    if oids:
        oid, array_oid = oids if isinstance(oids, (list, tuple)) else (oids, array_oid)
    _ext.UUID = _ext.new_type((oid,), "UUID", lambda text, cursor: uuid.UUID(text) if text else None)
    _ext.UUIDARRAY = _ext.new_array_type((array_oid,), "UUID[]", _ext.UUID)
    _ext.register_type(_ext.UUID, conn_or_curs)
    _ext.register_type(_ext.UUIDARRAY, conn_or_curs)
    _ext.register_adapter(uuid.UUID, UUID_adapter)
    return _ext.UUID


class Inet:
    """Wraps the text of an address, so that it is written as inet: `Inet('192.168.0.1/24')`. `addr` is the text."""

    def __init__(self, addr):
        self.addr = addr
        self._conn = None

    def __repr__(self):
        return f"{type(self).__name__}({self.addr!r})"

    def __conform__(self, proto):
        return self if proto is _ext.ISQLQuote else None

    def prepare(self, conn):
        """Set the connection whose encoding and quoting rules `getquoted()` uses."""
        self._conn = conn

    def getquoted(self):
        """Return the address as an SQL literal, as bytes."""
        adapter = _ext.adapt(self.addr)
        if hasattr(adapter, "prepare"):
            adapter.prepare(self._conn)
        return adapter.getquoted() + b"::inet"

    def __str__(self):
        return str(self.addr)


def register_inet(oid=None, conn_or_curs=None):
    """Read inet values as Inet objects, and return the typecaster.

    - oid: another type OID: an int, or a tuple of the OIDs of the type and of its array.
    - conn_or_curs: the connection or cursor for which the type is registered; without it, all connections.

    `register_ipaddress()` reads inet and cidr as objects of the standard library instead.
    """
    # pg_type.dat
    inet_oid, array_oid = 869, 1041
    if oid:
        inet_oid, array_oid = oid if isinstance(oid, (list, tuple)) else (oid, array_oid)
    _ext.INET = _ext.new_type((inet_oid,), "INET", lambda text, cursor: Inet(text) if text else None)
    _ext.INETARRAY = _ext.new_array_type((array_oid,), "INETARRAY", _ext.INET)
    _ext.register_type(_ext.INET, conn_or_curs)
    _ext.register_type(_ext.INETARRAY, conn_or_curs)
    return _ext.INET


def wait_select(conn):
    """Wait callback that waits with `select`; Ctrl-C cancels the running statement.

        extensions.set_wait_callback(wait_select)

    Raises QueryCanceledError after Ctrl-C.
    """
    while True:
        try:
            state = conn.poll()
            if state == _ext.POLL_OK:
                return
            if state == _ext.POLL_READ:
                _select.select([conn.fileno()], [], [])
            elif state == _ext.POLL_WRITE:
                _select.select([], [conn.fileno()], [])
            else:
                raise conn.OperationalError(f"bad state from poll: {state}")
        except KeyboardInterrupt:
            conn.cancel()
            # The next poll() raises the error of the canceled statement.


# The module that pickles refer to, so that psycopg2 and Apus can read each other's pickled rows.
for _public in (
    CompositeCaster, DictConnection, DictCursor, DictCursorBase, DictRow, HstoreAdapter, LoggingConnection,
    LoggingCursor, LogicalReplicationConnection, MinTimeLoggingConnection, MinTimeLoggingCursor, NamedTupleConnection,
    NamedTupleCursor, PhysicalReplicationConnection, RealDictConnection, RealDictCursor, RealDictRow,
    ReplicationCursor, StopReplication, execute_batch, execute_values, register_composite, register_hstore,
):
    _public.__module__ = __name__
del _public
