"""A PostgreSQL and YugabyteDB driver for the DB API 2.0: a cluster-aware drop-in replacement for psycopg2.

    import psycopg2

    with psycopg2.connect("host=node1,node2 dbname=yugabyte load_balance=true") as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", ("hello",))
            print(cursor.fetchone())
"""

import os as _os

from psycopg2 import _psycopg  # noqa: F401
from psycopg2._psycopg import (  # noqa: F401
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    DatabaseError,
    DataError,
    Date,
    DateFromTicks,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    Warning,
    __libpq_version__,
    __version__,
    _connect,
    apilevel,
    paramstyle,
    threadsafety,
)

from psycopg2 import errors, extensions  # noqa: E402, F401
from psycopg2.extensions import _check_keywords, _merge_dsn
from psycopg2.extensions import make_dsn as _make_dsn
from psycopg2.loadbalanceproperties import LoadBalanceProperties  # noqa: E402, F401
from psycopg2.policies import ClusterAwareLoadBalancer, TopologyAwareLoadBalancer  # noqa: E402, F401


def connect(dsn=None, connection_factory=None, cursor_factory=None, **kwargs):
    """Open a connection and return it.

    The connection parameters come from `dsn`, a connection string or URI, and from keyword arguments, which take
    precedence. They are libpq's parameters (host, port, dbname or database, user, password, sslmode, ...) and the
    load-balancing properties (load_balance, topology_keys, yb_servers_refresh_interval, failed_host_ttl_seconds,
    fallback_to_topology_keys_only). A keyword that is None is ignored.

    - connection_factory: called with the complete connection string to create the connection; by default
      `extensions.connection`.
    - cursor_factory: the class, or another callable, with which the connection creates its cursors.
    - async_: True returns an asynchronous connection at once; call `connection.poll()` until it is open.
    - command_timeout: seconds after which a running statement is canceled; None, the default, means no limit.
    - cancellation_timeout: seconds to wait for the server to honour a cancel request before the connection is closed;
      10 by default.

    Raises OperationalError if no server can be connected to, and ProgrammingError for an invalid parameter.

        connection = psycopg2.connect("host=node1,node2 dbname=shop", user="me", load_balance=True)
    """
    asynchronous = {name: kwargs.pop(name) for name in ("async", "async_") if name in kwargs}
    attributes = {name: kwargs.pop(name) for name in ("command_timeout", "cancellation_timeout") if name in kwargs}
    merged, keywords = _merge_dsn(dsn, kwargs)
    try:
        connection = _connect(merged, connection_factory=connection_factory, **asynchronous)
    except ProgrammingError:
        _check_keywords(keywords)
        raise
    if cursor_factory is not None:
        connection.cursor_factory = cursor_factory
    for name, value in attributes.items():
        if value is not None:
            setattr(connection, name, value)
    return connection


def getConnectionBalanced(lbprops, connection_factory=None, cursor_factory=None, **kwasync):
    """Open a connection with the parameters of `lbprops`, a LoadBalanceProperties, and return it.

    For programs written for psycopg2-yugabytedb; `connect()` does the same without such an object. The factories, the
    keyword arguments and the errors are those of `connect()`.
    """
    return connect(
        lbprops.getOriginalDSN(), connection_factory, cursor_factory, **{**lbprops.getOriginalProperties(), **kwasync}
    )


def getDSNWithChosenHost(loadbalancer, dsn, chosenHost):
    """Return the connection string `dsn` with `chosenHost` as its only host, and without `hostaddr`.

    The port is the one that the cluster's list has for the host, as `loadbalancer.hostPortMap` shows it; a host that is
    not on the list keeps the port of `dsn`. Raises ProgrammingError for an invalid connection string.
    """
    settings = extensions.parse_dsn(dsn)
    settings.pop("hostaddr", None)
    port = loadbalancer.hostPortMap.get(chosenHost, settings.get("port"))
    return _make_dsn(**{**settings, "host": chosenHost, "port": port})


def __getattr__(name):
    # Importing psycopg2 must not touch `logging`, so the logger is created on first use.
    if name == "logger":
        from importlib import import_module

        return import_module("psycopg2.logger")
    raise AttributeError(f"module 'psycopg2' has no attribute {name!r}")


if _os.environ.get("YB_DRIVER_LOG_LEVEL"):
    from psycopg2 import logger  # noqa: E402, F401
