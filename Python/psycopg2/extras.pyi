import json as json
from typing import Any
from uuid import UUID

from psycopg2._batches import (
    _paginate as _paginate,
    execute_batch as execute_batch,
    execute_values as execute_values,
)
from psycopg2._composite import (
    CompositeCaster as CompositeCaster,
    register_composite as register_composite,
)
from psycopg2._hstore import (
    HstoreAdapter as HstoreAdapter,
    register_hstore as register_hstore,
)
from psycopg2._ipaddress import (
    register_ipaddress as register_ipaddress,
)
from psycopg2._json import (
    Json as Json,
    register_default_json as register_default_json,
    register_default_jsonb as register_default_jsonb,
    register_json as register_json,
)
from psycopg2._range import (
    DateRange as DateRange,
    DateTimeRange as DateTimeRange,
    DateTimeTZRange as DateTimeTZRange,
    NumericRange as NumericRange,
    Range as Range,
    RangeAdapter as RangeAdapter,
    RangeCaster as RangeCaster,
    register_range as register_range,
)
from psycopg2._replication import (
    REPLICATION_LOGICAL as REPLICATION_LOGICAL,
    REPLICATION_PHYSICAL as REPLICATION_PHYSICAL,
    LogicalReplicationConnection as LogicalReplicationConnection,
    PhysicalReplicationConnection as PhysicalReplicationConnection,
    ReplicationCursor as ReplicationCursor,
    ReplicationMessage as ReplicationMessage,
    StopReplication as StopReplication,
)
from psycopg2._rows import (
    DictConnection as DictConnection,
    DictCursor as DictCursor,
    DictCursorBase as DictCursorBase,
    DictRow as DictRow,
    NamedTupleConnection as NamedTupleConnection,
    NamedTupleCursor as NamedTupleCursor,
    RealDictConnection as RealDictConnection,
    RealDictCursor as RealDictCursor,
    RealDictRow as RealDictRow,
)
from psycopg2._statement_log import (
    LoggingConnection as LoggingConnection,
    LoggingCursor as LoggingCursor,
    MinTimeLoggingConnection as MinTimeLoggingConnection,
    MinTimeLoggingCursor as MinTimeLoggingCursor,
)
from psycopg2._psycopg import _type, connection, cursor, quote_ident as quote_ident

class UUID_adapter:
    def __init__(self, uuid: UUID) -> None: ...
    def __conform__(self, proto: Any) -> UUID_adapter | None: ...
    def getquoted(self) -> bytes: ...

def register_uuid(
    oids: int | list[int] | tuple[int, ...] | None = None, conn_or_curs: connection | cursor | None = None
) -> _type: ...

class Inet:
    addr: str
    def __init__(self, addr: str) -> None: ...
    def __conform__(self, proto: Any) -> Inet | None: ...
    def prepare(self, conn: connection) -> None: ...
    def getquoted(self) -> bytes: ...

def register_inet(
    oid: int | list[int] | tuple[int, ...] | None = None, conn_or_curs: connection | cursor | None = None
) -> _type: ...
def wait_select(conn: connection) -> None: ...
