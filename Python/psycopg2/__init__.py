"""A PostgreSQL and YugabyteDB driver: DB API 2.0, a drop-in replacement of psycopg2, aware of clusters.

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

    The parameters come from `dsn`, a connection string or URI, and from keywords, which take precedence: those of
    libpq (host, port, dbname or database, user, password, sslmode, ...) and the smart driver's (load_balance,
    topology_keys, yb_servers_refresh_interval, failed_host_ttl_seconds, fallback_to_topology_keys_only).

    `connection_factory(dsn)` makes the connection, in place of `extensions.connection`; `cursor_factory` is what the
    connection makes its cursors with. With `async_=True` the connection is asynchronous: see `connection.poll()`.

    `command_timeout` and `cancellation_timeout`, in seconds, are the connection's attributes of these names: how long
    a statement's answer is waited for before the statement is canceled, and how long after that before the connection
    is closed.
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
    """Open a connection by a LoadBalanceProperties. `connect()` does the same without one."""
    return connect(
        lbprops.getOriginalDSN(), connection_factory, cursor_factory, **{**lbprops.getOriginalProperties(), **kwasync}
    )


def getDSNWithChosenHost(loadbalancer, dsn, chosenHost):
    """Return a DSN that leads to `chosenHost` and nowhere else, by the port that the cluster's list has for it."""
    settings = extensions.parse_dsn(dsn)
    settings.pop("hostaddr", None)
    port = loadbalancer.hostPortMap.get(chosenHost, settings.get("port"))
    return _make_dsn(**{**settings, "host": chosenHost, "port": port})


def __getattr__(name):
    # The import leaves `logging` alone: the logger is made when somebody asks for it.
    if name == "logger":
        from importlib import import_module

        return import_module("psycopg2.logger")
    raise AttributeError(f"module 'psycopg2' has no attribute {name!r}")


if _os.environ.get("YB_DRIVER_LOG_LEVEL"):
    from psycopg2 import logger  # noqa: E402, F401
