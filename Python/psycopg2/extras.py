"""Goodies: cursors with named columns, adapters of more types, statements in batches."""

import json  # noqa: F401
import logging as _logging
import os as _os
import select as _select
import time as _time

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
from psycopg2.extensions import connection as _connection
from psycopg2.extensions import cursor as _cursor
from psycopg2.extensions import quote_ident  # noqa: F401

# Pickles name a class by its module: one that is written here has to be readable where psycopg2 is installed.
for _class in (
    CompositeCaster, HstoreAdapter,
    DictConnection, DictCursor, DictCursorBase, DictRow, NamedTupleConnection, NamedTupleCursor,
    RealDictConnection, RealDictCursor, RealDictRow,
    LogicalReplicationConnection, PhysicalReplicationConnection, ReplicationCursor, StopReplication,
):
    _class.__module__ = __name__


class LoggingConnection(_connection):
    """Logs every statement to a logger or a file: call `initialize` first."""

    def initialize(self, logobj):
        """Log to a `logging.Logger`, or to an object with a `write` method."""
        self._logobj = logobj
        self.log = self._logtologger if isinstance(logobj, _logging.Logger) else self._logtofile

    def filter(self, msg, curs):
        """Return what to log of a statement, or nothing. To be overridden."""
        return msg

    def _logtofile(self, msg, curs):
        msg = self.filter(msg, curs)
        if msg:
            if isinstance(msg, bytes):
                msg = msg.decode(_ext.encodings[self.encoding], "replace")
            self._logobj.write(msg + _os.linesep)

    def _logtologger(self, msg, curs):
        msg = self.filter(msg, curs)
        if msg:
            self._logobj.debug(msg.decode("utf8", "replace") if isinstance(msg, bytes) else msg)

    def _check(self):
        if not hasattr(self, "_logobj"):
            raise self.ProgrammingError("LoggingConnection object has not been initialize()d")

    def cursor(self, *args, **kwargs):
        self._check()
        kwargs.setdefault("cursor_factory", self.cursor_factory or LoggingCursor)
        return super().cursor(*args, **kwargs)


class LoggingCursor(_cursor):
    """A cursor of a LoggingConnection."""

    def execute(self, query, vars=None):
        try:
            return super().execute(query, vars)
        finally:
            self.connection.log(self.query, self)

    def callproc(self, procname, vars=None):
        try:
            return super().callproc(procname, vars)
        finally:
            self.connection.log(self.query, self)


class MinTimeLoggingConnection(LoggingConnection):
    """Logs the statements that take `mintime` milliseconds or longer."""

    def initialize(self, logobj, mintime=0):
        super().initialize(logobj)
        self._mintime = mintime

    def filter(self, msg, curs):
        elapsed = (_time.time() - curs.timestamp) * 1000
        if elapsed > self._mintime:
            if isinstance(msg, bytes):
                msg = msg.decode(_ext.encodings[self.encoding], "replace")
            return f"{msg}{_os.linesep}  (execution time: {elapsed} ms)"

    def cursor(self, *args, **kwargs):
        kwargs.setdefault("cursor_factory", self.cursor_factory or MinTimeLoggingCursor)
        return super().cursor(*args, **kwargs)


class MinTimeLoggingCursor(LoggingCursor):
    """A cursor of a MinTimeLoggingConnection."""

    def execute(self, query, vars=None):
        self.timestamp = _time.time()
        return super().execute(query, vars)

    def callproc(self, procname, vars=None):
        self.timestamp = _time.time()
        return super().callproc(procname, vars)


class UUID_adapter:
    """Adapts `uuid.UUID`."""

    def __init__(self, uuid):
        self._uuid = uuid

    def __conform__(self, proto):
        return self if proto is _ext.ISQLQuote else None

    def getquoted(self):
        return f"'{self._uuid}'::uuid".encode("utf8")

    def __str__(self):
        return f"'{self._uuid}'::uuid"


def register_uuid(oids=None, conn_or_curs=None):
    """Read uuid and its arrays as `uuid.UUID`, and adapt that. Returns the typecaster."""
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
    """Wraps an address's text, to be written as inet."""

    def __init__(self, addr):
        self.addr = addr
        self._conn = None

    def __repr__(self):
        return f"{type(self).__name__}({self.addr!r})"

    def __conform__(self, proto):
        return self if proto is _ext.ISQLQuote else None

    def prepare(self, conn):
        self._conn = conn

    def getquoted(self):
        adapter = _ext.adapt(self.addr)
        if hasattr(adapter, "prepare"):
            adapter.prepare(self._conn)
        return adapter.getquoted() + b"::inet"

    def __str__(self):
        return str(self.addr)


def register_inet(oid=None, conn_or_curs=None):
    """Read inet as `Inet` objects. Returns the typecaster. `register_ipaddress` reads the standard library's."""
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
    """A wait callback: waits by `select`, and cancels the statement on Ctrl-C."""
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
            # The cancelled statement's error is what comes out of the next poll().
