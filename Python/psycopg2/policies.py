"""The load balancer objects of psycopg2-yugabytedb, as live views of the engine's counts.

The engine picks nodes; these objects only show its state. New programs use `psycopg2.apus.cluster_status()`.
"""

from psycopg2 import _psycopg


class ClusterAwareLoadBalancer:
    """The state for a policy without topology keys.

    Attributes: `loadBalance`, the mode; `refreshListSeconds` and `failedHostsTTL`, in seconds. Changing them has no
    effect.
    """

    def __init__(self, loadBalance, refreshInterval=300, failedHostTTL=5):
        self.loadBalance = loadBalance
        self.refreshListSeconds = refreshInterval
        self.failedHostsTTL = failedHostTTL

    def __repr__(self):
        return f"<{type(self).__name__} {self.loadBalance} {self.hostToNumConnMap}>"

    @property
    def hostToNumConnMap(self):
        """Number of balanced sessions of this process by host, for all policies, as a new dict."""
        counts = {}
        for node in _psycopg.cluster_status():
            counts[node["host"]] = counts.get(node["host"], 0) + node["sessions"]
        return counts

    @property
    def hostPortMap(self):
        """Port number by host, as a new dict."""
        return {node["host"]: node["port"] for node in _psycopg.cluster_status()}

    @property
    def unreachableHosts(self):
        """Seconds until the end of quarantine by host, for hosts in quarantine, as a new dict."""
        return {node["host"]: node["down_for"] for node in _psycopg.cluster_status() if node["down_for"] > 0}

    def printHostToConnMap(self):
        """Print a heading, then one line per host with the number of its sessions."""
        print("Sessions of this process by host")
        for host, sessions in self.hostToNumConnMap.items():
            print(host, sessions)


class TopologyAwareLoadBalancer(ClusterAwareLoadBalancer):
    """The state for a policy with topology keys.

    Attributes, in addition: `placements`, the topology keys; `explicitFallbackOnly`, the value of
    `fallback_to_topology_keys_only`.
    """

    def __init__(self, loadBalance, placementvalues, refreshInterval=300, failedHostTTL=5, explicitFallbackOnly=False):
        super().__init__(loadBalance, refreshInterval, failedHostTTL)
        self.placements = placementvalues
        self.explicitFallbackOnly = explicitFallbackOnly
