from collections.abc import Mapping
from typing import Any

from psycopg2 import _psycopg
from psycopg2._psycopg import (
    REPLICATION_LOGICAL as REPLICATION_LOGICAL,
    REPLICATION_PHYSICAL as REPLICATION_PHYSICAL,
    ReplicationMessage as ReplicationMessage,
    connection,
)

class ReplicationConnection(connection):
    replication_type: int | None
    def __init__(self, dsn: str, *args: Any, replication_type: int | None = None, **kwargs: Any) -> None: ...

class LogicalReplicationConnection(ReplicationConnection): ...
class PhysicalReplicationConnection(ReplicationConnection): ...
class StopReplication(Exception): ...

class ReplicationCursor(_psycopg.ReplicationCursor):
    def create_replication_slot(
        self, slot_name: str, slot_type: int | None = None, output_plugin: str | None = None
    ) -> None: ...
    def drop_replication_slot(self, slot_name: str) -> None: ...
    def start_replication(
        self, slot_name: str | None = None, slot_type: int | None = None, start_lsn: int | str = 0, timeline: int = 0,
        options: Mapping[str, Any] | None = None, decode: bool = False, status_interval: float = 10,
    ) -> None: ...
    def fileno(self) -> int: ...
