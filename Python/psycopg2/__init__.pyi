from collections.abc import Callable
from typing import Any, TypeVar, overload

from psycopg2 import errors as errors
from psycopg2 import extensions as extensions
from psycopg2 import logger as logger
from psycopg2._psycopg import (
    BINARY as BINARY,
    DATETIME as DATETIME,
    NUMBER as NUMBER,
    ROWID as ROWID,
    STRING as STRING,
    Binary as Binary,
    DatabaseError as DatabaseError,
    DataError as DataError,
    Date as Date,
    DateFromTicks as DateFromTicks,
    Error as Error,
    IntegrityError as IntegrityError,
    InterfaceError as InterfaceError,
    InternalError as InternalError,
    NotSupportedError as NotSupportedError,
    OperationalError as OperationalError,
    ProgrammingError as ProgrammingError,
    Time as Time,
    TimeFromTicks as TimeFromTicks,
    Timestamp as Timestamp,
    TimestampFromTicks as TimestampFromTicks,
    Warning as Warning,
    __libpq_version__ as __libpq_version__,
    __version__ as __version__,
    _connect as _connect,
    apilevel as apilevel,
    connection,
    cursor,
    paramstyle as paramstyle,
    threadsafety as threadsafety,
)
from psycopg2.loadbalanceproperties import LoadBalanceProperties as LoadBalanceProperties
from psycopg2.policies import ClusterAwareLoadBalancer as ClusterAwareLoadBalancer
from psycopg2.policies import TopologyAwareLoadBalancer as TopologyAwareLoadBalancer

_N = TypeVar("_N", bound=connection)

# The keywords are libpq's parameters, the load-balancing properties, `async_`, and the two time limits.
@overload
def connect(
    dsn: str | None = None, connection_factory: None = None, cursor_factory: Callable[..., cursor] | None = None,
    **kwargs: Any,
) -> connection: ...
@overload
def connect(
    dsn: str | None = None, *, connection_factory: Callable[..., _N],
    cursor_factory: Callable[..., cursor] | None = None, **kwargs: Any,
) -> _N: ...
@overload
def connect(
    dsn: str | None, connection_factory: Callable[..., _N], cursor_factory: Callable[..., cursor] | None = None,
    **kwargs: Any,
) -> _N: ...
@overload
def getConnectionBalanced(
    lbprops: LoadBalanceProperties, connection_factory: None = None,
    cursor_factory: Callable[..., cursor] | None = None, **kwasync: Any,
) -> connection: ...
@overload
def getConnectionBalanced(
    lbprops: LoadBalanceProperties, connection_factory: Callable[..., _N],
    cursor_factory: Callable[..., cursor] | None = None, **kwasync: Any,
) -> _N: ...
def getDSNWithChosenHost(loadbalancer: ClusterAwareLoadBalancer, dsn: str, chosenHost: str) -> str: ...
