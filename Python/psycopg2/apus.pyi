from typing import NamedTuple

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
