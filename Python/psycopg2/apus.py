"""Additions to psycopg2: the state of the clusters this process is connected to, for metrics, and time limits.

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
    """A node of a cluster, as known to this process."""

    contact_points: Tuple[str, ...]
    """The contact points of the cluster, as host:port. They identify the cluster."""
    host: str
    """The private name or address of the node, from `yb_servers()`."""
    port: int
    public_host: Optional[str]
    """The public name or address; None if the node has none."""
    placement: str
    """The placement, as cloud.region.zone."""
    kind: str
    """primary or read_replica."""
    sessions: int
    """Number of load-balanced sessions of this process on the node, including those being opened."""
    down_for: float
    """Seconds until the node's quarantine ends; 0.0 if it is not in quarantine."""
    listed: bool
    """True if the node is on the latest list. A node that left the list is shown while it has sessions."""


def cluster_status():
    """Return the nodes of all clusters that this process opened load-balanced connections to, as a list of NodeStatus.

    The data is in memory; no server is asked. The list is empty at first, and again in a forked child.
    """
    return [NodeStatus(**node) for node in _psycopg.cluster_status()]
