from typing import NamedTuple

from psycopg2._psycopg import CommandTimeout as CommandTimeout
from psycopg2._psycopg import ping as ping

class NodeStatus(NamedTuple):
    contact_points: tuple[str, ...]
    host: str
    port: int
    public_host: str | None
    placement: str
    kind: str
    sessions: int
    down_for: float
    listed: bool

def cluster_status() -> list[NodeStatus]: ...
