from datetime import datetime
from typing import Any

from typing_extensions import Self

from psycopg2._psycopg import connection

class Xid:
    format_id: int | None
    gtrid: str
    bqual: str | None
    prepared: datetime | None
    owner: str | None
    database: str | None
    def __init__(self, format_id: int, gtrid: str, bqual: str) -> None: ...
    @classmethod
    def from_string(cls, s: str) -> Self: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...

def recover(connection: connection) -> list[Xid]: ...
