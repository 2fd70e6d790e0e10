"""The smart driver's load balancers, as psycopg2-yugabytedb has them: a live view on what the engine counts.

Nodes are chosen by the engine; these objects only show it. New programs read `psycopg2.apus.cluster_status()`.
"""

from psycopg2 import _psycopg


class ClusterAwareLoadBalancer:
    """What is known under `load_balance` without topology keys."""

    def __init__(self, loadBalance, refreshInterval=300, failedHostTTL=5):
        self.loadBalance = loadBalance
        self.refreshListSeconds = refreshInterval
        self.failedHostsTTL = failedHostTTL

    def __repr__(self):
        return f"<{type(self).__name__} {self.loadBalance} {self.hostToNumConnMap}>"

    @property
    def hostToNumConnMap(self):
        """This process's balanced sessions by host, whichever policy opened them: a new dict each time."""
        counts = {}
        for node in _psycopg.cluster_status():
            counts[node["host"]] = counts.get(node["host"], 0) + node["sessions"]
        return counts

    @property
    def hostPortMap(self):
        """The port of each host."""
        return {node["host"]: node["port"] for node in _psycopg.cluster_status()}

    @property
    def unreachableHosts(self):
        """The hosts that are passed over now, and for how many seconds yet."""
        return {node["host"]: node["down_for"] for node in _psycopg.cluster_status() if node["down_for"] > 0}

    def printHostToConnMap(self):
        """Print a heading, then a line for each host: its name and the sessions on it."""
        print("Sessions of this process by host")
        for host, sessions in self.hostToNumConnMap.items():
            print(host, sessions)


class TopologyAwareLoadBalancer(ClusterAwareLoadBalancer):
    """What is known under `load_balance` with topology keys."""

    def __init__(self, loadBalance, placementvalues, refreshInterval=300, failedHostTTL=5, explicitFallbackOnly=False):
        super().__init__(loadBalance, refreshInterval, failedHostTTL)
        self.placements = placementvalues
        self.explicitFallbackOnly = explicitFallbackOnly
