"""What Apus has beyond psycopg2: a look at the clusters that this process is connected to, for metrics and people; and
what belongs to the time limits of connections.

    for node in psycopg2.apus.cluster_status():
        gauge("sessions", node.sessions, host=node.host, placement=node.placement)

    connection = psycopg2.connect(dsn, command_timeout=2.5)
    try:
        connection.cursor().execute("SELECT pg_sleep(60)")
    except psycopg2.apus.CommandTimeout:
        connection.rollback()
"""

from typing import NamedTuple, Optional, Tuple

from psycopg2 import _psycopg
from psycopg2._psycopg import CommandTimeout, ping  # noqa: F401


class NodeStatus(NamedTuple):
    """A node of a cluster, and what this process knows of it."""

    contact_points: Tuple[str, ...]
    """host:port of every contact point that led to the cluster: clusters are told apart by them."""
    host: str
    """The node's own name or address, as `yb_servers()` lists it."""
    port: int
    public_host: Optional[str]
    """The public name or address; None where the node has none."""
    placement: str
    """cloud.region.zone"""
    kind: str
    """primary or read_replica"""
    sessions: int
    """This process's load-balanced sessions on the node, those being opened included."""
    down_for: float
    """Seconds for which the node is not picked, because it could not be reached; 0.0 for a node that is well."""
    listed: bool
    """Whether the last good list has it. One that left the list is shown as long as it has sessions."""


def cluster_status():
    """Return the nodes of every cluster that load-balanced connections were opened to, as a list of NodeStatus.

    It reads what is in memory: no server is asked. It begins empty, and again in the child of a fork.
    """
    return [NodeStatus(**node) for node in _psycopg.cluster_status()]
